"""Recognises a file that is not the text that it was given as: a picture, a film, a document; and a line for Excel."""

from __future__ import annotations

import re

import filetype

# No text has these, in any encoding of one byte a character.
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


# What Excel reads as its separator, and what some programs write above the header for it.
_SEPARATOR_LINE = re.compile(rb'"?sep=[^\r\n]?"?[,;\t]*', re.IGNORECASE)


def is_separator_line(line: bytes) -> bool:
    """Whether a first line only tells Excel how the columns are separated, as `sep=;` does; it has no end."""
    return _SEPARATOR_LINE.fullmatch(line) is not None


def binary_kind(head: bytes) -> str | None:
    """Return what the first bytes of a file show, such as `a JPG file (image/jpeg)`; None for text, and if unknown."""
    if head.startswith(b"%PDF-"):
        return "a PDF file (application/pdf)"
    if _NOT_TEXT.search(head) is None and _is_utf8(head):
        return None  # some magics are letters
    kind = filetype.guess(head)
    return None if kind is None else f"a {kind.extension.upper()} file ({kind.mime})"


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.end >= len(head) and error.reason == "unexpected end of data"
    return True
