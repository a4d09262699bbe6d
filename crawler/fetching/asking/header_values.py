"""Texts of operators and reporters that are sent as the value of a header."""

from __future__ import annotations

import re
from typing import Final

from orbweaver.crawler.errors import AccessRefused

# Servers refuse header lines longer than about this (nginx, Apache: 8 KiB with the name).
MOST_HEADER_CHARACTERS: Final = 8_000

# HTTP allows more (RFC 9110, 5.5), which servers and clients encode differently.
_SENDABLE = re.compile(r"[\x20-\x7e]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def header_value(text: str) -> str:
    """Return a text that can be sent as a header's value, without blanks around it; raises AccessRefused.

    >>> header_value(" Mozilla/5.0 ")
    'Mozilla/5.0'
    """
    text = text.strip(" \t")
    if _CONTROL.search(text):
        raise AccessRefused("control character or line end")
    if not _SENDABLE.fullmatch(text):
        raise AccessRefused("character that is not ASCII")
    if len(text) > MOST_HEADER_CHARACTERS:
        raise AccessRefused(f"longer than {MOST_HEADER_CHARACTERS} characters")
    if not text:
        raise AccessRefused("empty")
    return text
