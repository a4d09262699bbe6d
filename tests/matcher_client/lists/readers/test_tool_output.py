"""The output of hashing programs and forensic tools is read as it is; other algorithms are left out by name."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import pytest
from orbweaver.matcher_client.errors import HashListUnreadable
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.lists.recognise import read_rows
from orbweaver.matcher_client.lists.row import LeftOutRow, Read, RefusedRow, Row
from orbweaver.model import Nature

RANDOM = random.Random("tools")
MD5, SHA1, SHA256 = RANDOM.randbytes(16), RANDOM.randbytes(20), RANDOM.randbytes(32)
SHA512 = RANDOM.randbytes(64).hex()
M, S1, S2 = MD5.hex(), SHA1.hex(), SHA256.hex()


def spaced(digest: str, mark: str = " ") -> str:
    return mark.join(digest[place : place + 2] for place in range(0, len(digest), 2))


def read(tmp_path: Path, content: str, encoding: str = "utf-8") -> tuple[list[Read], str]:
    path = tmp_path / "list.txt"
    path.write_bytes(content.encode(encoding))
    named: list[str] = []
    rows = list(read_rows(path, tell_format=named.append))
    return rows, named[0]


def digests_in(rows: list[Read]) -> set[bytes]:
    return {digest for row in rows if isinstance(row, Row) for digest in row.digests if digest is not None}


HASHDEEP = (
    "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## Invoked from: /evidence,a,b\n## $ hashdeep -r .\n##\n"
    f'17,{M},{S2},/evidence/a, b "c".jpg\n'
)
GET_FILEHASH_TABLE = (
    "\r\nAlgorithm       Hash" + " " * 62 + "Path\r\n---------       ----" + " " * 62 + "----\r\n"
    f"SHA256          {S2.upper()}       C:\\Users\\x\\a b.jpg\r\nMD5             {M.upper()}      C:\\y.jpg\r\n\r\n"
)
GET_FILEHASH_LIST = (
    f"\r\n\r\nAlgorithm : SHA256\r\nHash      : {S2.upper()}\r\nPath      : C:\\a very\r\n            long.jpg\r\n\r\n"
    f"Algorithm : MD5\r\nHash      : {M.upper()}\r\nPath      : C:\\b.jpg\r\n"
)
GET_FILEHASH_CSV = (
    '#TYPE Microsoft.PowerShell.Utility.FileHash\r\n"Algorithm","Hash","Path"\r\n'
    f'"SHA256","{S2.upper()}","C:\\a.jpg"\r\n"MD5","{M.upper()}","C:\\b, c.jpg"\r\n'
)
CERTUTIL = (
    f"SHA256 hash of a.jpg:\r\n{S2}\r\nCertUtil: -hashfile command completed successfully.\r\n"
    f"MD5-Hash von b.jpg:\r\n{spaced(M)}\r\nCertUtil: -hashfile-Befehl wurde erfolgreich ausgef\u00fchrt.\r\n"
)

READ = {
    "sha256sum --tag": f"SHA256 (a b (1).jpg) = {S2}\nMD5 (b.jpg) = {M}\n",
    "BSD sha256": f"SHA256 (a) = {S2}\nMD5 (b) = {M}\n",
    "openssl dgst": f"SHA2-256(a.jpg)= {S2}\nMD5(b.jpg)= {M}\n",
    "hashdeep": HASHDEEP,
    "md5deep -z": f"     17  {S2}  /evidence/a b.jpg\n   4096  {M}  /evidence/c.jpg\n",
    "Get-FileHash": GET_FILEHASH_TABLE,
    "Get-FileHash | Format-List": GET_FILEHASH_LIST,
    "Get-FileHash | Export-Csv": GET_FILEHASH_CSV,
    "certutil": CERTUTIL,
    "FTK": f'"MD5","SHA-256","FileNames"\n"{M}","{S2}","a.jpg"\n',
    "EnCase": f"Name\tHash Value\tCategory\n a.jpg\t{S2}\t\n b.jpg\t{M}\t\n",
    "X-Ways": f"Name;Hash1 (SHA-256);Hash2 (MD5)\na.jpg;{S2.upper()};{M.upper()}\n",
    "rclone hashsum": f"{S2}  a b.jpg\n{M}  c.jpg\n",
    "one blank before the name": f"{S2} a.jpg\n{M} 17 *b.jpg\n",
    "fsum": f"{S2} ?SHA256*a.jpg\n{M} ?MD5*b.jpg\n",
    "quotes without columns": f'"{S2}"\n"{M}"\n',
    "Excel's quotes": f'sha256,md5\n="{S2}",="{M}"\n',
    "base64": f"sha256_base64,MD5 (base64)\n{base64.b64encode(SHA256).decode()},{base64.b64encode(MD5).decode()}\n",
    "base32": f"sha256 base32,md5\n{base64.b32encode(SHA256).decode().rstrip('=')},{M}\n",
    "0x": f"sha256,md5\n0x{S2},0X{M}\n",
    "0x without columns": f"0x{S2}\n0x{M}\n",
    "Postgres' bytea": f"sha256,md5\n\\x{S2},\\x{M}\n",
    "blanks between bytes": f"{spaced(S2)}\n{spaced(M)}\n",
    "blanks in a column": f"sha256,md5\n{spaced(S2)},{spaced(M, ':')}\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_what_a_tool_wrote_is_read(tmp_path: Path, content: str, encoding: str) -> None:
    rows, _ = read(tmp_path, content, encoding)

    assert digests_in(rows) == {SHA256, MD5}
    assert [row for row in rows if isinstance(row, RefusedRow)] == []


def test_sizes_of_hashdeep_and_md5deep_count(tmp_path: Path) -> None:
    assert {row.size for row in read(tmp_path, READ["hashdeep"])[0] if isinstance(row, Row)} == {17}
    assert {row.size for row in read(tmp_path, READ["md5deep -z"])[0] if isinstance(row, Row)} == {17, 4096}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"BLAKE2b (a.jpg) = {SHA512}\n", "BLAKE2B is not MD5, SHA-1 or SHA-256"),
        (f"SHA512 (a.jpg) = {SHA512}\n", "SHA512 is not MD5, SHA-1 or SHA-256"),
        (f"%%%% HASHDEEP-1.0\n%%%% size,tiger,filename\n1,{S1},a\n", "TIGER is not MD5, SHA-1 or SHA-256"),
        (f'"Algorithm","Hash","Path"\n"SHA512","{SHA512}","a"\n', "SHA512 is not MD5, SHA-1 or SHA-256"),
        (f"Algorithm : SHA384\nHash : {SHA512[:96]}\n", "SHA384 is not MD5, SHA-1 or SHA-256"),
    ],
)
def test_a_digest_that_is_not_ours_is_left_out_by_its_name(tmp_path: Path, content: str, reason: str) -> None:
    rows, _ = read(tmp_path, content)
    assert rows == [LeftOutRow(reason)]
    with pytest.raises(HashListUnreadable, match=reason):
        build([tmp_path / "list.txt"], tmp_path / "list.hashes")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"{SHA512}  a.jpg\n", "a SHA-512 or a BLAKE2b"),
        (f"{SHA512[:96]}\n", "a SHA-384"),
        (f"{base64.b64encode(SHA256).decode()}\n", "a SHA-256 in base64, whose column has to say so"),
        (f"hash\n{SHA512}\n", "a SHA-512 or a BLAKE2b"),
        (f"a.jpg {S2}\n", "the line does not begin with a digest"),
        (f"{M} {S1}\n", "two digests on the line"),
        (f"SHA256 (a) = {S2[:-1]}\n", "the sha256 has 63 characters"),
        (f"SHA256 (a) = {S2}\nrubbish\n", "the line is not ALGORITHM"),
        (f"Algorithm  Hash  Path\n---  ---  ---\nSHA256  {S2[:20]}...  C:\\a\n", "was a column cut off"),
        (f"SHA256 hash of a.jpg:\nCertUtil: -hashfile command FAILED: {S2[:4]}\n", "the sha256 has "),
    ],
)
def test_a_refusal_names_the_true_reason(tmp_path: Path, content: str, reason: str) -> None:
    rows, _ = read(tmp_path, content)
    [refused] = [row for row in rows if isinstance(row, RefusedRow)]
    assert reason in refused.reason


@pytest.mark.parametrize(
    "columns", ["sha256,hash", "hash,sha256,digest", "sha256,hash,algorithm", "Hash,SHA256,Checksum"]
)
def test_a_hash_that_names_no_algorithm_spoils_no_digest_beside_it(tmp_path: Path, columns: str) -> None:
    values = {"sha256": S2, "hash": "f8f8f0cec0c0e0f0", "digest": "1x2", "checksum": "7", "algorithm": "phash"}
    row = ",".join(values[name.lower()] for name in columns.split(","))

    [found], _ = read(tmp_path, f"{columns}\n{row}\n")

    assert isinstance(found, Row)
    assert (found.digests, found.spoilt) == ((SHA256, None, None), None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"{S2}  a\0{M}  b\0", "lines with NUL"),
        (f"SHA256 (a) = {S2}\0MD5 (b) = {M}\0", "lines with NUL"),
        (f"RIPEMD-160\n{S1}\n", "digests that are not MD5, SHA-1 or SHA-256"),
        (f"MD4\n{M}\n", "digests that are not MD5, SHA-1 or SHA-256"),
        (f"MD5 (ed2k)\n{M}\n", "digests that are not MD5, SHA-1 or SHA-256"),
        (f"SHA-3 256\n{S2}\n", "digests that are not MD5, SHA-1 or SHA-256"),
    ],
)
def test_a_list_of_which_rows_would_be_lost_or_taken_for_others_is_refused_whole(
    tmp_path: Path, content: str, reason: str
) -> None:
    with pytest.raises(HashListUnreadable, match=reason):
        read(tmp_path, content)


NSRL = (
    '"SHA-1","MD5","CRC32","FileName","FileSize","ProductCode","OpSystemCode","SpecialCode"\r\n'
    f'"{S1.upper()}","{M.upper()}","1D6EBB5A","a, ""b"".dll",21504,8892,"358",""\r\n'
)


NSRL_FORMS = {
    "RDS 2, minimal": (
        '"SHA-1","MD5","FileName","FileSize","ProductCode","OpSystemCode","SpecialCode"\n'
        f'"{S1.upper()}","{M.upper()}","a.dll",21504,8892,"358",""\n'
    ),
    "RDS 2 with tabs": (
        "SHA-1\tMD5\tCRC32\tFileName\tFileSize\tProductCode\tOpSystemCode\tSpecialCode\n"
        f"{S1}\t{M}\t1D6EBB5A\ta.dll\t21504\t8892\t358\t\n"
    ),
    "RDS 3's table FILE": (
        f"sha256,sha1,md5,crc32,file_name,file_size,package_id\n{S2},{S1},{M},1D6EBB5A,a.dll,21504,8892\n"
    ),
}


@pytest.mark.parametrize("content", NSRL_FORMS.values(), ids=NSRL_FORMS)
def test_no_form_of_nists_software_library_makes_a_case(tmp_path: Path, content: str) -> None:
    [row], name = read(tmp_path, content)
    assert isinstance(row, Row)
    assert (name, row.size, row.label.nature) == ("NIST NSRL RDS", 21_504, Nature.BENIGN)
    assert row.digests[1:] == (SHA1, MD5)


def test_nists_software_library_is_a_list_of_what_is_harmless(tmp_path: Path) -> None:
    [row], name = read(tmp_path, NSRL)
    assert isinstance(row, Row)
    assert (name, row.digests, row.size) == ("NIST NSRL RDS", (None, SHA1, MD5), 21_504)
    assert (row.label.list, row.label.nature) == ("nsrl", Nature.BENIGN)
    assert build([tmp_path / "list.txt"], tmp_path / "list.hashes").files[0].benign == 1
