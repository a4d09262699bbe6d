"""Building: every form of input, what is refused and why, order, duplicates, bounded memory, atomicity."""

from __future__ import annotations

import base64
import hashlib
import os
import random
from pathlib import Path

import pytest
from orbweaver.matcher_client.errors import HashListUnreadable
from orbweaver.matcher_client.lists.build import BuildReport, build, is_built
from orbweaver.matcher_client.lists.file_format import Entry, HashList
from orbweaver.model import Nature

RANDOM = random.Random("orbweaver")
MD5, SHA1, SHA256 = (RANDOM.randbytes(width) for width in (16, 20, 32))
OTHER = RANDOM.randbytes(32)


def built_from(folder: Path, text: str | bytes, *, name: str = "hotline.txt") -> tuple[HashList, BuildReport]:
    source = folder / name
    source.write_bytes(text.encode() if isinstance(text, str) else text)
    report = build([source], folder / "list.hashes")
    return HashList(folder / "list.hashes"), report


def version_of(folder: Path, text: str, *, chunk_bytes: int = 2**20) -> str:
    source = folder / "hotline.csv"
    source.write_text(text)
    return build([source], folder / "list.hashes", chunk_bytes=chunk_bytes).list_version


def reasons(report: BuildReport) -> list[tuple[int, str]]:
    return [(int(refused.place.removeprefix("line ")), refused.reason) for refused in report.refused]


def test_bare_digests_are_told_apart_by_their_length(tmp_path: Path) -> None:
    hash_list, report = built_from(tmp_path, f"# comment\n\n{MD5.hex()}\n{SHA1.hex().upper()}\r\n  {SHA256.hex()}  \n")
    assert hash_list.find("md5", MD5) == [Entry(list="hotline")]
    assert hash_list.find("sha1", SHA1) == [Entry(list="hotline")]
    assert hash_list.find("sha256", SHA256) == [Entry(list="hotline")]
    assert hash_list.find("sha256", OTHER) == []
    assert report.digests == {"sha256": 1, "sha1": 1, "md5": 1}
    assert (report.rows, report.entries, report.refused) == (3, 3, [])


def test_what_sha256sum_and_md5sum_print_is_read(tmp_path: Path) -> None:
    hash_list, report = built_from(
        tmp_path, f"{SHA256.hex()}  a file.bin\n{MD5.hex()} *binary.bin\n\\{OTHER.hex()}  new\\nline.bin\n"
    )
    assert report.refused == []
    assert [bool(hash_list.find("sha256", digest)) for digest in (SHA256, OTHER)] == [True, True]
    assert hash_list.find("md5", MD5)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff", "# from a hotline, with; marks\n\n"])
def test_a_csv_is_read_with_any_delimiter_and_a_byte_order_mark(tmp_path: Path, delimiter: str, start: str) -> None:
    header = delimiter.join(["Entry-ID", "SHA-256", "ignored", "MD5", "Size", "CATEGORY", "scheme", "list", "Status"])
    row = delimiter.join(["e-1", SHA256.hex(), "x", MD5.hex().upper(), "17", "1", "vics", "national", "Active"])
    hash_list, report = built_from(tmp_path, f"{start}{header}\n{row}\n", name="hotline.csv")
    expected = Entry(list="national", entry_id="e-1", category="1", scheme="vics", status="active", size=17)
    assert hash_list.find("sha256", SHA256) == [expected]
    assert hash_list.find("md5", MD5) == [expected]
    assert (report.entries, hash_list.entry_count) == (1, 1)


def test_quoted_fields_may_hold_the_delimiter(tmp_path: Path) -> None:
    hash_list, _ = built_from(tmp_path, f'"md5","category"\n"{MD5.hex()}","one, ""two"""\n')
    assert hash_list.find("md5", MD5) == [Entry(list="hotline", category='one, "two"')]


def test_a_sha1_in_base32_is_read_in_the_sha1_column(tmp_path: Path) -> None:
    hash_list, report = built_from(tmp_path, f"sha1\n{base64.b32encode(SHA1).decode()}\n")
    assert report.refused == []
    assert hash_list.find("sha1", SHA1)


