"""Set-Cookie and Referrer-Policy. Input: one byte for the URL, one for how often the rest is repeated, a line each."""

from __future__ import annotations

from orbweaver.crawler.fetching.asking.cookies import (
    JAR_BYTES,
    MOST_COOKIES,
    SENT_BYTES,
    CookieJar,
    cookie_header,
    pairs_of,
)
from orbweaver.crawler.rules.referrers import DEFAULT_POLICY, policy_of_header, referrer_for

from fuzz.promises import in_time_for, stretched

URLS = (
    "http://www.site.com/a/b?c",
    "https://site.com/",
    "http://192.0.2.1:8080/a",
    "https://[2001:db8::1]/",
    "http://localhost/",
    "http://a.github.io/" + "a/" * 500,
)
TOKENS = (
    *(b"a=1", b"b=", b"=", b";", b"; ", b",", b"\n", b"\t", b" ", b"\x00", b"\x7f", b"\xff", b"\xc3\xa9", b'"'),
    *(b"; Path=/", b"; Path=", b"; Domain=", b"site.com", b".site.com", b"com", b"192.0.2.1", b"; Secure", b"__Host-"),
    *(b"; Max-Age=", b"0", b"-1", b"9" * 30, b"; Expires=", b"Thu, 01 Jan 1970 00:00:00 GMT", b"1:1:1", b"Feb"),
    *(b"2999", b"; SameSite=None", b"no-referrer", b"unsafe-url", b"strict-origin-when-cross-origin"),
)


def check(data: bytes) -> None:
    url = URLS[data[0] % len(URLS)] if data else URLS[0]
    # As aiohttp gives headers: bytes that are no UTF-8 become surrogates.
    lines = stretched(data[1:]).decode("utf-8", "surrogateescape").split("\n")
    jar = CookieJar()
    with in_time_for(data):
        jar.remember(url, lines)
        every = [jar.pairs_for(one) for one in (url, *URLS)]
        headers = [cookie_header(pairs) for pairs in every]
        policy = policy_of_header(lines)
        referrers = [referrer_for(url, one, policy or DEFAULT_POLICY) for one in URLS]
    for pairs, header in zip(every, headers, strict=True):
        assert len(pairs) <= MOST_COOKIES
        assert sum(len(f"{name}{value}".encode()) for name, value in pairs) <= JAR_BYTES
        assert len(header.encode()) <= SENT_BYTES
        assert not {"\r", "\n", "\0"} & set(header)
        header.encode()
        assert len(cookie_header(pairs_of(header))) <= len(header)  # a bare "=" is none
    assert all(referrer is None or url.startswith(referrer) for referrer in referrers)
