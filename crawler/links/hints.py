"""The marks by which a candidate is known: a media ending, `://` in any spelling, the type of a data: URI.

Where a text has none of them, nobody has to look closer. Each pattern begins with one fixed character, because `re`
passes over all others about ten times as fast then; so there are two patterns, and not one.
"""

from __future__ import annotations

import re
from typing import Final

from orbweaver.crawler.links.media_endings import MEDIA_ENDINGS, any_of

ENDING: Final = re.compile(rf"\.{any_of(MEDIA_ENDINGS)}(?![A-Za-z0-9])")
# Written plainly, escaped as in JSON and in strings, also twice, or as HTML does.
_SLASHES = r"(?:\\{0,3}/|\\{1,2}u002[fF]|\\{1,2}x2[fF]|&#(?:x2[fF]|47);){2}"
SCHEME: Final = re.compile(rf":(?:{_SLASHES}|image/|video/|audio/)")
HINTS: Final = (ENDING, SCHEME)


def is_hinted(text: str) -> bool:
    """Whether a text has a mark of a candidate."""
    return ENDING.search(text) is not None or SCHEME.search(text) is not None


class Hints:
    """The marks of one text, taken in their order."""

    def __init__(self, text: str, patterns: tuple[re.Pattern[str], ...] = HINTS) -> None:
        self._text = text
        self._following = [(pattern, pattern.search(text)) for pattern in patterns]

    def first_from(self, position: int) -> re.Match[str] | None:
        """Return the first mark that begins at `position` or behind it; `position` never goes down."""
        first = None
        for place, (pattern, match) in enumerate(self._following):
            if match is None:
                continue
            following: re.Match[str] | None = match
            if match.start() < position:
                following = pattern.search(self._text, position)
                self._following[place] = (pattern, following)
            if following is not None and (first is None or following.start() < first.start()):
                first = following
        return first

    def start_from(self, position: int) -> int:
        """Return where that mark begins; the length of the text when there is none."""
        first = self.first_from(position)
        return len(self._text) if first is None else first.start()