def test_32_hex_digits_are_an_md5_even_where_they_would_be_base32(tmp_path: Path) -> None:
    hexadecimal_and_base32 = "ABCDEF234567" * 2 + "ABCDEF23"
    _, report = built_from(tmp_path, f"sha1\n{hexadecimal_and_base32}\n{SHA1.hex()}\n")
    assert reasons(report) == [(2, "the sha1 has 32 hex digits: that is an MD5")]
    hash_list, _ = built_from(tmp_path, f"{hexadecimal_and_base32}\n")
    assert hash_list.find("md5", bytes.fromhex(hexadecimal_and_base32))


def test_a_bad_bare_line_is_reported_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    hash_list, report = built_from(
        tmp_path,
        f"{SHA256.hex()}\n{SHA256.hex()[:-1]}\n{'g' * 32}\n{MD5.hex()} {MD5.hex()}\nx{'y' * 70_000}\n{MD5.hex()}\n",
    )
    assert reasons(report) == [
        (2, "a digest has 32, 40 or 64 hex digits, not 63 characters"),
        (3, "the digest has characters that are not hex digits"),
        (4, "two digests on the line: name the columns in a first line, such as md5 and sha1"),
        (5, "the line is longer than 65,536 bytes"),
    ]
    assert {refused.file for refused in report.refused} == {str(tmp_path / "hotline.txt")}
    assert hash_list.find("sha256", SHA256)
    assert hash_list.find("md5", MD5)
    assert (report.rows, report.entries, report.refused_count) == (6, 2, 4)


def test_a_bad_csv_line_is_reported_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = [
        b"md5,sha1,size,entry_id",
        f"{MD5.hex()[:-2]},,1,a".encode(),
        f"{'g' * 32},,1,b".encode(),
        f"{MD5.hex()},nonsense,1,c".encode(),
        f"{MD5.hex()},,-1,d".encode(),
        f"{MD5.hex()},,{2**64},e".encode(),
        f"{MD5.hex()},,1".encode(),
        f"{MD5.hex()},,1,f,g".encode(),
        b",,1,h",
        f'{MD5.hex()},,1,"i'.encode(),
        f"{MD5.hex()},,1,".encode() + b"\xff",
        f"{MD5.hex()},,1,{'k' * 1_001}".encode(),
        f"{MD5.hex()},{SHA1.hex()},1,good,".encode(),
    ]
    hash_list, report = built_from(tmp_path, b"\n".join(lines), name="hotline.csv")
    assert reasons(report) == [
        (2, "the md5 has 30 characters where it needs 32 hex digits"),
        (3, "the md5 has characters that are not hex digits"),
        (7, "the line has 3 fields where the header has 4"),
        (8, "the line has 5 fields where the header has 4"),
        (9, "the line has no digest"),
        (10, "the line has a quote that does not end on it"),
        (11, "the entryid is not UTF-8"),
        (12, "the entryid is longer than 1,000 bytes"),
    ]
    assert report.files[0].spoilt == {
        "the sha1 has 8 characters where it needs 40 hex digits": 1,
        "the size is not a whole number of bytes": 1,
    }
    found = {entry.entry_id: entry for entry in hash_list.find("md5", MD5)}
    assert found.keys() == {"c", "d", "e", "good"}
    assert found["good"] == Entry(list="hotline", entry_id="good", size=1)


def test_a_refused_line_never_repeats_a_digest(tmp_path: Path) -> None:
    _, report = built_from(tmp_path, f"{SHA256.hex()[:-1]}\n{MD5.hex()}x\n{MD5.hex()}\n")
    assert report.refused_count == 2
    assert not any(digest.hex()[:8] in str(report.refused) for digest in (MD5, SHA256))


def test_only_the_first_thousand_refused_lines_are_kept_but_all_are_counted(tmp_path: Path) -> None:
    _, report = built_from(tmp_path, "nonsense\n" * 1_500 + MD5.hex())
    assert (len(report.refused), report.refused_count, report.rows) == (1_000, 1_500, 1_501)


