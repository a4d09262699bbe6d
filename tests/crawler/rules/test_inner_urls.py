"""The URLs that stand in the parameters of a URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules.inner_urls import inner_urls
from orbweaver.crawler.rules.urls import canonicalise


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("to=http%3A%2F%2Fa.example%2Fb.jpg", ["http://a.example/b.jpg"]),
        ("to=http%253A%252F%252Fa.example%252Fb%25201.jpg&id=3", ["http://a.example/b%201.jpg"]),
        ("id=3&u=https://a.example/b?c=d&v=http://c.example", ["https://a.example/b?c=d", "http://c.example/"]),
        ("to=http%3A%2F%2Fa.example%2Fb%3Fc%3D%252F", ["http://a.example/b?c=%2F"]),
        ("title=http", []),
        ("to=%2Fb.jpg", ["http://files.example/b.jpg"]),
        ("file=/a/../b%20c.pdf&x=1", ["http://files.example/b%20c.pdf"]),
        ("return=/login.php&to=%2Fa%2Fb&u=//h/a.jpg&v=%2F%5Ch%2Fa.jpg&d=/", []),
        ("to=http%3A%2F%2F%5C%2F", []),
        ("https://a.example/b", []),
    ],
)
def test_the_parameters_that_are_urls(query: str, found: list[str]) -> None:
    assert list(inner_urls(f"http://files.example/leave?{query}")) == found


@given(st.lists(st.sampled_from(["http", "https:", "%3A", "%253A", "//", "%2F", "&u=", "a.b", "%", "?"])))
def test_whatever_is_found_is_canonical(pieces: list[str]) -> None:
    try:
        url = canonicalise("http://files.example/?u=" + "".join(pieces))
    except UrlRefused:
        return
    assert all(canonicalise(one) == one for one in inner_urls(url))
