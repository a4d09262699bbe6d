"""Every row of the words of pages that are gone against its own examples."""

from __future__ import annotations

import re

import pytest
from orbweaver.crawler.rules.gate_words import plain
from orbweaver.crawler.rules.gone_words import ROWS, GoneKind, find, read_rows


def test_a_row_matches_its_example_and_no_row_of_its_kind_its_counter_example() -> None:
    for row in ROWS:
        text = plain(row.example).strip(" .!-")
        of_row = re.compile(row.pattern)
        assert of_row.fullmatch(text) if row.kind is GoneKind.TITLE else of_row.search(plain(row.example)), row
        assert find(row.kind, plain(row.example)), row
        assert find(row.kind, plain(row.counter_example)) is None, row


def test_no_row_is_idle() -> None:
    for row in ROWS:
        text = plain(row.example).strip(" .!-")
        for one in ROWS:
            if one.kind is row.kind and one is not row:
                is_known = (
                    re.fullmatch(one.pattern, text) if row.kind is GoneKind.TITLE else re.search(one.pattern, text)
                )
                assert not is_known, (row, one)


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("404 not found | a site", "404 not found"),
        ("a site - page not found", "page not found"),
        ("error 404: not found", "error 404"),
        ("page not found in our atlas of pages", None),
        ("404 pictures of birds", None),
        ("how i deleted a file", None),
        ("not found " * 20, None),
    ],
)
def test_of_a_title_a_whole_part_counts(title: str, found: str | None) -> None:
    assert find(GoneKind.TITLE, title) == found


def test_a_row_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_rows(["# words", "title  only two"])
