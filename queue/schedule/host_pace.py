"""Decides how long a host is left alone that said it has had too many requests (429, 503), and how slowly it is asked.

It holds for the whole fleet: the next visit begins no earlier, and all recrawls of the host go slower for a while.
Times are seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# No host keeps us away for longer by one answer, whatever its Retry-After says: it could hide for ten years.
MOST_WAIT_SECONDS: Final = 3_600.0
# Each time that a host asks again although it was left alone, the time between two requests doubles; half of it is gone
# after each RECOVERY_SECONDS in which the host does not ask.
FIRST_DELAY_SECONDS: Final = 1.0
MOST_DELAY_SECONDS: Final = 30.0
RECOVERY_SECONDS: Final = 300.0
# Below this the host is as quick as any other: halving would go on for ever.
LEAST_DELAY_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class HostPace:
    """The pace that a host asked for: no visit begins before `until`, and `delay` seconds were to lie between two
    requests when it asked last, at `asked_at`. `times` counts how often in a row it asked.

    >>> pace = after_wait(HostPace(), 1_000.0, 120)
    >>> pace.until, pace.delay, delay_at(pace, 1_120 + RECOVERY_SECONDS)
    (1120.0, 1.0, 0.5)
    """

    until: float = 0.0
    delay: float = 0.0
    asked_at: float = 0.0
    times: int = 0


def after_wait(pace: HostPace, at: float, seconds: float | None) -> HostPace:
    """Return the pace of a host that has just asked to wait for so many seconds; None when it does not say how many.

    What it says while it is left alone, of requests that were under way, makes it no slower.
    """
    delay = delay_at(pace, at)
    times = 0 if is_over(pace, at) else pace.times
    if at >= pace.until:
        delay = min(max(FIRST_DELAY_SECONDS, 2 * delay), MOST_DELAY_SECONDS)
        times += 1
    wait = delay if seconds is None else min(max(seconds, 0.0), MOST_WAIT_SECONDS)
    # A clock that has jumped back has left a time behind that is too far away.
    until = max(min(pace.until, at + MOST_WAIT_SECONDS), at + wait)
    return HostPace(until, delay, at, max(times, 1))


def delay_at(pace: HostPace, at: float) -> float:
    """Return the seconds that lie between two requests to a host at a moment; 0 when it has recovered."""
    quiet = max(0.0, at - max(pace.until, pace.asked_at))
    delay = pace.delay * 0.5 ** (quiet / RECOVERY_SECONDS)
    return delay if delay >= LEAST_DELAY_SECONDS else 0.0


def left_alone_until(pace: HostPace, at: float, most: float) -> float:
    """Return until when recrawls that are under way ask nothing; no longer than `most` seconds after it asked."""
    return min(pace.until, pace.asked_at + most, at + most)


def is_over(pace: HostPace, at: float) -> bool:
    """Whether nothing is left of what a host asked for."""
    return at >= pace.until and not delay_at(pace, at)


def kept_seconds(pace: HostPace, at: float) -> int:
    """Return for how long a pace is to be kept: until nothing is left of it."""
    halvings = 0
    delay = pace.delay
    while delay >= LEAST_DELAY_SECONDS:
        delay /= 2
        halvings += 1
    return int(max(0.0, min(pace.until - at, MOST_WAIT_SECONDS)) + halvings * RECOVERY_SECONDS) + 1
