"""JSON with more than one meaning, or with values out of bounds, is no answer, although other readers accept it."""

from __future__ import annotations

import gc
import json
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.matcher_client.transport import answer_reading
from orbweaver.matcher_client.transport.answer_reading import MOST_COUNT, parse_json

any_json = st.recursive(
    st.none() | st.booleans() | st.integers(-MOST_COUNT, MOST_COUNT) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(any_json, st.booleans())
def test_json_of_one_meaning_is_read(value: object, is_escaped: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=is_escaped).encode()) == value


@pytest.mark.parametrize(
    "document",
    [
        b'{"listings": [1], "listings": []}',
        b'[{"a": {"b": 1, "b": 1}}]',
        rb'{"a": 1, "\u0061": 2}',
        b'"\\ud800"',
        b'{"\\uDFFF": 1}',
        b'"\xed\xa0\x80"',
        b"\xff",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"NaN",
        b"[-Infinity]",
        b"1e400",
        b"1" + b"0" * 400,
        b"-" + b"9" * 5_000,
        b'{"size": 9223372036854775808}',
        b"{}{}",
        b"[" * 100_000,
        b"",
    ],
)
def test_anything_else_is_not_and_nothing_of_it_is_said(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it is not JSON, or JSON that can be read in two ways$"):
        parse_json(document)


def test_a_nested_document_does_not_reach_the_end_of_the_stack() -> None:
    # What the garbage collector ends meanwhile (connections, files) needs some stack too.
    frames = 0

    class Held:
        def __del__(self) -> None:
            nonlocal frames
            frames += 1
            self.needs(400)

        def needs(self, more: int) -> None:
            if more:
                self.needs(more - 1)

    failed: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, failed.append
    gc.collect()
    try:
        held = Held()
        held.itself = held  # type: ignore[attr-defined]  # garbage for the collector alone
        del held
        with pytest.raises(ValueError, match="it is not JSON"):
            parse_json(b"[" * 100_000)
        gc.collect()
    finally:
        sys.unraisablehook = before
    assert frames == 1
    assert not failed


@pytest.mark.parametrize(
    ("text", "is_text"),
    [("", True), ("ПДФ 日本 🙂", True), ("A" * 1_000, True), ("A" * 1_001, False)]
    + [(f"a{letter}b", False) for letter in "\0\t\n\r\x1b\x7f\x85\ud800"],
)
def test_a_text_is_short_and_has_no_control_characters(text: str, is_text: bool) -> None:
    assert answer_reading.is_text(text) == is_text
    assert answer_reading.is_text(answer_reading.without_controls(text) or "") == (len(text) <= 1_000)


@pytest.mark.parametrize(("year", "is_sane"), [(1, False), (1969, False), (1970, True), (2199, True), (9999, False)])
def test_a_list_is_of_a_time_that_can_be_reckoned_with(year: int, is_sane: bool) -> None:
    assert answer_reading.is_sane_time(datetime(year, 6, 1, tzinfo=UTC)) == is_sane
