"""A request spells a URL as browsers do (measured with Chromium 156), and is for that URL and no other."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules.spelt_urls import SpeltUrl, is_spelling_of, sent_as, spell, spell_text
from orbweaver.crawler.rules.urls import MAX_URL_LENGTH, canonicalise, join, root_of

HOST = "http://example.com"
PAGE = SpeltUrl(f"{HOST}/start~/", "/start%7E/")
text = st.text(alphabet=st.sampled_from("ab/.?%#'\\ \t[]{}|^`\"<>~:@2eE7é\u4e2d\x7f\0"), max_size=30)


def sent(spelt: SpeltUrl) -> str:
    """Path and query of a request."""
    target = sent_as(*spelt)
    return spelt.url[len(root_of(spelt.url)) :] if target is None else target


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        # Escapes that are not needed, in either case, and what is no escape.
        ("/%7E%7e%41%2f%2F%c3%a9", "/%7E%7e%41%2f%2F%c3%a9"),
        ("/a%/%4/%zz?%&%u1234", "/a%/%4/%zz?%&%u1234"),
        # Raw marks: in a path, and in a query.
        ("/!$&'()*+,-.:;=@[]_~", "/!$&'()*+,-.:;=@[]_~"),
        ('/|^`{}"<>\x7f', "/%7C%5E%60%7B%7D%22%3C%3E%7F"),
        ("/q?!$&()*+,-./:;=?@[]_~|^`{}\\", "/q?!$&()*+,-./:;=?@[]_~|^`{}\\"),
        ("/q?'\"<>\x7f", "/q?%27%22%3C%3E%7F"),
        ("/a b?c d ", "/a%20b?c%20d"),
        ("/é?é", "/%C3%A9?%C3%A9"),
        # Dots, in escapes or not, slashes and backslashes.
        ("/d/%2e/a", "/d/a"),
        ("/d/%2E%2e/b/.%2e", "/"),
        ("/d/..%2f/c/%2e%2e%2e", "/d/..%2f/c/%2e%2e%2e"),
        ("/a//b\\c", "/a//b/c"),
        # A query without anything in it, and a fragment.
        ("/e?", "/e?"),
        ("/e?#f", "/e?"),
        ("/e#f?", "/e"),
        # What is relative to a page that was asked for in a spelling of its own.
        ("b%41", "/start%7E/b%41"),
        ("?q", "/start%7E/?q"),
        ("..", "/"),
        ("", "/start%7E/"),
        # Other hosts.
        ("//other.example/%7Ea", "/%7Ea"),
        ("https:\\\\other.example\\%7Ea?\\", "/%7Ea?\\"),
        ("HTTP://User@EXAMPLE.com:80/%7Ea", "/%7Ea"),
    ],
)
def test_a_link_is_sent_as_browsers_send_it(reference: str, expected: str) -> None:
    spelt = spell(PAGE, reference)

    assert sent(spelt) == expected
    assert spelt.url == join(PAGE.url, reference)


@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        (f"{HOST}/%7Euser/?", SpeltUrl(f"{HOST}/~user/", "/%7Euser/?")),
        (f"{HOST}/wp/%e5%86%99/", SpeltUrl(f"{HOST}/wp/%E5%86%99/", "/wp/%e5%86%99/")),
        ("HTTP://EXAMPLE.COM:80/%20é", SpeltUrl(f"{HOST}/%20%C3%A9")),
        (f"{HOST}/a?b='c'", SpeltUrl(f"{HOST}/a?b='c'")),
        (HOST, SpeltUrl(f"{HOST}/")),
    ],
)
def test_a_text_has_a_spelling_where_it_differs_from_its_url(pasted: str, expected: SpeltUrl) -> None:
    assert spell_text(pasted) == expected


def test_a_spelling_that_is_too_long_to_be_sent_is_none() -> None:
    most = MAX_URL_LENGTH - len(HOST)

    assert spell_text(f"{HOST}/{'%41' * 100}").spelling == f"/{'%41' * 100}"
    assert spell_text(f"{HOST}/{'%41' * (most // 3 + 1)}") == SpeltUrl(f"{HOST}/{'A' * (most // 3 + 1)}")


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        "~a",
        "/b",
        "//example.com/~a",
        "/~a#",
        "/~a ",
        "/~a\r\nHost: b",
        "/~a\0",
        "/~\x7f",
        "/~é",
        "/" + "%7e" * 2_000,
    ],
)
def test_what_is_another_url_or_cannot_be_sent_is_no_spelling(spelling: str) -> None:
    assert is_spelling_of("/%7ea", f"{HOST}/~a")
    assert not is_spelling_of(spelling, f"{HOST}/~a")


@given(text, text)
@example("/%7E/", "?'\\")
@example("/é%", "41")
def test_what_is_sent_is_the_same_url_and_can_stand_in_a_request(page: str, reference: str) -> None:
    try:
        spelt = spell(spell(PAGE, page), reference)
    except UrlRefused:
        return
    target = sent(spelt)
    assert re.fullmatch(r"/[!-~]*", target)
    assert "#" not in target
    assert join(spelt.url, root_of(spelt.url) + target.replace("%27", "'")) == spelt.url.replace("%27", "'")
    assert spelt.spelling is None or is_spelling_of(spelt.spelling, spelt.url)


@given(text)
def test_what_is_pasted_is_spelt_as_a_link_to_it(pasted: str) -> None:
    try:
        canonicalise(f"{HOST}/{pasted}")
    except UrlRefused:
        return
    assert spell_text(f"{HOST}/{pasted}").url == canonicalise(f"{HOST}/{pasted}")
