"""Tells a file's MIME type from its first bytes, whatever the server says it is."""

from __future__ import annotations

import re

import filetype
from orbweaver.crawler.bodies.repetition import end_of_run

# The furthest that `filetype` looks in common files: the third entry of an office document's ZIP archive.
HEAD_BYTES = 4_096

# https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type
_SPACE = b"\t\n\f\r "
_HTML = re.compile(
    rb"<(?:!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|TITLE|B|BODY|BR|P|!--)[ >]",
    re.IGNORECASE,
)
_BEFORE_FIRST_ELEMENT = re.compile(rb"\s++|<\?.*?\?>|<!--.*?-->|<![^>\[]*+(?:\[[^\]]*+\]\s*+)?>", re.DOTALL)
_FIRST_ELEMENT = re.compile(rb"<(?:[\w.-]++:)?(?P<name>[\w.-]+)")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# XML that its first element names, with a declaration before it or without.
_XML_ROOTS = {
    "svg": "image/svg+xml",
    "rss": "application/rss+xml",
    "rdf": "application/rdf+xml",
    "mpd": "application/dash+xml",
    "urlset": "text/xml",
    "sitemapindex": "text/xml",
}
_ATOM = b"http://www.w3.org/2005/Atom"
# RFC 8216, 4.3.1.1: the first line of a playlist.
_PLAYLIST = re.compile(rb"#EXTM3U(?=[\s]|\Z)")

_BINARY_DATA_BYTE = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def sniff(head: bytes) -> str | None:
    """Return the MIME type that the first HEAD_BYTES of a file show, or None."""
    head = head[:HEAD_BYTES]
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip(_SPACE)
    if text.startswith(b"<"):
        return _sniff_markup(text)
    if _PLAYLIST.match(text):
        return "application/vnd.apple.mpegurl"
    mime: str | None = filetype.guess_mime(head)
    return mime


def _sniff_markup(text: bytes) -> str | None:
    root = root_name(text)
    is_declared = text.startswith(b"<?xml")
    if root in _XML_ROOTS:
        return _XML_ROOTS[root]
    if root == "feed" and _ATOM in text:
        return "application/atom+xml"
    if is_declared:
        return "application/xhtml+xml" if root == "html" else "text/xml"
    return "text/html" if _HTML.match(text) else None


def root_name(head: bytes) -> str | None:
    """Return the name of a document's first element, in lower case and without its prefix; None for no markup."""
    text = head[:HEAD_BYTES].removeprefix(_BYTE_ORDER_MARK)
    root = _FIRST_ELEMENT.match(text, end_of_run(_BEFORE_FIRST_ELEMENT, text, 0))
    return root["name"].decode("latin-1").lower() if root else None


def has_binary_data(head: bytes) -> bool:
    """Whether the first bytes hold one that no text has (WHATWG MIME Sniffing, 3: binary data byte)."""
    return _BINARY_DATA_BYTE.search(head) is not None
