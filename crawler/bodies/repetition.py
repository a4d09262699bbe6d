"""Repeats a pattern as far as it goes and never steps back: linear in time, constant in memory, alike on every Python.

`(?:...)*+` says the same, but CPython's `re` gets possessive quantifiers of a group, and groups inside them, wrong in
many versions that are supported (docs/decisions/0033-no-possessive-groups.md). A plain `(?:...)*` keeps a way back for
each turn: 200 bytes of memory, and time when what follows does not fit.
"""

from __future__ import annotations

import re
from typing import AnyStr


def end_of_run(pattern: re.Pattern[AnyStr], text: AnyStr, position: int) -> int:
    """Return where matches of `pattern` end that follow upon each other from `position` on; `position` for none.

    A pattern may itself repeat its parts a bounded number of times: that only makes this faster.
    """
    while (match := pattern.match(text, position)) and match.end() > position:
        position = match.end()
    return position
