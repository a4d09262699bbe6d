"""Which URLs look misread, and which do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.queue.records.misread_urls import misreading


@pytest.mark.parametrize(
    ("rest", "sign"),
    [
        ("a.jpg)", "bracket"),
        ("a.jpg%5D", "bracket"),
        ("(a.jpg", "bracket"),
        ("a.jpg}", "bracket"),
        ("a.jpg.", "mark of a sentence"),
        ("a.jpg,", "mark of a sentence"),
        ("a.jpg;", "mark of a sentence"),
        ("a.jpg%7C", "mark of a sentence"),
        ("a.jpg'", "quotation mark"),
        ("a.jpg%22", "quotation mark"),
        ("a.jpg%E2%80%9D", "quotation mark"),
        ("a.jpg*", "quotation mark"),
        ("a?b=1&amp;c=2", "HTML escape"),
        ("a?b=1%26amp;c=2", "HTML escape"),
        ("a.jpg%3C/a%3E", "HTML or Markdown"),
        ("a](http", "HTML or Markdown"),
        ("a.jpg%20", "blank at its end"),
        ("a.jpg%C2%A0", "blank at its end"),
        ("a.jpg%20see%20also", "words follow"),
        ("a.jpghttp://h.test/b.jpg", "second URL"),
        ("a/https://h.test/b.jpg", "second URL"),
        ("a.jpghxxp://h.test/b.jpg", "second URL"),
        ("www%5B.%5Dh.test/a", "defanged"),
        ("a[dot]jpg", "defanged"),
        ("a.jpg%E3%80%82%E6%AC%A1", "another script"),
        ("a.jpg%EF%BC%89", "another script"),
        ("a.jpg%D8%8C", "another script"),
        ("a.jpg%E2%80%8B", "invisible"),
        ("a%EF%BB%BF.jpg", "invisible"),
        ("a%0A.jpg", "invisible"),
        ("album/2026-01...", "cut off"),
        ("album/2026%E2%80%A6", "cut off"),
    ],
)
def test_a_url_looks_misread(rest: str, sign: str) -> None:
    assert sign in (misreading(f"http://h.test/{rest}") or "nothing")


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "a.jpg",
        "wiki/Web_(film)",
        "a[1].jpg",
        "a%5B1%5D.jpg",
        "my%20photo.jpg",
        "search?q=a+b",
        "go?to=http://h.test/b",
        "go?to=https%3A%2F%2Fh.test%2Fb",
        "a?b=1&amplitude=2",
        "v1.2/a",
        "a;jsessionid=1",
        "caf%C3%A9.jpg",
        "%E5%86%99%E7%9C%9F.jpg",
        "~user/",
        "a?b=c:d",
    ],
)
def test_an_ordinary_url_does_not(rest: str) -> None:
    assert misreading(f"http://h.test/{rest}") is None


@given(st.text(alphabet="a.%20[](){}&;:/'hxtp", max_size=40))
def test_a_sign_is_said_in_words_that_quote_nothing(rest: str) -> None:
    sign = misreading(f"http://h.test/{rest}")
    assert sign is None or sign.isprintable()
