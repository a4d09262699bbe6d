"""Puts a recrawl that is under way into words for people: what is left of it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from orbweaver.queue.fleet.shown.under_way import RecrawlSeen

# From this share on a limit is said that is nearer than the end of the time.
NEAR_LIMIT: Final = 0.8


def left(one: RecrawlSeen, at: datetime) -> str:
    """Return the time that is left, as `0:12:30`, or the limit that is nearer; `-` when that is not known."""
    seconds, nearest = one.seconds_left(at), one.nearest_limit()
    used = 0.0 if seconds is None or one.limits is None else 1 - seconds / one.limits.max_seconds
    if nearest is not None and nearest[1] >= max(NEAR_LIMIT, used):
        return f"{nearest[0]} {min(nearest[1], 1):.0%} used"
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
