"""Says which bodies are read for references, and as what kind of document."""

from __future__ import annotations

import codecs
import re
import zlib
from enum import StrEnum
from typing import NamedTuple

from orbweaver.crawler.bodies.decoding import GZIP_MARK
from orbweaver.crawler.bodies.repetition import end_of_run
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
    SMOOTH_STREAMS = "smooth streaming manifest"
    CUES = "cues"
    JSON_FEED = "json feed"
    APP_MANIFEST = "web app manifest"
    MIME_MESSAGE = "mime message"
    XML = "other xml"
    TEXT = "other text"


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
_BY_ROOT = {
    "urlset": DocumentKind.SITEMAP,
    "sitemapindex": DocumentKind.SITEMAP,
    "feed": DocumentKind.FEED,
    "smoothstreamingmedia": DocumentKind.SMOOTH_STREAMS,
    # Parts of a DASH manifest that are files of their own (ISO/IEC 23009-1, 5.5).
    "period": DocumentKind.MANIFEST,
    "adaptationset": DocumentKind.MANIFEST,
}
_BY_DECLARED_TYPE = {
    "text/css": DocumentKind.STYLE_SHEET,
    "image/svg+xml": DocumentKind.SVG,
    "application/vnd.apple.mpegurl": DocumentKind.PLAYLIST,
    "application/x-mpegurl": DocumentKind.PLAYLIST,
    "audio/mpegurl": DocumentKind.PLAYLIST,
    "audio/x-mpegurl": DocumentKind.PLAYLIST,
    "application/feed+json": DocumentKind.JSON_FEED,
    "application/manifest+json": DocumentKind.APP_MANIFEST,
}
# What servers declare when they know no better.
_NO_TYPE = frozenset({None, "text/plain", "application/octet-stream", "binary/octet-stream"})
_JSON_TYPES = _NO_TYPE | {"application/json", "text/json"}
# Types that servers give what they do not know; with them a text that begins with any tag is read as a page.
_SAY_NOTHING = frozenset(
    {None, "text/plain", "application/octet-stream", "application/unknown", "unknown/unknown", "application/x-unknown"}
)
# A sitemap as text has URLs and nothing else (https://www.sitemaps.org/protocol.html#otherformats).
_URL_LINES = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s*+https?://[\x21-\xff]++\s)+(?:\s*+[\x21-\xff]*+)?\Z")
# Text in which nobody knows what a name means. Scripts are not among them: they are parts of pages.
_TEXT_TYPES = frozenset(
    {
        None,
        "application/internet-shortcut",
        "application/json",
        "application/jsonl",
        "application/ndjson",
        "application/x-mswinurl",
        "application/x-ndjson",
        "application/x-yaml",
        "application/yaml",
        "audio/x-pn-realaudio",
        "audio/x-scpls",
    }
)
_MESSAGE_TYPES = frozenset({"application/x-mimearchive", "message/global", "message/rfc822"})
# A mail or a saved page without its type: fields, one of which only mails have.
_FIELDS = re.compile(rb"(?:From [^\r\n]*+\r?\n)?(?:[!-9;-~]{1,76}:[^\n]*+\n(?:[ \t][^\n]*+\n){0,99}){2,200}")
_OF_MAIL = re.compile(
    rb"^(?:mime-version|received|return-path|delivered-to|message-id)[ \t]*+:", re.IGNORECASE | re.MULTILINE
)
_SCRIPTS = frozenset({"text/javascript", "text/ecmascript", "text/x-javascript"})
# A style sheet that is linked with the wrong type: browsers read it in pages without a doctype, or without any type.
_BEFORE_FIRST_RULE = re.compile(rb"\s++|/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_FIRST_RULE = re.compile(
    rb"@(?:charset|font-face|import|keyframes|layer|media|namespace|page|supports|-webkit-|-moz-)"
    rb"|[^{}<>;]{1,500}\{\s*+(?:/\*[^*]*+\*/\s*+)?[a-z-]{2,50}+\s*+:",
    re.IGNORECASE,
)
# https://www.w3.org/TR/webvtt1/#file-structure; SubRip has no specification.
_CUES = re.compile(rb"WEBVTT(?=[ \t\r\n]|\Z)|\s*+[0-9]{1,6}\r?\n[0-9]{2}:[0-9]{2}:[0-9]{2}[,.][0-9]{3} --> ")
_JSON_FEED = re.compile(rb'"version"\s*+:\s*+"https?:\\?/\\?/jsonfeed\.org\\?/version')
_APP_MANIFEST = re.compile(rb'"icons"\s*+:\s*+\[')
_APP_MEMBER = re.compile(rb'"(?:start_url|display|short_name|theme_color)"\s*+:')
# Files that are gzipped as files, and are read: a tarball is not among them.
_GZIPPED = frozenset({DocumentKind.SITEMAP, DocumentKind.URL_LIST, DocumentKind.FEED, DocumentKind.SVG})


def recognise(declared: str | None, sniffed: str | None, head: bytes) -> Recognised | None:
    """Return the kind of document that a body is read as, None for other files.

    `declared` is its declared type, `head` its first HEAD_BYTES, and `sniffed` the type that these show.

    A body that is declared as HTML, or begins with an element of HTML, is read as HTML, whatever else it is; so is a
    text that begins with any other tag and has no type that says something. XML is recognised by its
    first element, a playlist by its first line. A style sheet has no mark: it is declared, or looks like one and is
    declared as nothing in particular. Other XML, JSON and text are read for what may be references.
    """
    head = head[:HEAD_BYTES]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "ignore").encode()
        sniffed = sniff(head)
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
    if declared is not None and (declared.startswith("multipart/") or declared in _MESSAGE_TYPES):
        return DocumentKind.MIME_MESSAGE
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
    return _BY_DECLARED_TYPE.get(declared or "") or _kind_by_looks(declared, head.removeprefix(codecs.BOM_UTF8))


def _kind_by_looks(declared: str | None, head: bytes) -> DocumentKind | None:
    if _CUES.match(head):
        return DocumentKind.CUES
    if declared in _JSON_TYPES and head.lstrip().startswith(b"{"):
        if _JSON_FEED.search(head):
            return DocumentKind.JSON_FEED
        if _APP_MANIFEST.search(head) and _APP_MEMBER.search(head):
            return DocumentKind.APP_MANIFEST
    if declared in _NO_TYPE and (fields := _FIELDS.match(head)) and _OF_MAIL.search(fields[0]):
        return DocumentKind.MIME_MESSAGE
    if declared in _NO_TYPE and _FIRST_RULE.match(head, end_of_run(_BEFORE_FIRST_RULE, head, 0)):
        return DocumentKind.STYLE_SHEET
    if root_name(head) is not None:
        return DocumentKind.XML
    is_text = declared in _TEXT_TYPES or (declared or "").startswith("text/") or (declared or "").endswith("+json")
    return DocumentKind.TEXT if is_text and head and declared not in _SCRIPTS else None


def _gunzipped(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""
