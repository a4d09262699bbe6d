"""Reads the words by which gates are known; they are in gate_words.txt, each with an example and a counter-example."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from orbweaver.crawler.rules import row_files


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
    DOWNLOAD = "download"


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
    return row_files.read(lines, _row)


def _row(line: str) -> GateWords:
    kind, pattern, example, counter_example = re.split(r"\s{2,}", line)
    return GateWords(WordKind(kind), pattern, example, counter_example)


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
    WordKind.DOWNLOAD: re.compile(_either(WordKind.DOWNLOAD)),
}


# For speed: a text in which a pattern of the kind is found has at least one of these. Few pages do, and to look for
# them is ten times as fast as to search with the patterns.
_WRITTEN_HINTS: Final = {
    WordKind.CONFIRM: (
        "16|18|19|21|adult|legal age|full age|consenting age|confirm|edad|idade|maggiorenn|majeur|plnolet|pełnoletni"
        "|verify|volljährig|совершеннолетн"
    ),
    WordKind.ADDRESS: (
        "18|21|accept|ack|adult|agree|check|confirm|consent|disclaimer|enter|gate|legal|mature|nsfw|ok|verif|warning|yes"
    ),
    WordKind.PAGE: (
        "16|18|19|21|adult|confirmation|dorosłych|edad|explicit|gate|idade|jugendschutz|legal age|maggiorenn"
        "|majeur|majority|altersprüfung|altersverifikation|age check|age-check|mature content|minori"
        "|pełnoletni|potentially|restricted|sensitive|verification|volljährig|взрослых|совершеннолетн|成人|未成年"
        "|성인"
    ),
    WordKind.CHALLENGE: (
        "automated|bot|browser|captcha|challenge|cloudflare|connection is secure|ddos|human|javascript|navegador"
        "|navigateur|person|please wait while we|security check|traffic|браузера|浏览器"
    ),
    WordKind.HOTLINK: "link",
    WordKind.LOGIN: (
        "anmeld|connect|einlog|eingelog|iniciar|log|melde|mitglieder|members only|password|private|regist|sign"
        "|авториз|войти|зарегистр"
    ),
}
_HINTS: Final = {kind: hints.split("|") for kind, hints in _WRITTEN_HINTS.items()}


# Neither is seen: control and format characters, marks on letters (what is composed is one letter), private ones, and
# letters without a shape.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Me", "Mn"})
_SHAPELESS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_UNSEEN_IN_ASCII: Final = str.maketrans("", "", "".join(map(chr, (*range(9), *range(0x0E, 0x1C), 0x7F))))


def plain(text: str) -> str:
    """Return a text as patterns expect it: what is seen of it, in lower case, with single blanks.

    >>> plain("B\u200bu\u00ady  \uff2e\uff2f\uff37")
    'buy now'
    """
    return " ".join(seen(text).lower().split())


def seen(text: str) -> str:
    """Return what is seen of a text, with the usual form of each letter and its blanks as they are."""
    if text.isascii():
        return text.translate(_UNSEEN_IN_ASCII)
    text = unicodedata.normalize("NFKC", text)
    return "".join(
        character
        for character in text
        if character.isspace() or (unicodedata.category(character) not in _UNSEEN and character not in _SHAPELESS)
    )


# Letters of the languages of the file; others look like these, and say what no pattern knows.
_OTHER_LETTER: Final = re.compile(
    r"(?![a-z\u00aa-\u024f\u1e00-\u1eff\u0400-\u045f\u3005-\u30ff\u3400-\u9fff\uac00-\ud7a3])[^\W\d_]"
    r"|[a-z][\u0400-\u045f]|[\u0400-\u045f][a-z]|[\U0001f100-\U0001f1ff]"
)
_SPACED_OUT: Final = re.compile(r"(?<![^\W_])([^\W_])[\W_](?=[^\W_](?![^\W_]))")


def is_never_a_way_in(words: str) -> bool:
    """Whether the plain words of a control say that it acts or leaves, or are too long or too odd to tell."""
    return (
        len(words) > MOST_CONTROL_CHARACTERS
        or _OTHER_LETTER.search(words) is not None
        or find(WordKind.LEAVE, words) is not None
        or find(WordKind.LEAVE, _SPACED_OUT.sub(r"\1", words)) is not None
    )


def may_say(kind: WordKind, text: str) -> bool:
    """Whether a plain text has a hint of a kind with hints: without one `find` finds nothing in any part of it."""
    for hint in _HINTS[kind]:  # noqa: SIM110 - any() is half as fast
        if hint in text:
            return True
    return False


def find(kind: WordKind, text: str) -> str | None:
    """Return the part of a plain text that a pattern of this kind matches, None when none does."""
    if kind in _HINTS and not may_say(kind, text):
        return None
    if kind in _WHOLE:
        text = _AROUND.sub("", text)
        if not text or len(text) > MOST_CONTROL_CHARACTERS:
            return None
        return text if _PATTERNS[kind].fullmatch(text) else None
    match = _PATTERNS[kind].search(text)
    return match[0] if match else None
