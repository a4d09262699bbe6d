"""Says which bodies are read for references, and as what kind of document."""

from __future__ import annotations

import re
import zlib
from enum import StrEnum
from typing import NamedTuple

from orbweaver.crawler.bodies.decoding import GZIP_MARK
from orbweaver.crawler.bodies.sniff import HEAD_BYTES, first_tag, has_binary_data, root_name, sniff

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


class DocumentKind(StrEnum):
    """The grammar in which a document names pages and files."""

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
    """The kind of document that a body is; `is_gzipped` says that the file itself, not its transfer, is compressed."""

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
# Types that servers give what they do not know; with them a text that begins with any tag is read as a page.
_SAY_NOTHING = frozenset(
    {None, "text/plain", "application/octet-stream", "application/unknown", "unknown/unknown", "application/x-unknown"}
)
# A sitemap as text has URLs and nothing else (https://www.sitemaps.org/protocol.html#otherformats).
_URL_LINES = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s*+https?://[\x21-\xff]++\s)+(?:\s*+[\x21-\xff]*+)?\Z")
# Files that are gzipped as files, and are read: a tarball is not among them.
_GZIPPED = frozenset({DocumentKind.SITEMAP, DocumentKind.URL_LIST, DocumentKind.FEED})


def recognise(declared: str | None, sniffed: str | None, head: bytes) -> Recognised | None:
    """Return the kind of document that a body is read as, None for other files.

    `declared` is its declared type, `head` its first HEAD_BYTES, and `sniffed` the type that these show.

    A body that is declared as HTML, or begins with an element of HTML, is read as HTML, whatever else it is; so is a
    text that begins with any other tag and has no type that says something. XML is recognised by its
    first element, a playlist by its first line. A style sheet has no mark and must be declared. JSON and plain text are
    not read.
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
    if declared in _SAY_NOTHING and sniffed is None and first_tag(head):
        return DocumentKind.HTML
    if declared in {"text/plain", None} and _URL_LINES.match(head):
        return DocumentKind.URL_LIST
    return _BY_DECLARED_TYPE.get(declared or "")


def _gunzipped(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""
