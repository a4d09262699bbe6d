"""The references in documents are found, and to read a document is safe whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.documents import references
from orbweaver.crawler.links.html import Link

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


@pytest.mark.parametrize("kind", K)
def test_a_document_with_more_references_than_the_limit_is_cut_and_said_so(kind: DocumentKind) -> None:
    one = {
        K.STYLE_SHEET: "url({}) ",
        K.SITEMAP: "<loc>{}</loc>",
        K.URL_LIST: "{}\n",
        K.FEED: "<link>{}</link>",
        K.PLAYLIST: "{}\n",
        K.MANIFEST: "<SegmentURL media='{}'/>",
    }.get(kind, "<a href='{}'/>")
    body = "".join(one.format(number) for number in range(50_001)).encode()
    page = references(body, kind, content_type=None, base_url=URL, max_links=100)
    assert page.is_truncated
    assert len(page.links) == (50_000 if kind in {K.SITEMAP, K.URL_LIST} else 100)
