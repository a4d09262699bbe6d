"""Bodies are recognised as documents of the right kind, or as no document."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind, Recognised, recognise
from orbweaver.crawler.bodies.sniff import sniff

XML = b'<?xml version="1.0" encoding="utf-8"?>\n'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
K = DocumentKind
SAY_NOTHING = (None, "text/plain", "application/octet-stream", "unknown/unknown")
PAGES_BEGIN = (b"<center>", b"<img src=a.png>", b"<!-- a -->\n<my-gallery>", b" \n<x-a />", b"\xef\xbb\xbf<Custom\tb>")


@pytest.mark.parametrize(
    ("declared", "head", "kind"),
    [
        # pages
        ("text/html", b"<html>", K.HTML),
        ("text/html", b"words", K.HTML),
        ("text/html", PNG, K.HTML),
        ("text/html", b"", K.HTML),
        ("image/jpeg", b"<!doctype html>", K.HTML),
        (None, b"<!doctype html>", K.HTML),
        # any tag at the head of what has no type, or one that says nothing
        *((declared, head, K.HTML) for declared in SAY_NOTHING for head in PAGES_BEGIN),
        ("image/jpeg", b"<center>", K.HTML),
        ("text/csv", b"<my-gallery>", K.XML),
        ("text/plain", b"a < b", K.TEXT),
        ("text/plain", b"<12> words", K.XML),
        ("text/plain", b"<my-gallery>\0", None),
        ("application/xhtml+xml", XML + b"<html>", K.XHTML),
        ("application/xml", XML + b"<html>", K.XHTML),
        # images that refer to others
        ("image/svg+xml", b"<svg>", K.SVG),
        ("image/png", XML + b"<svg>", K.SVG),
        ("image/svg+xml", PNG, None),
        # style sheets have no mark
        ("text/css", b"p { color: red }", K.STYLE_SHEET),
        ("text/css", PNG, None),
        ("text/plain", b"p { color: red }", K.STYLE_SHEET),
        (None, b"/* a { */ @import 'a.css';", K.STYLE_SHEET),
        ("application/octet-stream", b"\xef\xbb\xbf\n@charset 'utf-8';", K.STYLE_SHEET),
        ("text/plain", b"a[href='x'], b:not(.c)\n{\n  background: url(a.png) }", K.STYLE_SHEET),
        ("application/javascript", b"p { color: red }", None),
        ("text/plain", b"if (a) {\n  b();\n}", K.TEXT),
        ("text/plain", b"Dear {name}, words: more", K.TEXT),
        ("text/plain", b"{ color: red }", K.TEXT),
        # sitemaps and feeds, whatever they are declared as
        ("text/xml", XML + b"<urlset>", K.SITEMAP),
        ("application/octet-stream", b"\xef\xbb\xbf" + XML + b"<sm:sitemapindex xmlns:sm='x'>", K.SITEMAP),
        ("text/html", XML + b"<urlset>", K.SITEMAP),
        ("application/xml", XML + b"<rss>", K.FEED),
        ("text/html", b"<rss version='2.0'>", K.FEED),
        ("application/atom+xml", XML + b"<feed xmlns='http://www.w3.org/2005/Atom'>", K.FEED),
        ("text/xml", XML + b"<rdf:RDF>", K.FEED),
        ("text/plain", b"http://host.test/a\nhttp://host.test/b\nhttp://ho", K.URL_LIST),
        ("text/plain", b"http://host.test/a and words\n", K.TEXT),
        ("text/plain", b"See http://host.test/a\n", K.TEXT),
        ("text/csv", b"http://host.test/a\n", K.TEXT),
        # streams
        ("text/plain", b"#EXTM3U\n", K.PLAYLIST),
        ("audio/x-mpegurl", b"a.mp3\n", K.PLAYLIST),
        ("text/xml", XML + b"<MPD>", K.MANIFEST),
        ("application/dash+xml", b"<Period xlink:href='x'>", K.MANIFEST),
        ("text/xml", XML + b"<SmoothStreamingMedia MajorVersion='2'>", K.SMOOTH_STREAMS),
        ("text/xml", "\ufeff<SmoothStreamingMedia/>".encode("utf-16-le"), K.SMOOTH_STREAMS),
        ("text/vtt", b"WEBVTT\n\n00:01.000", K.CUES),
        ("text/plain", b"\xef\xbb\xbfWEBVTT - thumbnails", K.CUES),
        ("application/octet-stream", b"1\r\n00:00:00,000 --> 00:00:05,000\r\na.jpg", K.CUES),
        ("text/plain", b"WEBVTTER", K.TEXT),
        # JSON of which the names are known
        ("application/feed+json", b"{}", K.JSON_FEED),
        ("application/json", b'{ "version" : "https://jsonfeed.org/version/1.1",', K.JSON_FEED),
        ("application/manifest+json", b"{}", K.APP_MANIFEST),
        ("application/json", b'{"short_name": "a", "icons": [{"src": "a.png"}]}', K.APP_MANIFEST),
        ("application/json", b'{"icons": [], "a": 1}', K.TEXT),
        ("application/vnd.api+json", b"[]", K.TEXT),
        ("application/x-ndjson", b'{"a": 1}', K.TEXT),
        ("text/javascript", b'["a.jpg"]', None),
        ("application/octet-stream", b"words", None),
        ("video/x-ms-asf", b"<asx version='3'>", K.XML),
        # other files
        ("text/xml", XML + b"<other>", K.XML),
        ("application/json", b'{"a": "http://host.test/"}', K.TEXT),
        ("text/plain", b"words", K.TEXT),
        ("image/png", PNG, None),
        ("multipart/x-mixed-replace", b"--a\r\nContent-Type: image/png\r\n\r\n" + PNG, K.MIME_MESSAGE),
        ("message/rfc822", b"Subject: a\n\nb", K.MIME_MESSAGE),
        (None, b"Received: from a\n by b\nSubject: a\n\nb", K.MIME_MESSAGE),
        ("application/octet-stream", b"From: <Saved by a>\r\nMIME-Version: 1.0\r\n\r\n", K.MIME_MESSAGE),
        ("text/plain", b"From me: words\nto: you\n", K.TEXT),
        (None, b"", None),
    ],
)
def test_what_a_body_is_read_as(declared: str | None, head: bytes, kind: DocumentKind | None) -> None:
    assert recognise(declared, sniff(head), head) == (None if kind is None else Recognised(kind))


@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        (XML + b"<urlset>" + b"<url/>" * 5_000, K.SITEMAP),
        (b"http://host.test/a\n" * 500, K.URL_LIST),
        (b"<rss>", K.FEED),
        (b"<html>", None),
        (PNG, None),
    ],
)
def test_a_sitemap_that_is_a_gzip_file_is_known(inside: bytes, kind: DocumentKind | None) -> None:
    expected = None if kind is None else Recognised(kind, is_gzipped=True)
    head = gzip.compress(inside)
    assert recognise("application/x-gzip", sniff(head), head) == expected


@given(st.binary() | st.binary().map(gzip.compress), st.none() | st.text(max_size=20))
def test_any_bytes_are_recognised_or_not_without_failing(head: bytes, declared: str | None) -> None:
    recognise(declared, sniff(head), head)
