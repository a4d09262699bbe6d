"""Reads the words by which gates are known; they are in gate_words.txt, each with an example and a counter-example."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple


class WordKind(StrEnum):
    """The text in which a pattern is searched; gate_words.txt explains each."""

    CONFIRM = "confirm"
    ENTER = "enter"
    LEAVE = "leave"
    ADDRESS = "address"
    PAGE = "page"
    CHALLENGE = "challenge"
    HOTLINK = "hotlink"
    LOGIN = "login"


# Of controls: a pattern is compared with all of their words.
_WHOLE: Final = frozenset({WordKind.CONFIRM, WordKind.ENTER, WordKind.LEAVE})
_AROUND: Final = re.compile(r"\A[^\w+]+|[^\w+]+\Z")  # arrows, brackets, quotes and the like
# The words of a link or button that is longer are those of no button.
MOST_CONTROL_CHARACTERS: Final = 120


class GateWords(NamedTuple):
    """One row of the file."""

    kind: WordKind
    pattern: str
    example: str
    counter_example: str


def read_rows(lines: Iterable[str]) -> list[GateWords]:
    """Return the rows of a file of words; raises ValueError with the line's number."""
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            kind, pattern, example, counter_example = re.split(r"\s{2,}", line.strip())
            rows.append(GateWords(WordKind(kind), pattern, example, counter_example))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return rows


ROWS: Final = read_rows(Path(__file__).with_name("gate_words.txt").read_text(encoding="utf-8").splitlines())


def _either(kind: WordKind) -> str:
    return "|".join(f"(?:{row.pattern})" for row in ROWS if row.kind is kind)


_PATTERNS: Final = {
    WordKind.CONFIRM: re.compile(_either(WordKind.CONFIRM)),
    WordKind.ENTER: re.compile(_either(WordKind.ENTER)),
    WordKind.LEAVE: re.compile(_either(WordKind.LEAVE)),
    WordKind.ADDRESS: re.compile(_either(WordKind.ADDRESS)),
    WordKind.PAGE: re.compile(_either(WordKind.PAGE)),
    WordKind.CHALLENGE: re.compile(_either(WordKind.CHALLENGE)),
    WordKind.HOTLINK: re.compile(_either(WordKind.HOTLINK)),
    WordKind.LOGIN: re.compile(_either(WordKind.LOGIN)),
}


def plain(text: str) -> str:
    """Return a text as patterns expect it: in lower case, with single blanks."""
    return " ".join(text.lower().split())


def find(kind: WordKind, text: str) -> str | None:
    """Return the part of a plain text that a pattern of this kind matches, None when none does."""
    if kind in _WHOLE:
        text = _AROUND.sub("", text)
        if not text or len(text) > MOST_CONTROL_CHARACTERS:
            return None
        return text if _PATTERNS[kind].fullmatch(text) else None
    match = _PATTERNS[kind].search(text)
    return match[0] if match else None
