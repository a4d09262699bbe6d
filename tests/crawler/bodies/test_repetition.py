"""A run of matches ends where no further one fits, and nowhere else."""

from __future__ import annotations

import re

import pytest
from orbweaver.crawler.bodies.repetition import end_of_run


@pytest.mark.parametrize(
    ("pattern", "text", "position", "end"),
    [
        ("ab", "ababa", 0, 4),
        ("ab", "ababa", 1, 1),
        ("ab", "", 0, 0),
        ("a{0,2}", "aaaaa", 0, 5),
        ("(?:ab|a){1,2}", "abaab", 0, 5),
        # Greedy, and never tried again: "a" and then "b" would fit too.
        ("ab|a|bc", "abc", 0, 2),
    ],
)
def test_a_run_ends_where_nothing_more_fits(pattern: str, text: str, position: int, end: int) -> None:
    assert end_of_run(re.compile(pattern), text, position) == end
    assert end_of_run(re.compile(pattern.encode()), text.encode(), position) == end
