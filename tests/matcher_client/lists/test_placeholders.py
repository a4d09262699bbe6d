"""Digests that say nothing about content are left out, and cost a row only when it has no other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from orbweaver.matcher_client.errors import HashListUnreadable
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.lists.file_format import HashList

GOOD = "17" * 19 + "18"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "the empty file"),
        (b"\0", "a single zero byte"),
        (b"\n", "a line end"),
        (b"\r\n", "a line end"),
        (b" ", "a space"),
        (b"\xef\xbb\xbf", "a byte order mark"),
        (bytes(512), "a blank sector"),
        (bytes(4_096), "a blank sector"),
    ],
)
@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_trivial_content_is_left_out_and_named(tmp_path: Path, content: bytes, name: str, algorithm: str) -> None:
    (tmp_path / "list").write_text(f"{hashlib.new(algorithm, content).hexdigest()}\n")
    with pytest.raises(HashListUnreadable, match=f"1 left out: stands for {name}"):
        build([tmp_path / "list"], tmp_path / "list.hashes")


@pytest.mark.parametrize("filler", ["0" * 32, "1" * 32, "a" * 32, "F" * 32, hashlib.md5(b"").hexdigest()])
def test_a_row_with_a_filler_keeps_its_other_digest(tmp_path: Path, filler: str) -> None:
    (tmp_path / "list").write_text(f"md5,sha1\n{filler},{GOOD}\n{filler},\n")
    report = build([tmp_path / "list"], tmp_path / "list.hashes")
    hash_list = HashList(tmp_path / "list.hashes")
    assert hash_list.find("sha1", bytes.fromhex(GOOD))
    assert hash_list.find("md5", bytes.fromhex(filler)) == []
    (file,) = report.files
    assert (file.rows, file.used, file.stripped, file.degenerate) == (2, 1, 1, 1)
