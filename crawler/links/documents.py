"""Which bodies are read for references, what kind of document each is, and what it refers to."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from orbweaver.crawler.bodies.decoding import GZIP_MARK
from orbweaver.crawler.bodies.sniff import HEAD_BYTES, has_binary_data, root_name, sniff
from orbweaver.crawler.links import feeds, manifests, playlists
from orbweaver.crawler.links.attribute_values import css_references
from orbweaver.crawler.links.html import MAX_LINKS, FoundLinks, LinkKind, PageLinks, add_markup, decode_text

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


class DocumentKind(StrEnum):
    """The grammar in which a document names what it refers to."""

    HTML = "html"
    XHTML = "xhtml"
    SVG = "svg"
    STYLE_SHEET = "style sheet"
    SITEMAP = "sitemap"
    URL_LIST = "url list"
    FEED = "feed"
    PLAYLIST = "hls playlist"
    MANIFEST = "dash manifest"


class Recognised(NamedTuple):
    """What a body is to be read as; `is_gzipped` says that the file itself, not its transfer, is compressed."""

    kind: DocumentKind
    is_gzipped: bool = False


_BY_SNIFFED_TYPE = {
    "application/rss+xml": DocumentKind.FEED,
    "application/atom+xml": DocumentKind.FEED,
    "application/rdf+xml": DocumentKind.FEED,
    "application/dash+xml": DocumentKind.MANIFEST,
    "application/vnd.apple.mpegurl": DocumentKind.PLAYLIST,
}
_BY_ROOT = {"urlset": DocumentKind.SITEMAP, "sitemapindex": DocumentKind.SITEMAP, "feed": DocumentKind.FEED}
_BY_DECLARED_TYPE = {
    "text/css": DocumentKind.STYLE_SHEET,
    "image/svg+xml": DocumentKind.SVG,
    "application/vnd.apple.mpegurl": DocumentKind.PLAYLIST,
    "application/x-mpegurl": DocumentKind.PLAYLIST,
    "audio/mpegurl": DocumentKind.PLAYLIST,
    "audio/x-mpegurl": DocumentKind.PLAYLIST,
}
# A sitemap as text has URLs and nothing else (https://www.sitemaps.org/protocol.html#otherformats).
_URL_LINES = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s*+https?://[\x21-\xff]++\s)+(?:\s*+[\x21-\xff]*+)?\Z")
# Files that are gzipped as files, and are read: a tarball is not among them.
_GZIPPED = frozenset({DocumentKind.SITEMAP, DocumentKind.URL_LIST, DocumentKind.FEED})


def recognise(declared: str | None, sniffed: str | None, head: bytes) -> Recognised | None:
    """Return what a body is to be read as, None for other files.

    It is judged by its declared type, its first HEAD_BYTES, and the type that these were sniffed as.

    What declares itself, or begins, as HTML is read as HTML, whatever else it is. XML is known by its first element,
    a playlist by its first line; a style sheet has no mark and must be declared. JSON and plain text are not read.
    """
    head = head[:HEAD_BYTES]
    if head.startswith(GZIP_MARK):
        inside = _gunzipped(head)
        kind = _kind("text/plain", sniff(inside), inside)
        if kind in _GZIPPED:
            return Recognised(kind, is_gzipped=True)
    kind = _kind(declared, sniffed, head)
    return None if kind is None else Recognised(kind)


def _kind(declared: str | None, sniffed: str | None, head: bytes) -> DocumentKind | None:
    if kind := _BY_SNIFFED_TYPE.get(sniffed or ""):
        return kind
    if sniffed == "text/html":
        return DocumentKind.XHTML if declared == "application/xhtml+xml" else DocumentKind.HTML
    is_binary = has_binary_data(head)
    if not is_binary and (kind := _BY_ROOT.get(root_name(head) or "")):
        return kind
    if declared == "text/html":
        return DocumentKind.HTML
    if "application/xhtml+xml" in {declared, sniffed}:
        return DocumentKind.XHTML
    if sniffed == "image/svg+xml":
        return DocumentKind.SVG
    if is_binary:
        return None
    if declared in {"text/plain", None} and _URL_LINES.match(head):
        return DocumentKind.URL_LIST
    return _BY_DECLARED_TYPE.get(declared or "")


def _gunzipped(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""


def references(
    body: bytes, kind: DocumentKind, *, content_type: str | None, base_url: str, max_links: int = MAX_LINKS
) -> PageLinks:
    """Return what a document of a known kind refers to; never fails, whatever the bytes.

    A sitemap may have as many URLs as its protocol allows, every other document `max_links` references.
    """
    most = feeds.MOST_SITEMAP_URLS if kind in {DocumentKind.SITEMAP, DocumentKind.URL_LIST} else max_links
    found = FoundLinks(page=base_url, max_links=most)
    _READERS[kind](found, decode_text(body, content_type))
    return found.page_links()


def _add_xml_markup(found: FoundLinks, text: str) -> None:
    for match in _XML_STYLE_SHEET.finditer(text[:HEAD_BYTES]):
        found.add(match["reference"], LinkKind.MEDIA)
    add_markup(found, text, is_xml=True)


_XML_STYLE_SHEET = re.compile(r"<\?xml-stylesheet[^>]*?\shref=[\"'](?P<reference>[^\"'>]*)")


def _add_style_sheet(found: FoundLinks, text: str) -> None:
    for reference in css_references(text):
        if found.is_truncated:
            return
        found.add(reference, LinkKind.MEDIA)


_READERS: dict[DocumentKind, Callable[[FoundLinks, str], None]] = {
    DocumentKind.HTML: add_markup,
    DocumentKind.XHTML: _add_xml_markup,
    DocumentKind.SVG: _add_xml_markup,
    DocumentKind.STYLE_SHEET: _add_style_sheet,
    DocumentKind.SITEMAP: feeds.add_sitemap,
    DocumentKind.URL_LIST: feeds.add_url_list,
    DocumentKind.FEED: feeds.add_feed,
    DocumentKind.PLAYLIST: playlists.add_playlist,
    DocumentKind.MANIFEST: manifests.add_manifest,
}
