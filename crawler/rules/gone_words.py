"""Reads the words by which a page says that nothing is there; they are in gone_words.txt, each with an example."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from orbweaver.crawler.rules import row_files

# A longer title or heading says more than that.
MOST_TITLE_CHARACTERS: Final = 120


class GoneKind(StrEnum):
    """The text in which a pattern is searched; gone_words.txt explains each."""

    TITLE = "title"
    TEXT = "text"
    SUSPENDED = "suspended"
    ELSEWHERE = "elsewhere"
    UNAVAILABLE = "unavailable"
    PARKED = "parked"


class GoneWords(NamedTuple):
    """One row of the file."""

    kind: GoneKind
    pattern: str
    example: str
    counter_example: str


def read_rows(lines: Iterable[str]) -> list[GoneWords]:
    """Return the rows of a file of words; raises ValueError with the line's number."""
    return row_files.read(lines, _row)


def _row(line: str) -> GoneWords:
    kind, pattern, example, counter_example = re.split(r"\s{2,}", line)
    return GoneWords(GoneKind(kind), pattern, example, counter_example)


ROWS: Final = read_rows(Path(__file__).with_name("gone_words.txt").read_text(encoding="utf-8").splitlines())
_PATTERNS: Final = {
    kind: re.compile("|".join(f"(?:{row.pattern})" for row in ROWS if row.kind is kind)) for kind in GoneKind
}
_BETWEEN_PARTS: Final = re.compile(r"\s*[|·•»«:\u2013\u2014]+\s*|\s+-+\s+")


def find(kind: GoneKind, text: str) -> str | None:
    """Return the part of a plain text (gate_words.plain) that says that nothing is there, None when none does."""
    if kind is not GoneKind.TITLE:
        match = _PATTERNS[kind].search(text)
        return match[0] if match else None
    if len(text) > MOST_TITLE_CHARACTERS:
        return None
    parts = [text, *_BETWEEN_PARTS.split(text)]
    return next((part for one in parts if (part := one.strip(" .!-")) and _PATTERNS[kind].fullmatch(part)), None)