def test_the_empty_file_is_left_out_and_a_size_that_is_not_known_costs_no_digest(tmp_path: Path) -> None:
    empties = [hashlib.new(name).hexdigest() for name in ("md5", "sha1", "sha256")]
    _, bare = built_from(tmp_path, "\n".join([*empties, SHA256.hex()]))
    assert (bare.degenerate, bare.entries) == (3, 1)
    for size in ("0", "-1", "", "NULL", "N/A", "-", "null", "\\N"):
        hash_list, rows = built_from(tmp_path, f"sha256,size\n{SHA256.hex()},{size}\n{OTHER.hex()},7\n")
        assert (rows.degenerate, rows.refused_count, rows.entries) == (0, 0, 2)
        assert [entry.size for digest in (SHA256, OTHER) for entry in hash_list.find("sha256", digest)] == [None, 7]


@pytest.mark.parametrize("bad", ["abc", "z" * 40, "0" * 39])
def test_one_bad_digest_does_not_cost_the_good_ones_of_its_row_and_is_said(tmp_path: Path, bad: str) -> None:
    rows = f"{SHA256.hex()},{bad},{MD5.hex()}\n{OTHER.hex()},-,NULL\n"
    hash_list, report = built_from(tmp_path, f"sha256,sha1,md5\n{rows}")
    assert (report.refused_count, report.entries) == (0, 2)
    [entry] = hash_list.find("md5", MD5)
    assert hash_list.find("sha256", SHA256) == [entry]
    [reason] = report.files[0].spoilt
    assert reason.startswith("the sha1 has ")
    assert report.files[0].spoilt == {reason: 1}


def test_a_list_that_is_marked_benign_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "known.txt").write_text(SHA256.hex() + "\n")
    report = build([tmp_path / "known.txt"], tmp_path / "known.hashes", is_benign=True)
    assert report.files[0].benign == 1
    [entry] = HashList(tmp_path / "known.hashes").find("sha256", SHA256)
    assert entry.nature is Nature.BENIGN


def test_equal_rows_collapse_and_different_ones_stay(tmp_path: Path) -> None:
    row = f"{MD5.hex()},{SHA1.hex()}"
    hash_list, report = built_from(tmp_path, f"md5,sha1,entry_id\n{row},a\n{row},a\n{row},b\n{row},\n{row},\n")
    assert (report.rows, report.entries, report.duplicates) == (5, 3, 2)
    assert {entry.entry_id for entry in hash_list.find("md5", MD5)} == {"a", "b", None}
    _, bare = built_from(tmp_path, f"{MD5.hex()}\n{MD5.hex().upper()}\n")
    assert (bare.entries, bare.duplicates, bare.digests["md5"]) == (1, 1, 1)


def test_several_files_make_one_list_and_each_names_its_own(tmp_path: Path) -> None:
    (tmp_path / "first.txt").write_text(SHA256.hex())
    (tmp_path / "second.csv").write_text(f"sha256,list\n{SHA256.hex()},\n{OTHER.hex()},named\n")
    build([tmp_path / "first.txt", tmp_path / "second.csv"], tmp_path / "list.hashes")
    hash_list = HashList(tmp_path / "list.hashes")
    assert {entry.list for entry in hash_list.find("sha256", SHA256)} == {"first", "second"}
    assert [entry.list for entry in hash_list.find("sha256", OTHER)] == ["named"]


def test_the_same_content_in_any_order_is_the_same_version(tmp_path: Path) -> None:
    generator = random.Random(5)
    header = "sha256,md5,size,entry_id,category\n"
    rows = [
        f"{generator.randbytes(32).hex()},{generator.randbytes(16).hex() * (n % 2)},"
        f"{n * (n % 3) or ''},{'id-' * (n % 2)}{n % 7},{n % 5}\n"
        for n in range(400)
    ]
    first = version_of(tmp_path, header + "".join(rows))
    generator.shuffle(rows)
    assert version_of(tmp_path, header + "".join(rows)) == first
    assert version_of(tmp_path, header + "".join(rows + rows[:9])) == first
    assert version_of(tmp_path, header + "".join(rows[1:])) != first


def test_a_changed_category_is_another_version(tmp_path: Path) -> None:
    versions = {version_of(tmp_path, f"md5,category\n{MD5.hex()},{category}\n") for category in "01"}
    assert len(versions) == 2


