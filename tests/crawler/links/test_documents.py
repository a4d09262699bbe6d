"""The references in documents are found, and to read a document is safe whatever it holds."""

from __future__ import annotations

import pytest
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind, recognise
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.documents import references
from orbweaver.crawler.links.found_links import Link

PAGE, FILE = LinkKind.PAGE, LinkKind.FILE
URL = "http://host.test/a/document"
XML = b'<?xml version="1.0" encoding="utf-8"?>\n'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
K = DocumentKind


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (K.STYLE_SHEET, b"@import 'b.css'; p { background: url(a.png) }", [("b.css", FILE), ("a.png", FILE)]),
        (K.STYLE_SHEET, "\ufeffp{background:url(\u00e9.png)}".encode(), [("\u00e9.png", FILE)]),
        (K.STYLE_SHEET, b'@charset "windows-1251";p{background:url(\xff.png)}', [("\u044f.png", FILE)]),
        (K.STYLE_SHEET, b'@charset "utf-16";p{background:url(a.png)}', [("a.png", FILE)]),
        (K.STYLE_SHEET, b"@import url(a.css) layer(b) supports(display: grid) screen;", [("a.css", FILE)]),
        (
            K.STYLE_SHEET,
            b"@import'a.css'layer;@font-face{src:url(a.woff2)format('woff2')}",
            [("a.css", FILE), ("a.woff2", FILE)],
        ),
        (K.STYLE_SHEET, b"a{cursor:url(a.cur) 2 2,auto;list-style:url('b.png')}", [("a.cur", FILE), ("b.png", FILE)]),
        (
            K.STYLE_SHEET,
            b"a{mask-image:-webkit-image-set(url(a.png) 1x,url(b.png) 2x)}",
            [("a.png", FILE), ("b.png", FILE)],
        ),
        (K.STYLE_SHEET, b"a{--b:url(a.png);shape-outside:url( 'b.png' )}", [("a.png", FILE), ("b.png", FILE)]),
        (
            K.SVG,
            b"<?xml-stylesheet type='text/css' href='a.css'?><s:svg xmlns:s='x'><s:image x:href='a.png'/>"
            b"<s:a xlink:href='b.html'/><style><![CDATA[p { fill: url(c.png) }]]></style><script/><image href='d.png'/>"
            b"</s:svg>",
            [("a.css", FILE), ("b.html", PAGE), ("c.png", FILE), ("d.png", FILE)],
        ),
        (K.XHTML, b"<html><title/><script src='x'/><img src='a.png'/></html>", [("a.png", FILE)]),
        (K.HTML, b"<title><script></title><img src='a.png'>", [("a.png", FILE)]),
    ],
)
def test_a_document_refers_to(kind: DocumentKind, body: bytes, expected: list[tuple[str, LinkKind]]) -> None:
    page = references(body, kind, content_type=None, base_url=URL)
    assert page.links == tuple(Link(*row) for row in expected)


@pytest.mark.parametrize("kind", K)
@given(body=st.binary(), content_type=st.none() | st.text(max_size=40))
def test_any_bytes_are_read_without_failing(kind: DocumentKind, body: bytes, content_type: str | None) -> None:
    references(body, kind, content_type=content_type, base_url=URL)


def test_more_candidates_than_the_limit_are_counted() -> None:
    body = "".join(f'"{number}.jpg" ' for number in range(5_000)).encode()
    for kind in (K.TEXT, K.XML):
        page = references(body, kind, content_type=None, base_url=URL)
        assert len(page.candidates) + page.candidates_left_out == 5_000
        assert page.candidates_left_out > 0


@pytest.mark.parametrize("kind", [kind for kind in K if kind not in {K.TEXT, K.XML, K.MIME_MESSAGE}])
def test_a_document_with_more_references_than_the_limit_is_cut_and_said_so(kind: DocumentKind) -> None:
    one = {
        K.STYLE_SHEET: "url({}) ",
        K.SITEMAP: "<loc>{}</loc>",
        K.URL_LIST: "{}\n",
        K.FEED: "<link>{}</link>",
        K.PLAYLIST: "{}\n",
        K.MANIFEST: "<SegmentURL media='{}'/>",
        K.SMOOTH_STREAMS: "<StreamIndex Url='{}'><QualityLevel/><c/></StreamIndex>",
        K.CUES: "0 --> 1\n{}.jpg\n",
        K.JSON_FEED: '{{"url": "{}"}}',
        K.APP_MANIFEST: '{{"src": "{}"}}',
    }.get(kind, "<a href='{}'/>")
    body = "".join(one.format(number) for number in range(50_001)).encode()
    page = references(body, kind, content_type=None, base_url=URL, max_links=100)
    assert page.is_truncated
    assert len(page.links) == (50_000 if kind in {K.SITEMAP, K.URL_LIST} else 100)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        (K.CUES, "0 --> 1\n" + "a" * 8_000 + "\n"),
        (K.CUES, "0 --> 1\n{\n" + "#" * 3_000 + "\n"),
        (K.JSON_FEED, '"url":"' + "\\"),
        (K.JSON_FEED, '"a' * 100),
        (K.APP_MANIFEST, '"src"' + " " * 1_000),
        (K.APP_MANIFEST, '"src":"' + "a" * 1_000),
        (K.SMOOTH_STREAMS, "<StreamIndex Url='{bitrate}{bitrate}'><QualityLevel/><c r='99999'/>"),
        (K.SMOOTH_STREAMS, "<c d='1'/><QualityLevel>"),
        (K.STYLE_SHEET, '@charset "' + "a" * 90),
        (K.XML, "<a b='" + "c.jpg" * 50),
        (K.XML, "<a.jpg>" + " " * 500 + "b.jpg"),
    ],
)
def test_half_a_megabyte_of_malice_takes_reasonable_time(kind: DocumentKind, part: str) -> None:
    head = "<StreamIndex Url='{bitrate}'>" if kind is K.SMOOTH_STREAMS else ""
    body = (head + part * (500_000 // len(part))).encode()
    with measured() as cost:
        recognise(None, None, body)
        references(body, kind, content_type=None, base_url=URL)
    assert cost.units < LINEAR / 4  # for a quarter of the two megabytes
