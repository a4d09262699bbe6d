"""What cannot be sent as a header's value is refused, with a reason that does not repeat it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.errors import AccessRefused
from orbweaver.crawler.fetching.asking.header_values import MOST_HEADER_CHARACTERS, header_value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\r\nX-Injected: 1", "control"),
        ("a\nb", "control"),
        ("a\x00b", "control"),
        ("a\tb", "control"),
        ("a\x7fb", "control"),
        ("a\x85b", "control"),
        ("caf\u00e9", "ASCII"),
        ("a\u2028b", "ASCII"),
        ("\ud800", "ASCII"),
        ("", "empty"),
        ("  ", "empty"),
        ("x" * (MOST_HEADER_CHARACTERS + 1), "longer"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(AccessRefused, match=reason):
        header_value(text)


@given(st.text())
def test_whatever_is_accepted_is_one_printable_line(text: str) -> None:
    try:
        value = header_value(text)
    except AccessRefused:
        return
    assert value.isascii()
    assert value.isprintable()
    assert value == value.strip()


def test_a_reason_never_has_the_text_in_it() -> None:
    with pytest.raises(AccessRefused) as refused:
        header_value("secret\n")
    assert "secret" not in str(refused.value)
