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
_SLASH = r"(?:\\{0,3}/|\\{1,2}u002[fF]|\\{1,2}x2[fF]|&#(?:x2[fF]|47);)"
_SLASHES = f"{_SLASH}{{2}}"
SCHEME: Final = re.compile(rf":(?:{_SLASHES}|(?:image|video|audio){_SLASH})")


def is_hinted(text: str) -> bool:
    """Whether a text has a mark of a candidate."""
    return ("." in text and ENDING.search(text) is not None) or (":" in text and SCHEME.search(text) is not None)


class Hints:
    """The places of the marks in one text, taken in their order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ending = self._scheme = -1

    def start_from(self, position: int) -> int:
        """Return where the first mark at `position` or behind it begins; the length of the text when there is none.

        `position` never goes down.
        """
        if self._ending < position:
            match = ENDING.search(self._text, position)
            self._ending = match.start() if match else len(self._text)
        if self._scheme < position:
            match = SCHEME.search(self._text, position)
            self._scheme = match.start() if match else len(self._text)
        return min(self._ending, self._scheme)
