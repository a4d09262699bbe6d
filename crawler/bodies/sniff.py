"""Tells a file's MIME type from its first bytes, whatever the server says it is."""

from __future__ import annotations

import re

import filetype
from orbweaver.crawler.bodies.repetition import end_of_run

# The furthest that `filetype` looks in common files: the third entry of an office document's ZIP archive.
HEAD_BYTES = 4_096

_SPACE = b"\t\n\f\r "
_DOCTYPE = re.compile(rb"<!DOCTYPE HTML[ >]", re.IGNORECASE)
# https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type has some of them and the comment.
# Pages that begin with another one are common (a frame set, a lone picture, an "included" part), so all are known:
# https://html.spec.whatwg.org/multipage/indices.html#elements-3 and
# https://html.spec.whatwg.org/multipage/obsolete.html#non-conforming-features
_HTML_NAMES = """
    a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink blockquote body br
    button canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed
    fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe
    image img input ins isindex kbd keygen label legend li link listing main map mark marquee menu menuitem meta meter
    multicol nav nextid nobr noembed noframes noscript object ol optgroup option output p param picture plaintext pre
    progress q rb rp rt rtc ruby s samp script search section select slot small source spacer span strike strong style
    sub summary sup table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr xmp
"""
_HTML_ELEMENTS = frozenset(_HTML_NAMES.split())
_BEFORE_FIRST_ELEMENT = re.compile(rb"\s++|<\?.*?\?>|<!--.*?-->|<![^>\[]*+(?:\[[^\]]*+\]\s*+)?>", re.DOTALL)
_FIRST_ELEMENT = re.compile(rb"<(?:[\w.-]++:)?(?P<name>[\w.-]+)")
_FIRST_TAG = re.compile(rb"<(?P<name>[A-Za-z][A-Za-z0-9.:_-]*+)(?=[\t\n\f\r />])")
_UTF_16_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
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
    text = _as_utf_8(head).lstrip(_SPACE)
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
    if _DOCTYPE.match(text):
        return "text/html"
    first = first_tag(text)
    return "text/html" if first in _HTML_ELEMENTS or (first is None and text.startswith(b"<!--")) else None


def first_tag(head: bytes) -> str | None:
    """Return the name of the tag that a text begins with, after comments and the like, in lower case; None for none."""
    text = _as_utf_8(head[:HEAD_BYTES])
    tag = _FIRST_TAG.match(text, end_of_run(_BEFORE_FIRST_ELEMENT, text, 0))
    return tag["name"].decode("ascii").lower() if tag else None


def _as_utf_8(head: bytes) -> bytes:
    """Return a head without its byte order mark, and what is in UTF-16 as UTF-8."""
    encoding = _UTF_16_MARKS.get(head[:2])
    if encoding is None:
        return head.removeprefix(_BYTE_ORDER_MARK)
    return head[2:].decode(encoding, "replace").encode("utf-8", "replace")


def root_name(head: bytes) -> str | None:
    """Return the name of a document's first element, in lower case and without its prefix; None for no markup."""
    text = _as_utf_8(head[:HEAD_BYTES])
    root = _FIRST_ELEMENT.match(text, end_of_run(_BEFORE_FIRST_ELEMENT, text, 0))
    return root["name"].decode("latin-1").lower() if root else None


def has_binary_data(head: bytes) -> bool:
    """Whether the first bytes hold one that no text has (WHATWG MIME Sniffing, 3: binary data byte).

    Text in UTF-16 with its mark has none.
    """
    if head[:2] in _UTF_16_MARKS:
        head = _as_utf_8(head)
    return _BINARY_DATA_BYTE.search(head) is not None
