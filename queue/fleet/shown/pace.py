"""How fast recrawls are now: from their counts a few seconds ago, or from their beginning until there are such.

A later attempt goes on where the one before was: its counts begin with what that one had counted. So its pace is known
from the second look on.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final, NamedTuple

from orbweaver.queue.fleet.shown.under_way import FleetSeen, RecrawlSeen

WINDOW_SECONDS: Final = 10.0


class Pace(NamedTuple):
    """Requests that were answered or failed, and bytes that were received, a second."""

    requests: float
    bytes_read: float


class _Measured(NamedTuple):
    at: datetime
    attempt: int
    requests: int
    bytes_read: int


class PaceMeter:
    """Takes each look at the fleet; says the pace of its recrawls over the last seconds."""

    def __init__(self) -> None:
        self._measured: dict[str, deque[_Measured]] = {}

    def take(self, seen: FleetSeen) -> dict[str, Pace]:
        """Return the pace of each recrawl that is under way, by its id; none where nothing is known yet."""
        self._measured = {one.recrawl_id: self._kept(one, seen.at) for one in seen.recrawls}
        paces = {}
        for one in seen.recrawls:
            first = self._measured[one.recrawl_id][0]
            seconds = (seen.at - first.at).total_seconds()
            if seconds > 0:
                paces[one.recrawl_id] = Pace(
                    (one.requests - first.requests) / seconds, (one.tally.bytes_read - first.bytes_read) / seconds
                )
        return paces

    def _kept(self, one: RecrawlSeen, at: datetime) -> deque[_Measured]:
        known = self._measured.get(one.recrawl_id)
        if known is None or known[-1].attempt != one.attempt or known[-1].at > at:  # begun again, or a clock went back
            began_at = min(one.began_at or at, at)
            known = deque([_Measured(began_at, one.attempt, 0, 0)] if one.attempt <= 1 else [])
        known.append(_Measured(at, one.attempt, one.requests, one.tally.bytes_read))
        while len(known) > 2 and (at - known[1].at).total_seconds() >= WINDOW_SECONDS:
            known.popleft()
        return known
