"""Opening a list: compressed or not, in which encoding, and whole or cut."""

from __future__ import annotations

import gzip
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from orbweaver.matcher_client.errors import BadFileError, HashListUnreadable
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.lists.file_format import HashList
from orbweaver.matcher_client.lists.recognise import read_rows
from orbweaver.matcher_client.lists.source import open_source, read_head

RANDOM = random.Random("source")
LINES = "".join(f"{RANDOM.randbytes(16).hex()}\n" for _ in range(20_000))
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_list_is_read_however_it_is_kept(tmp_path: Path, encoding: str, is_compressed: bool) -> None:
    content = LINES.encode(encoding)
    (tmp_path / "list").write_bytes(gzip.compress(content, 1) if is_compressed else content)
    with open_source(tmp_path / "list") as file:
        assert file.read() == LINES.encode()
    assert read_head(tmp_path / "list") == LINES.encode()[: 64 * 1024]


def test_gzip_in_several_members_is_one_list(tmp_path: Path) -> None:
    half = len(LINES) // 33 // 2 * 33
    (tmp_path / "list").write_bytes(b"".join(gzip.compress(part.encode()) for part in (LINES[:half], LINES[half:])))
    report = build([tmp_path / "list"], tmp_path / "list.hashes")
    assert report.entries == 20_000


@pytest.mark.parametrize("share", [0.001, 0.5, 0.9999])
def test_a_cut_gzip_file_is_refused_after_what_is_whole(tmp_path: Path, share: float) -> None:
    content = gzip.compress(LINES.encode(), 1)
    (tmp_path / "list").write_bytes(content[: max(3, int(len(content) * share))])
    with pytest.raises(HashListUnreadable, match=r"list ends early \(its gzip data is cut\): get a complete copy"):
        build([tmp_path / "list"], tmp_path / "list.hashes")
    assert not (tmp_path / "list.hashes").exists()


def test_a_changed_byte_in_gzip_is_noticed(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(LINES.encode()))
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(HashListUnreadable, match=r"is damaged|ends early"):
        build([tmp_path / "list"], tmp_path / "list.hashes")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PK\x03\x04" + bytes(99), "is a ZIP archive: unpack it"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(99), "is a 7z archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "is Zstandard data"),
        (b"SQLite format 3\0" + bytes(99), "is an SQLite database"),
        (gzip.compress(gzip.compress(LINES.encode()), mtime=0), "is gzip data inside gzip data"),
        (gzip.compress(b"PK\x03\x04" + bytes(99), mtime=0), "is a ZIP archive"),
        (LINES.encode("utf-32"), "is UTF-32: save it as UTF-8"),
        (LINES.encode("utf-16")[:-1], r"ends early \(inside a character\).*rows before that are whole"),
        (LINES[:660].encode("utf-16") + b"\x00\xdc" * 9, "is damaged .not UTF-16 throughout"),
        (b"\xff\xfe", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b'{"a": 1}', "is JSON, but neither VICS nor TCAP"),
        (b'[["md5"]]', "is JSON, but neither VICS nor TCAP"),
        (b"<html></html>", "is an HTML page: save its table as CSV"),
        (b"<list></list>", "is XML, and not a query result"),
        (b"HASH\r\n\xff\0" + bytes(99), "is a hash set of EnCase: export it as text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "is a file of Excel 97"),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "is an Excel or LibreOffice file: save the sheet"),
    ],
)
def test_what_is_no_list_is_refused_in_one_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(HashListUnreadable, match=complaint) as caught:
        list(read_rows(tmp_path / "list"))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "list") in str(caught.value)


def test_a_cut_file_in_the_middle_of_others_keeps_the_old_list(tmp_path: Path) -> None:
    (tmp_path / "whole").write_text(LINES)
    version = build([tmp_path / "whole"], tmp_path / "list.hashes").list_version
    (tmp_path / "cut.gz").write_bytes(gzip.compress(LINES.encode())[:-9])
    with pytest.raises(HashListUnreadable, match=r"cut.gz ends early"):
        build([tmp_path / "whole", tmp_path / "cut.gz"], tmp_path / "list.hashes")
    assert HashList(tmp_path / "list.hashes").list_version == version


# Many megabytes out of a little gzip, read as each format; the process may have little more memory than it starts with.
UNPACKED = """
import gzip, resource, sys
from pathlib import Path
from orbweaver.matcher_client.errors import HashListUnreadable
from orbweaver.matcher_client.lists.recognise import read_rows

start, filler = sys.argv[2].encode(), sys.argv[3].encode()
megabytes = int(sys.argv[4])
with gzip.open(sys.argv[1], "wb", compresslevel=1) as file:
    file.write(start)
    for _ in range(megabytes):
        file.write(filler * (1_000_000 // len(filler)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(sum(1 for _ in read_rows(Path(sys.argv[1]))))
except HashListUnreadable as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
QUERY_RESULT = '<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2"><images>'
VICS = '{"odata.metadata":"/DataModels/1.3.xml#Media"'
IMAGE = f'<image><member id="1"/><id>i</id><fingerprints><md5>{"ab" * 16}</md5></fingerprints></image>'


@pytest.mark.parametrize(
    ("megabytes", "start", "filler", "said"),
    [
        (80, "", "0", "1"),
        (8, "", f"{'ab' * 16}\n", r"24\d{4}"),
        (10, QUERY_RESULT, IMAGE, r".*ends early: get a complete copy .\d+,\d+ rows before that are whole."),
        (80, QUERY_RESULT, "a", r".*ends early: get a complete copy"),
        (80, f"{QUERY_RESULT}<!--", "a", r".*more than 4,194,304 bytes of XML in one piece"),
        (80, f'{VICS},"x":"', "a", r".*more than 4,194,304 bytes of JSON in one piece"),
    ],
)
def test_a_list_that_unpacks_to_many_megabytes_takes_next_to_no_memory(
    tmp_path: Path, megabytes: int, start: str, filler: str, said: str
) -> None:
    arguments = [sys.executable, "-c", UNPACKED, str(tmp_path / "list"), start, filler, str(megabytes)]
    ran = subprocess.run(arguments, capture_output=True, text=True, timeout=300)
    first, kilobytes = ran.stdout.splitlines()
    assert re.fullmatch(said, first)
    assert int(kilobytes) < 40 * 1024  # half of what is one piece there; rows of a list take several times their text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\r\x00", "a JPG file (image/jpeg)"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a PNG file (image/png)"),
        (b"%PDF-1.7\n%\xe2\xe3\n", "a PDF file (application/pdf)"),
    ],
)
def test_a_picture_or_document_is_called_what_it_is(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(BadFileError, match=re.escape(f"is {kind} and no list")):
        open_source(path)
