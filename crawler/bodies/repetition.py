"""Repeats a pattern as far as it goes and never steps back: linear in time, constant in memory, alike on every Python.

`(?:...)*+` means the same, but in many versions that are supported CPython's `re` has errors in possessive quantifiers
of a group, and in groups inside them (docs/decisions/0033-no-possessive-groups.md). A plain `(?:...)*` keeps a way back
for each repetition: 200 bytes of memory, and time when the rest does not fit.
"""

from __future__ import annotations

import re
from typing import AnyStr


def end_of_run(pattern: re.Pattern[AnyStr], text: AnyStr, position: int) -> int:
    """Return where a row of matches of `pattern` that begins at `position` ends; `position` when there is none.

    A pattern may itself repeat its parts a bounded number of times: that only makes this faster.
    """
    while (match := pattern.match(text, position)) and match.end() > position:
        position = match.end()
    return position
