"""Cookies are kept and sent as browsers do; a host cannot make them many, long, or another host's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.crawler.fetching.asking.cookies import (
    COOKIE_CHARACTERS,
    JAR_BYTES,
    MOST_COOKIES,
    SENT_BYTES,
    CookieJar,
    cookie_header,
    pairs_of,
)

URL = "http://www.site.com/a/b"
FLOOD = 5_000


def sent(set_cookie: list[str], *, at: str = URL, url: str = URL) -> str:
    jar = CookieJar()
    jar.remember(at, set_cookie)
    return cookie_header(jar.pairs_for(url))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("c=1", "c=1"),
        ("  c = 1 ;Path=/", "c=1"),
        ("c=", "c="),
        ("c=a=b=c", "c=a=b=c"),
        ('c="quoted, with a comma"', 'c="quoted, with a comma"'),
        ('c={"x":1}', 'c={"x":1}'),
        ("c=%7B%22x%22%3A1%7D", "c=%7B%22x%22%3A1%7D"),
        ("c=\u00e9", "c=\u00e9"),
        ("nameless", "nameless"),
        ("a[b]/(c)=1", "a[b]/(c)=1"),  # no token, and common
        ("c=1; Unknown; Path; Domain=; Max-Age=soon; Expires=soon; SameSite=Strict; Partitioned", "c=1"),
        ("c=1; Expires=Wed, 09 Jun 2999 10:18:14 GMT", "c=1"),
        ("c=1; Expires=Wednesday, 09-Jun-75 10:18:14 GMT", ""),
        ("c=1; Expires=Thu, 01-Jan-1970 00:00:01 GMT", ""),
        ("c=1; expires=Jan 1 00:00:01 1990", ""),
        ("c=1; Expires=Thu, 45 Jan 1970 00:00:01 GMT", "c=1"),  # no date
        ("c=1; Max-Age=3600; Expires=Thu, 01-Jan-1970 00:00:01 GMT", "c=1"),
        ("c=1; Max-Age=" + "9" * 500, "c=1"),
        ("c=1; Max-Age=0", ""),
        ("c=1; Max-Age=-1", ""),
        ("=", ""),
        ("", ""),
        ("c=\x01", ""),
        ("c=\udce9", ""),  # a byte that is no UTF-8
        ("c=" + "x" * COOKIE_CHARACTERS, ""),
        ("c=1; Path=/a; Path=/x", ""),
    ],
)
def test_a_line_is_read_as_browsers_read_it(line: str, expected: str) -> None:
    assert sent([line]) == expected


@pytest.mark.parametrize(
    ("line", "at", "url", "is_sent"),
    [
        ("c=1", URL, "http://www.site.com/a/c?d", True),
        ("c=1", URL, "http://www.site.com/a", True),
        ("c=1", URL, "http://www.site.com/ab", False),
        ("c=1", "http://www.site.com/", "http://www.site.com/x", True),
        ("c=1; Path=/", URL, "https://www.site.com:8443/x", True),
        ("c=1; Path=x", URL, "http://www.site.com/x", False),  # not absolute: the default path
        ("c=1; Path=/x/", URL, "http://www.site.com/x", False),
        ("c=1; Path=/x", URL, "http://www.site.com/x/y", True),
        ("c=1; Path=/", URL, "http://cdn.site.com/", False),  # without a domain it is for one host
        ("c=1; Path=/; Domain=site.com", URL, "http://cdn.site.com/", True),
        ("c=1; Path=/; Domain=.SITE.com", URL, "http://a.b.site.com/", True),
        ("c=1; Path=/; Domain=www.site.com", URL, "http://x.www.site.com/", True),
        ("c=1; Path=/; Domain=cdn.site.com", URL, "http://cdn.site.com/", False),
        ("c=1; Path=/; Domain=other.com", URL, "http://www.site.com/", False),
        ("c=1; Path=/; Domain=com", URL, "http://www.site.com/", False),
        ("c=1; Path=/; Domain=github.io", "http://a.github.io/", "http://a.github.io/", False),
        ("c=1; Path=/; Domain=ite.com", URL, "http://www.site.com/", False),
        ("c=1; Path=/; Domain=192.0.2.1", "http://192.0.2.1/", "http://192.0.2.1/", True),
        ("c=1; Path=/; Domain=0.2.1", "http://192.0.2.1/", "http://192.0.2.1/", False),
        ("c=1; Path=/; Secure", "https://www.site.com/", "https://www.site.com/", True),
        ("c=1; Path=/; Secure", "https://www.site.com/", "http://www.site.com/", False),
        ("c=1; Path=/; Secure", "http://www.site.com/", "https://www.site.com/", False),
        ("c=1; Path=/; Secure", "http://127.0.0.1:8000/", "http://127.0.0.1:8000/", True),  # as browsers
        ("c=1; Path=/; Secure", "http://www.localhost/", "http://www.localhost/", True),
        # A path that is spelt otherwise than the canonical URL is that of it.
        ("c=1; Path=/%7Ea/%e5%86%99", "http://site.com/~a/", "http://site.com/~a/%E5%86%99/b", True),
        ("c=1; Path=/%7Ea/", "http://site.com/~a/", "http://site.com/b", False),
    ],
)
def test_a_cookie_is_sent_where_it_belongs(line: str, at: str, url: str, is_sent: bool) -> None:
    assert sent([line], at=at, url=url) == ("c=1" if is_sent else "")


def test_longer_paths_come_first_and_then_older_cookies() -> None:
    assert sent(["a=1; Path=/", "b=2; Path=/", "c=3; Path=/a", "b=4; Path=/"]) == "c=3; a=1; b=4"


def test_a_cookie_can_be_taken_back() -> None:
    assert sent(["a=1", "b=2", "a=; Max-Age=0"]) == "b=2"


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\U0001d41b"])
@pytest.mark.parametrize("length", [1, 100, COOKIE_CHARACTERS - 10])
def test_a_flood_of_cookies_is_bounded_and_the_newest_stay(length: int, letter: str) -> None:
    jar = CookieJar()
    jar.remember(URL, [f"c{number}={letter * length}; Path=/{'p' * 900}" for number in range(FLOOD)])
    jar.remember(URL, [f"c{number}={letter * length}" for number in range(FLOOD)])
    pairs = jar.pairs_for(URL)

    assert len(pairs) <= MOST_COOKIES
    assert sum(len(f"{name}{value}".encode()) for name, value in pairs) <= JAR_BYTES
    assert pairs[-1][0] == f"c{FLOOD - 1}"
    assert len(cookie_header(pairs).encode()) <= SENT_BYTES


_LINES = st.lists(st.text(alphabet=st.sampled_from('ab=;, /"\t.0-:') | st.characters(), max_size=40), max_size=8)


@settings(max_examples=100, deadline=None)
@given(_LINES, st.sampled_from(["; Path=/", "; Domain=site.com", "; Expires=1:1:1 1 jan 1", ""]))
def test_whatever_a_host_sets_can_be_sent(lines: list[str], attributes: str) -> None:
    header = sent([line + attributes for line in lines])

    header.encode()
    assert not {"\r", "\n", "\0"} & set(header)
    assert len(cookie_header(pairs_of(header))) <= len(header)  # a bare "=" is none
