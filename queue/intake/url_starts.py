"""Where URLs begin in a text: with a scheme, however it is spelt, or with `www.`; not inside of another URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from orbweaver.crawler.rules.urls import SPELT_SCHEMES
from orbweaver.queue.intake.wrapped_urls import MARKS_BEFORE_A_URL

# Characters that no reader sees: direction marks, zero-width blanks, soft hyphens, byte order marks.
INVISIBLE: Final = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
SCHEME: Final = (
    rf"(?:\[(?:{SPELT_SCHEMES})s?\]|(?:{SPELT_SCHEMES})(?:s|\[s\])?)"
    r"(?:\[://\]|\(://\)|\{://\}|(?:\s?:|\[:\]|\(:\)|\{:\})\s?(?://|\\\\|\\/\\/|\[//\]|\[/\]\[/\]|\[/\]/|/\[/\]))"
    r"(?:\s(?=[\w-]+\[?\.\]?\w))?"
)
# A host that is written without a scheme, as browsers let people type it.
WWW: Final = r"www(?:\.|\[\.\]?|\(\.\)|\{\.\}|[\[({]dot[\])}]|\\\.)(?=\w)"
START: Final = re.compile(rf"{SCHEME}|{WWW}", re.IGNORECASE)
WHOLE_SCHEME: Final = re.compile(SCHEME, re.IGNORECASE)

# A URL in running text ends here; none of them may stand in a URL unescaped.
ENDS: Final = re.compile('[\\s<>"`\u201c-\u201e\u00ab\u00bb\u2039\u203a]')
# What ends a sentence or an item in Chinese, Japanese, Arabic and others, and their brackets. The full stops may be the
# dots of a host, too (UTS 46).
FOREIGN_MARK: Final = re.compile(
    "[\u3001\u3002\uff0c\uff0e\uff1a\uff1b\uff01\uff1f\uff61\uff64\u060c\u061b\u061f\u06d4\u0964\u0965]"
    "|[\u0589\u0f0d\u104a\u104b\u1362\u17d4\u17d5\uff1c\uff1e\ufe64\ufe65]"
    "|[\uff08\uff09\u3008-\u3011\u3014-\u301b\uff3b\uff3d\uff5b\uff5d\uff62\uff63]"
)
# Where a URL has ended for certain, when the next one begins.
_URL_ENDS: Final = re.compile(f"{ENDS.pattern}|{FOREIGN_MARK.pattern}")
# A URL of another kind, in which one of the web may stand and is not meant: a tracker's, an object's in the memory of a
# browser, one that is a part of a picture.
_OTHER_URL: Final = re.compile(
    r"\b(?:(?:blob|filesystem|ed2k):|magnet:\?|data:[\w/+.;=-]*,|mailto:[^\s<>\"`?:]{1,320}\?)[^\s<>\"`]+",
    re.IGNORECASE,
)
# These may stand right before a URL: quotes, brackets, marks between items, and the dashes of a list.
_BEFORE_A_URL: Final = frozenset(
    "\"'\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u2039\u203a<>()[]{};,|:=*_~`-\u2013\u2014\u2022\u00b7"
)


def has_url(text: str) -> bool:
    """Whether a URL begins somewhere in a text."""
    return next(starts(INVISIBLE.sub("", text)), None) is not None


def starts(text: str) -> Iterator[re.Match[str]]:
    """Yield where URLs begin: not inside of one, such as the page that an archive's URL names in its path."""
    looked = -1  # up to here the URL before goes on; -1 where it has ended
    behind = -1  # the end of the scheme before: what stands there is its host
    others = _OTHER_URL.finditer(text)
    other = next(others, None)
    for found in START.finditer(text):
        is_host, behind = found.start() == behind, found.end()
        while other is not None and other.end() <= found.start():
            other = next(others, None)
        is_inside_another = other is not None and other.start() < found.start()
        if is_host or is_inside_another or text.endswith(MARKS_BEFORE_A_URL, 0, found.start()):
            continue
        before = text[found.start() - 1] if found.start() else " "
        goes_on = looked >= 0 and _URL_ENDS.search(text, looked, found.start()) is None
        looked = found.start() if goes_on else -1
        # Between letters of some scripts stands no blank, and after a sentence a careless writer leaves none.
        is_foreign = not before.isascii() and (looked < 0 or not before.isalnum())
        is_after_sentence = looked < 0 and before in ".!?" and "/" in found[0]
        if before.isspace() or before in _BEFORE_A_URL or is_foreign or is_after_sentence:
            looked = found.end()
            yield found


def begins_twice(text: str) -> bool:
    """Whether several URLs begin in a text."""
    return len(list(starts(text))) > 1
