"""Every row of the words of gates against its own examples."""

from __future__ import annotations

import re
import timeit

import hypothesis
import hypothesis.strategies as st
import pytest
from hypothesis import given
from orbweaver.crawler.rules.gate_words import _HINTS, ROWS, GateWords, WordKind, find, plain, read_rows

# A quadratic reading of so long a text takes minutes.
SECONDS = 2


def row_of(row: GateWords) -> str:
    return f"{row.kind} {row.pattern[:60]}"


@pytest.mark.parametrize("row", ROWS, ids=row_of)
def test_a_row_matches_its_example_and_no_row_of_its_kind_its_counter_example(row: GateWords) -> None:
    assert find(row.kind, plain(row.example))
    assert find(row.kind, plain(row.counter_example)) is None


@pytest.mark.parametrize("row", ROWS, ids=row_of)
def test_no_row_is_idle(row: GateWords) -> None:
    others = [one.pattern for one in ROWS if one.kind is row.kind and one is not row]
    text = plain(row.example).strip(" .!()")
    whole = row.kind in {WordKind.CONFIRM, WordKind.ENTER, WordKind.LEAVE}
    assert not any(re.fullmatch(one, text) if whole else re.search(one, text) for one in others)


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind in _HINTS], ids=row_of)
@hypothesis.settings(max_examples=10)
@given(data=st.data())
def test_whatever_a_row_matches_has_a_hint_of_its_kind(row: GateWords, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(row.pattern, fullmatch=True))
    assert any(hint in text for hint in _HINTS[row.kind])


def test_what_refuses_is_never_a_way_in() -> None:
    for words in ("No, I am under 18", "Exit", "Leave", "I am under 18", "Join now (18+)", "Buy", "Log in", "Nein"):
        assert find(WordKind.LEAVE, plain(words))
    for row in ROWS:
        if row.kind in {WordKind.CONFIRM, WordKind.ENTER}:
            assert find(WordKind.LEAVE, plain(row.example)) is None, row.example


@pytest.mark.parametrize("kind", WordKind)
def test_a_long_text_is_read_in_linear_time(kind: WordKind) -> None:
    for piece in ("i am 18 ", "18 ", "you must ", "age", "direct links ", "&adult=", "over the age of "):
        assert timeit.timeit(lambda piece=piece: find(kind, piece * 3_000), number=1) < SECONDS


def test_a_row_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_rows(["# words", "confirm  only two"])
