"""Tells a file's MIME type from its first bytes, whatever the server says it is."""

from __future__ import annotations

import re

import filetype

# The furthest that `filetype` looks in common files: the third entry of an office document's ZIP archive.
HEAD_BYTES = 4_096

# https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type
_SPACE = b"\t\n\f\r "
_HTML = re.compile(
    rb"<(?:!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|TITLE|B|BODY|BR|P|!--)[ >]",
    re.IGNORECASE,
)
_FIRST_ELEMENT = re.compile(
    rb"(?:\s++|<\?.*?\?>|<!--.*?-->|<![^>\[]*+(?:\[[^\]]*+\]\s*+)?+>)*+<(?:[\w.-]++:)?(?P<name>[\w.-]+)",
    re.DOTALL,
)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_BINARY_DATA_BYTE = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def sniff(head: bytes) -> str | None:
    """Return the MIME type that the first HEAD_BYTES of a file show, or None."""
    head = head[:HEAD_BYTES]
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip(_SPACE)
    if text.startswith(b"<"):
        return _sniff_markup(text)
    mime: str | None = filetype.guess_mime(head)
    return mime


def _sniff_markup(text: bytes) -> str | None:
    root = _FIRST_ELEMENT.match(text)
    if root and root["name"].lower() == b"svg":
        return "image/svg+xml"
    if text.startswith(b"<?xml"):
        return "text/xml"
    return "text/html" if _HTML.match(text) else None


def has_binary_data(head: bytes) -> bool:
    """Whether the first bytes hold one that no text has (WHATWG MIME Sniffing, 3: binary data byte)."""
    return _BINARY_DATA_BYTE.search(head) is not None
