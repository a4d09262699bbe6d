"""Recognises files that are no text: pictures, films, documents; and the first line that is only for Excel."""

from __future__ import annotations

import re

import filetype

# No text has these, in any encoding of one byte a character.
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


# A line that tells Excel the separator; some programs write it above the header.
_SEPARATOR_LINE = re.compile(rb'"?sep=[^\r\n]?"?[,;\t]*', re.IGNORECASE)


def is_separator_line(line: bytes) -> bool:
    """Whether a first line (without its line end) only tells Excel how the columns are separated, as `sep=;` does."""
    return _SEPARATOR_LINE.fullmatch(line) is not None


def binary_kind(head: bytes) -> str | None:
    """Return the kind that a file's first bytes show, such as `a JPG file (image/jpeg)`; None: text, or unknown."""
    if head.startswith(b"%PDF-"):
        return "a PDF file (application/pdf)"
    if _NOT_TEXT.search(head) is None and _is_utf8(head):
        return None  # the magic numbers of some formats are letters
    kind = filetype.guess(head)
    return None if kind is None else f"a {kind.extension.upper()} file ({kind.mime})"


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.end >= len(head) and error.reason == "unexpected end of data"
    return True
