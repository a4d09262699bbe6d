"""TCAP's hash list: arrays and pages, deleted entries, algorithms that are none of ours."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.lists.file_format import HashList, Label
from orbweaver.matcher_client.lists.recognise import read_rows
from orbweaver.matcher_client.lists.row import LeftOutRow, Read, RefusedRow, Row

RANDOM = random.Random("tcap")
MD5, SHA256 = RANDOM.randbytes(16), RANDOM.randbytes(32)


def entry(**values: Any) -> dict[str, Any]:
    return {
        "hash_digest": MD5.hex(),
        "algorithm": "MD5",
        "ideology": "islamist",
        "file_type": "mp4",
        "deleted": False,
        "updated_on": 1704901040.25,
        "created_on": "2025-03-03 23:05:22,587",
        "id": 2819,
    } | values


def page(*entries: dict[str, Any]) -> str:
    return json.dumps({"count": 100, "next": None, "checkpoint": "1724856487.709035,10594", "results": entries})


def read(folder: Path, text: str) -> list[Read]:
    (folder / "file").write_text(text)
    return list(read_rows(folder / "file"))


@pytest.mark.parametrize("is_page", [True, False])
def test_an_entry_keeps_what_it_says(tmp_path: Path, is_page: bool) -> None:
    text = page(entry()) if is_page else json.dumps([entry()])
    label = Label("tcap", "islamist", "tcap", None)
    assert read(tmp_path, text) == [Row((None, None, MD5), label, None, "2819", 1704901040250)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"algorithm": "SHA256", "hash_digest": SHA256.hex().upper()}, (SHA256, None, None)),
        ({"algorithm": "sha-256", "hash_digest": SHA256.hex()}, (SHA256, None, None)),
        ({"algorithm": "SHA512", "hash_digest": "ab" * 64}, LeftOutRow("SHA512 is not MD5, SHA-1 or SHA-256")),
        ({"algorithm": "PDQ", "hash_digest": "ab" * 32}, LeftOutRow("PDQ is not MD5, SHA-1 or SHA-256")),
        ({"algorithm": "TMK", "hash_digest": "x" * 9_999}, LeftOutRow("TMK is not MD5, SHA-1 or SHA-256")),
        ({"hash_digest": "123abc"}, "the md5 has 6 characters where it needs 32 hex digits"),
        ({"hash_digest": None}, "the entry has no digest"),
        ({"algorithm": None}, "the algorithm has no name"),
        ({"algorithm": MD5.hex()}, "the algorithm has no name"),
        ({"deleted": "perhaps"}, "the flag deleted is neither true nor false"),
        ({"updated_on": "yesterday"}, "updated_on is not a time in seconds"),
        ({"updated_on": -1}, "updated_on is not a time in seconds"),
    ],
)
def test_what_becomes_of_an_entry(tmp_path: Path, values: dict[str, Any], expected: object) -> None:
    (row,) = read(tmp_path, page(entry(**values)))
    if isinstance(row, Row):
        assert row.digests == expected
    elif isinstance(row, RefusedRow):
        assert (row.place, row.reason) == ("record 1", expected)
    else:
        assert row == expected


@pytest.mark.parametrize("deleted", [True, "true", "True"])
def test_a_deleted_entry_is_withdrawn_by_its_newer_state(tmp_path: Path, deleted: object) -> None:
    (tmp_path / "list").write_text(page(entry(deleted=deleted, updated_on=1704901099), entry()))
    report = build([tmp_path / "list"], tmp_path / "list.hashes")
    (found,) = HashList(tmp_path / "list.hashes").find("md5", MD5)
    assert (found.status, found.entry_id) == ("withdrawn", "2819")
    assert (report.rows, report.entries, report.superseded) == (2, 1, 1)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "hash_digest": st.binary(min_size=16, max_size=16).map(bytes.hex),
                "ideology": st.sampled_from(["islamist", "far-right", None, "other"]),
                "deleted": st.booleans(),
                "id": st.integers(0, 2**60),
            }
        ),
        min_size=1,
    )
)
def test_what_is_written_is_read_back(entries: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = read(Path(folder), page(*(entry(**values) for values in entries)))
    assert rows == [
        Row(
            (None, None, bytes.fromhex(values["hash_digest"])),
            Label("tcap", values["ideology"], "tcap", "withdrawn" if values["deleted"] else None),
            None,
            str(values["id"]),
            1704901040250,
        )
        for values in entries
    ]
