"""Recognises endless URL spaces from the URL alone.

The numbers are those of Heritrix and StormCrawler, unless a comment gives another reason. A URL that only looks endless
is not dropped: it costs more, so it is visited last and a budget ends it.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from typing import Final

from orbweaver.crawler.rules.urls import path_of

MOST_SEGMENTS: Final = 20
# How often in a row a run of folders may come: "/one/two/one/two" may, "/one/two/one/two/one/two" may not.
MOST_REPEATS: Final = 2
# How often one folder may come anywhere.
MOST_RETURNS: Final = 3
# "/00/00/00/a.jpg" is how stores spread their files over folders.
_SHORTEST_FOLDER: Final = 3
MOST_PARAMETERS: Final = 4

# The slashes of a canonical URL that are no part of its path.
_SLASHES: Final = len("//")

# These are searched in a URL in lower case.
_WORD: Final = r"(?:agenda|calendar|calender|calendario|calendrier|event|events|kalender)(?=[/?.]|\Z)"
_DATE: Final = r"(?:19|20)\d\d[/-](?:0?[1-9]|1[0-2])(?:[/-]\d{1,2})?/?(?=\?|\Z)"
_DATED: Final = (
    r"(?:cal|cal_[a-z]*+|calendar|date|day|end_?date|event_?date|jahr|mon|monat|month|start_?date|tribe-bar-date|week|year)"
    r"=[^&]*\d"
)
_FACET: Final = (
    r"(?:(?:attr|facet|filter|refine)[a-z_]*+(?:%5b[^=&]*+)?|f%5b[^=&]*+|direction|limit|max_?price|min_?price"
    r"|order(?:_?by)?|page_?size|per_?page|sort(?:_?(?:by|dir|order))?)="
    r"|dir=(?:asc|desc)"
    r"|c=[dmns][;&]o=[ad]"  # how Apache and nginx sort a folder
)
# The first says only whether a URL may be endless. It has no groups, so it takes half the time of the second, which
# says why.
_MAY_BE_ENDLESS = re.compile(rf"/(?:{_WORD}|{_DATE})|[?&](?:{_DATED}|{_FACET})").search
_ENDLESS = re.compile(rf"/(?:(?P<word>{_WORD})|(?P<date>{_DATE}))|[?&](?:(?P<dated>{_DATED})|(?P<facet>{_FACET}))")
_DIGIT = re.compile(r"\d")


def has_too_many_segments(url: str) -> bool:
    """Whether the path has more than MOST_SEGMENTS segments."""
    return url.count("/") - _SLASHES > MOST_SEGMENTS and path_of(url).count("/") > MOST_SEGMENTS


def repeats_segments(url: str) -> bool:
    """Whether folders repeat in the path, as in the relative links of a page that a host sends for every path.

    >>> repeats_segments("http://files.example/images/images/images/a.jpg")
    True
    >>> repeats_segments("http://files.example/2020/01/2020/01/a.jpg")
    False
    """
    if url.count("/") - _SLASHES - 1 <= MOST_REPEATS:
        return False  # too few folders to repeat
    folders = path_of(url).split("/")[1:-1]
    if len(set(folders)) == len(folders) or len(folders) >= MOST_SEGMENTS:
        return False  # none repeats; or too many, which has_too_many_segments() says
    counts = Counter(folder for folder in folders if len(folder) >= _SHORTEST_FOLDER)
    if not counts:
        return False
    if max(counts.values()) > MOST_RETURNS:
        return True
    return any(_repeats_in_runs_of(width, folders) for width in range(1, len(folders) // (MOST_REPEATS + 1) + 1))


def _repeats_in_runs_of(width: int, folders: list[str]) -> bool:
    same = 0
    for position in range(width, len(folders)):
        same = same + 1 if folders[position] == folders[position - width] else 0
        run = folders[position - width + 1 : position + 1]
        if same >= width * MOST_REPEATS and any(len(folder) >= _SHORTEST_FOLDER for folder in run):
            return True
    return False


class EndlessSpace(StrEnum):
    """The kinds of pages of which there may be no last one."""

    CALENDAR = "calendar"
    FACETS = "facets"


def endless_space_of(url: str) -> EndlessSpace | None:
    """Return the endless space that a page is probably in, None for other pages.

    A date at the end of a path is a calendar's; a date before a name is a post's. Facets are orders and filters of the
    same things: parameters that say so, or more than MOST_PARAMETERS of any kind.

    >>> endless_space_of("http://files.example/events/2031/07"), endless_space_of("http://files.example/?sort=date")
    (<EndlessSpace.CALENDAR: 'calendar'>, <EndlessSpace.FACETS: 'facets'>)
    >>> endless_space_of("http://files.example/2020/01/a-post.html?id=2")
    """
    space = EndlessSpace.FACETS if url.count("&") >= MOST_PARAMETERS else None
    text = url.lower()
    if _MAY_BE_ENDLESS(text) is None:
        return space
    for match in _ENDLESS.finditer(text):
        if match.lastgroup == "facet":
            space = EndlessSpace.FACETS
        elif match.lastgroup != "word" or _DIGIT.search(url, match.end()):
            return EndlessSpace.CALENDAR
    return space
