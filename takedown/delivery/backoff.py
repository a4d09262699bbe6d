"""When a delivery that failed is tried again: pure functions of how often it failed, and since when.

The waits double from a second on, each with some chance in it, so that many do not come back at one moment. After three
days an event is parked: then an operator decides.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

FIRST_SECONDS: Final = 1.0
# An engine that was away for a day has its events a quarter of an hour after it is back.
LONGEST_SECONDS: Final = 900.0
PARKED_AFTER_SECONDS: Final = 3 * 24 * 3600.0
# A sink that took none of so many different events, one after the other, is down. From then on it is asked with one
# event at a time, at least once a minute; so one event that it never takes says nothing about the others.
EVENTS_OF_A_SINK_THAT_IS_DOWN: Final = 3
LONGEST_SECONDS_OF_A_SINK: Final = 60.0
_LEAST, _MOST = 0.75, 1.25


def next_try_of_event(tries: int, since: float, at: float, draw: float) -> float | None:
    """Return when an event is tried again that has failed `tries` times; None when it is parked.

    `since` is its first failure and `at` its last one (seconds since 1970), `draw` a number from 0 to 1. The last try
    is at the end of the three days.
    """
    ends_at = since + PARKED_AFTER_SECONDS
    return None if at >= ends_at else min(at + _wait(tries, LONGEST_SECONDS, draw), ends_at)


def next_try_of_sink(failures: int, at: float, draw: float, *, is_gone: bool = False) -> float:
    """Return from when on a sink gets anything again that took none of so many different events in a row.

    One that said that it is gone for good (`is_gone`) is asked as seldom as can be: a person has to look, and may have
    taken a proxy's word for the engine's.
    """
    if is_gone:
        return at + _wait(32, LONGEST_SECONDS, draw)
    if failures < EVENTS_OF_A_SINK_THAT_IS_DOWN:
        return at
    return at + _wait(failures - EVENTS_OF_A_SINK_THAT_IS_DOWN + 1, LONGEST_SECONDS_OF_A_SINK, draw)


def asked_for(retry_after: timedelta | None) -> float:
    """Return how many seconds a sink is left alone that asked for it, at most LONGEST_SECONDS."""
    return 0.0 if retry_after is None else min(max(retry_after.total_seconds(), 0.0), LONGEST_SECONDS)


def _wait(times: int, longest: float, draw: float) -> float:
    doubled = min(FIRST_SECONDS * 2.0 ** min(times - 1, 32), longest)
    return doubled * (_LEAST + (_MOST - _LEAST) * draw)
