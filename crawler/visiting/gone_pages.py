"""Tells whether a page that came with a status of success says that nothing is there: gone, closed, for sale, empty.

Such a page has little on it, or its title or a heading says nothing else. A page with many files, or with much text, is
none, whatever stands in it: a gallery in which one picture was deleted shows the others.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from orbweaver.crawler.links.pages.shown import Shown
from orbweaver.crawler.rules import gone_words
from orbweaver.crawler.rules.gate_words import plain
from orbweaver.crawler.rules.gone_words import GoneKind
from orbweaver.crawler.rules.urls import path_of

# Where a title or a heading says it: a logo, a few buttons and the site's navigation may be there, too.
MOST_FILES: Final = 6
# Where only the text says it, it is nearly the only text.
FEW_FILES: Final = 2
MOST_WORD_CHARACTERS: Final = 500
MOST_SUSPENDED_CHARACTERS: Final = 1_500
# Of a file of text, as it comes where a file was reported: "404 Not Found", {"error": "file not found"}.
MOST_TEXT_BYTES: Final = 500
_MOST_WORDS_SAID: Final = 80
_INDEX_TITLES: Final = ("index of /", "directory listing for /", "directory listing of /", "directory: /")
_PARENTS: Final = frozenset({".", "./", "..", "../"})


class GoneHow(StrEnum):
    """How a page says that nothing is there; the names are in rules, as `error_page.NAME`."""

    GONE = "gone"
    SUSPENDED = "suspended"
    PARKED = "parked"
    ELSEWHERE = "elsewhere"
    UNAVAILABLE = "unavailable"
    EMPTY_INDEX = "empty-index"


class Gone(NamedTuple):
    """The words by which a page says that nothing is there."""

    how: GoneHow
    words: str


def gone_of(shown: Shown, url: str) -> Gone | None:
    """Return what the page at a canonical URL says of that, None for every other page."""
    if shown.is_much or shown.frames:
        return None
    title, headings = plain(shown.title), [plain(heading) for heading in shown.headings]
    if _is_empty_index(shown, url, [title, *headings]):
        return Gone(GoneHow.EMPTY_INDEX, _said(shown.title or shown.headings[0]))
    if shown.files > MOST_FILES:
        return None
    if refused := _not_said_of_the_file(shown, title):
        return refused
    for text in (title, *headings):
        if words := gone_words.find(GoneKind.TITLE, text):
            return Gone(GoneHow.GONE, _said(words))
    if shown.files > FEW_FILES:
        return None
    words = plain(shown.words)
    for kind, how in ((GoneKind.SUSPENDED, GoneHow.SUSPENDED), (GoneKind.PARKED, GoneHow.PARKED)):
        if len(words) <= MOST_SUSPENDED_CHARACTERS and (found := gone_words.find(kind, f"{title} {words}")):
            return Gone(how, _said(found))
    return gone_of_text(shown.words) if len(words) <= MOST_WORD_CHARACTERS else None


def gone_of_text(text: str) -> Gone | None:
    """Return what a short text says of that, None for every other text."""
    words = plain(text)
    for kind, how in (
        (GoneKind.ELSEWHERE, GoneHow.ELSEWHERE),
        (GoneKind.UNAVAILABLE, GoneHow.UNAVAILABLE),
        (GoneKind.TEXT, GoneHow.GONE),
    ):
        if found := gone_words.find(kind, words):
            return Gone(how, _said(found))
    return None


def _not_said_of_the_file(shown: Shown, title: str) -> Gone | None:
    """Return what a page says of visitors from this country, or of its host; the file may be there all the same."""
    words = plain(shown.words)
    if shown.files > FEW_FILES or len(words) > MOST_SUSPENDED_CHARACTERS:
        return None
    for kind, how in ((GoneKind.ELSEWHERE, GoneHow.ELSEWHERE), (GoneKind.UNAVAILABLE, GoneHow.UNAVAILABLE)):
        if found := gone_words.find(kind, f"{title} {words}"):
            return Gone(how, _said(found))
    return None


def _is_empty_index(shown: Shown, url: str, titles: list[str]) -> bool:
    """Whether a page is the list of a folder's files, and lists none: links to sort it or to the folder above."""
    if not any(title.startswith(_INDEX_TITLES) for title in titles):
        return False
    path = path_of(url)
    return all(
        reference.startswith("?") or reference in _PARENTS or (reference.startswith("/") and path.startswith(reference))
        for reference in shown.links
    )


def _said(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= _MOST_WORDS_SAID else words[: _MOST_WORDS_SAID - 1] + "…"
