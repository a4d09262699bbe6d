"""Links of HTML pages. Input: one byte for the declared type, one for how often the rest is repeated, the page."""

from __future__ import annotations

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.links.found_links import MAX_CANDIDATES
from orbweaver.crawler.links.pages.html import extract
from orbweaver.crawler.rules.urls import canonicalise, join

from fuzz.promises import in_time_for, stretched

PAGE = "http://www.example.com/a/b?c"
MOST_LINKS = 500
CONTENT_TYPES = (
    None,
    "text/html",
    "text/html; charset=utf-8",
    "text/html; charset=utf-16",
    "text/html; charset=iso-2022-jp",
    "text/html; charset=gb18030",
    "text/html; charset=punycode",
    "text/html; charset=\x00",
)
TOKENS = (
    *(b"<", b">", b"</", b"/>", b"<!--", b"-->", b"--!>", b"<![CDATA[", b"]]>", b"<?", b'"', b"'", b"=", b" ", b"\0"),
    *(
        b"<a href=",
        b"<img src=",
        b"<img srcset=",
        b"<base href=",
        b"<meta http-equiv=refresh content=",
        b"<source src=",
    ),
    *(b"<iframe srcdoc=", b"<svg>", b"<math>", b"<image xlink:href=", b"<style>", b"</style>", b"<script>", b"<title>"),
    *(b"<link rel=icon href=", b"<object data=", b"<video poster=", b"<input type=image src=", b"<source src="),
    *(b"<meta charset=utf-7>", b"<meta charset=big5>", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x1b$B", b"\x80"),
    *(b"data:image/png;base64,", b"data:,", b"url(", b"@import ", b"\\", b"style=", b"background=", b"1x, ", b"2w"),
    *(b"<script>'", b"\\/", b"\\u002f", b"https://", b".jpg", b"<p data-x=", b"`", b"location=", b'"url":', b"&quot;"),
    *(b"&amp;", b"&#x2f;", b"&#0;", b"&colon;", b"javascript:", b"http://", b"//", b"0;url=", b"image-set("),
)


def check(data: bytes) -> None:
    content_type = CONTENT_TYPES[data[0] % len(CONTENT_TYPES)] if data else None
    page = stretched(data[1:])
    with in_time_for(page):
        found = extract(page, content_type=content_type, base_url=PAGE, max_links=MOST_LINKS)
    assert len(found.links) + len(found.data_uris) <= MOST_LINKS
    assert len(set(found.links)) == len(found.links)
    base = _joined(PAGE, found.base) if found.base is not None else None
    for link in found.links:
        assert link.reference.strip()
        _joined(base or PAGE, link.reference)
    assert len({link.reference for link in found.candidates}) == len(found.candidates) <= MAX_CANDIDATES
    for link in found.candidates:
        assert link not in found.links
        _joined(base or PAGE, link.reference)
    for uri in found.data_uris:
        assert uri.data, "an empty file"
        assert len(uri.data) <= len(page) * 3, "a file larger than its page"


def _joined(base: str, reference: str) -> str | None:
    try:
        url = join(base, reference)
    except UrlRefused:
        return None
    assert canonicalise(url) == url
    return url