def test_sorting_in_files_gives_the_same_bytes_as_sorting_in_memory(tmp_path: Path) -> None:
    generator = random.Random(6)
    # More than 64 runs, so that runs are merged in two steps.
    rows = "".join(
        f"{generator.randbytes(32).hex()},{generator.randbytes(20).hex()},{'e' * (n % 3)}\n" for n in range(3_000)
    )
    text = f"sha256,sha1,entry_id\n{rows}"
    assert version_of(tmp_path, text, chunk_bytes=3_000) == version_of(tmp_path, text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hotline.csv", "list.hashes"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "is missing"),
        (b"", "is empty"),
        (b"# nothing\n\n", "is empty"),
        (b"entry_id,category\n1,2\n", "has no md5, sha1 or sha256 column"),
        (b"md5,sha-1,SHA1\n", "has two columns sha1"),
        (b"hello\n", "no usable digest in .*1 rows refused.*line 1 of .*not 5 characters"),
        (hashlib.md5(b"").hexdigest().encode(), "no usable digest in .*1 left out: stands for the empty file"),
        (b"md5\n", "is empty"),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_one_line(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    source = tmp_path / "source.txt"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(HashListUnreadable, match=complaint) as caught:
        build([source], tmp_path / "list.hashes")
    assert "\n" not in str(caught.value)
    assert str(source) in str(caught.value)
    assert not (tmp_path / "list.hashes").exists()


def test_a_folder_is_not_a_list(tmp_path: Path) -> None:
    with pytest.raises(HashListUnreadable, match="is not a regular file"):
        build([tmp_path], tmp_path / "list.hashes")


def test_a_built_list_is_not_an_input(tmp_path: Path) -> None:
    built_from(tmp_path, SHA256.hex())[0].close()
    assert is_built(tmp_path / "list.hashes")
    assert not is_built(tmp_path / "hotline.txt")
    assert not is_built(tmp_path / "missing")
    with pytest.raises(HashListUnreadable, match="is a built list already"):
        build([tmp_path / "list.hashes"], tmp_path / "other.hashes")


def test_a_source_is_never_overwritten_by_its_list(tmp_path: Path) -> None:
    source = tmp_path / "list.txt"
    source.write_text(SHA256.hex())
    with pytest.raises(HashListUnreadable, match="name another output"):
        build([source], source)
    assert source.read_text() == SHA256.hex()


def test_a_failed_build_leaves_the_old_list_and_no_rest(tmp_path: Path) -> None:
    hash_list, _ = built_from(tmp_path, SHA256.hex())
    (tmp_path / "hotline.txt").write_text("nonsense")
    with pytest.raises(HashListUnreadable):
        build([tmp_path / "hotline.txt"], tmp_path / "list.hashes")
    assert HashList(tmp_path / "list.hashes").list_version == hash_list.list_version
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hotline.txt", "list.hashes"]


def test_the_list_has_the_permissions_that_the_umask_gives(tmp_path: Path) -> None:
    built_from(tmp_path, SHA256.hex())
    plain = tmp_path / "plain"
    plain.touch()
    assert os.stat(tmp_path / "list.hashes").st_mode == os.stat(plain).st_mode


def test_progress_counts_rows_and_ends_at_their_number(tmp_path: Path) -> None:
    source = tmp_path / "many.txt"
    generator = random.Random(7)
    source.write_text("".join(f"{generator.randbytes(16).hex()}\n" for _ in range(110_000)))
    seen: list[int] = []
    build([source], tmp_path / "list.hashes", progress=seen.append)
    assert seen == [50_000, 100_000, 110_000]


def test_an_id_in_a_label_column_is_called_by_its_name(tmp_path: Path) -> None:
    source = tmp_path / "hotline.csv"
    generator = random.Random(8)
    source.write_text("md5,category\n" + "".join(f"{generator.randbytes(16).hex()},{n}\n" for n in range(65_537)))
    with pytest.raises(HashListUnreadable, match="put what names a single entry into the entry_id column"):
        build([source], tmp_path / "list.hashes")
