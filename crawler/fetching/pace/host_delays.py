"""Decides how long a host is left alone: by the delays that it and we ask for, its slow answers and its pauses.

Nothing here waits or reads a clock: every moment is given.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

# An answer that takes longer than this says that the host is slow; below it nobody is ever slowed down.
SLOW_ANSWER_SECONDS: Final = 2.0
MOST_LATENCY_DELAY_SECONDS: Final = 30.0
# A latency delay below this is over: halving would go on for ever.
LEAST_LATENCY_DELAY_SECONDS: Final = 0.05
# No host may make a recrawl wait longer at a time, whatever its Retry-After says.
MOST_PAUSE_SECONDS: Final = 300.0
# Nor may it keep the next recrawl from beginning for longer.
MOST_WAIT_SECONDS: Final = 3_600.0
FIRST_BACK_OFF_SECONDS: Final = 1.0
_MOST_DOUBLINGS: Final = 20

OVERLOADED: Final = frozenset({429, 503})
_SERVER_ERROR: Final = 500
_DIGITS = re.compile(r"[0-9]+")


class Reason(StrEnum):
    """The reasons why the next request to a host does not start yet."""

    DELAY = "delay"  # delay_seconds of the scope's access profile
    ROBOTS = "robots"  # Crawl-delay of robots.txt
    LATENCY = "latency"
    RETRY_AFTER = "retry-after"
    BACK_OFF = "back-off"  # 429 or 503 without a Retry-After that can be used
    SLOTS = "slots"  # as many requests as are allowed are under way
    FLEET = "fleet"  # another recrawl of the host was asked to wait, or an earlier one
    SHARED = "shared"  # other recrawls have the places at its address


@dataclass(slots=True)
class HostDelays:
    """The delays and the pause of one host; `own_delay` is ours, for every host, and moments are a clock's seconds.

    `fleet_until` and `fleet_delay` are what the host asked of all recrawls. So many `sharers` ask hosts at its address:
    what we keep between two requests is for all of them together.

    >>> delays = HostDelays(own_delay=2)
    >>> delays.start(100.0)
    >>> delays.note(100.5, seconds=0.5, status=429, retry_after=60)
    True
    >>> delays.opens_at, str(delays.reason)
    (160.5, 'retry-after')
    """

    own_delay: float = 0.0
    robots_delay: float = 0.0
    latency_delay: float = 0.0
    last_start: float = -math.inf
    paused_until: float = -math.inf
    pause_began: float = -math.inf
    pause_reason: Reason = Reason.BACK_OFF
    overloads: int = 0
    fleet_until: float = -math.inf
    fleet_delay: float = 0.0
    sharers: int = 1

    @property
    def opens_at(self) -> float:
        """The moment from which on a request may start."""
        kept = max(self.own_delay, self.robots_delay, self.fleet_delay) * self.sharers
        return max(self.paused_until, self.fleet_until, self.last_start + max(kept, self.latency_delay))

    @property
    def reason(self) -> Reason:
        """The longest of what keeps a request from starting before `opens_at`."""
        opens_at = self.opens_at
        if self.paused_until >= opens_at:
            return self.pause_reason
        if self.fleet_until >= opens_at:
            return Reason.FLEET
        _, reason = max(
            (self.latency_delay, Reason.LATENCY),
            (self.fleet_delay * self.sharers, Reason.FLEET),
            (self.robots_delay * self.sharers, Reason.ROBOTS),
            (self.own_delay * self.sharers, Reason.DELAY),
        )
        return reason

    def start(self, now: float) -> None:
        """Note that a request starts."""
        self.last_start = now

    def note(self, now: float, *, seconds: float, status: int | None, retry_after: float | None) -> bool:
        """Learn from an answer that came after `seconds`; a `status` of None means that none came.

        `retry_after` is how many seconds the host asks to wait, None when it does not say. Returns whether the host is
        paused for longer than before.
        """
        # What was asked before the host paused says nothing about whether the pause was long enough.
        is_news = now - seconds >= self.pause_began
        is_longer = False
        if status in OVERLOADED:
            is_longer = self._pause(now, retry_after, is_news=is_news)
        elif status is not None and is_news:
            self.overloads = 0
        self.latency_delay = latency_delay(self.latency_delay, seconds, status)
        return is_longer

    def has_nothing_to_remember(self, now: float) -> bool:
        """Whether a host that is forgotten would be asked as soon as this one."""
        return not (self.robots_delay or self.latency_delay or self.overloads) and self.opens_at <= now

    def _pause(self, now: float, retry_after: float | None, *, is_news: bool) -> bool:
        if retry_after is None and not is_news:
            return False  # the same overload, said again by answers that were under way
        if is_news:
            self.overloads += 1
            self.pause_began = now
        reason = Reason.RETRY_AFTER
        if retry_after is None:
            retry_after = FIRST_BACK_OFF_SECONDS * 2 ** min(self.overloads - 1, _MOST_DOUBLINGS)
            reason = Reason.BACK_OFF
        until = now + min(retry_after, MOST_PAUSE_SECONDS)
        if until <= self.paused_until:
            return False
        self.paused_until = until
        self.pause_reason = reason
        return True


def latency_delay(delay: float, seconds: float, status: int | None) -> float:
    """Return the delay between starts after an answer that took `seconds`, as Scrapy's AutoThrottle would.

    Beyond the threshold, starts are as far apart as answers take, which leaves a slow host about one request at a
    time. Errors that come quickly are no sign that a host has recovered.
    """
    target = min(max(0.0, seconds - SLOW_ANSWER_SECONDS), MOST_LATENCY_DELAY_SECONDS)
    if target >= delay:
        return target
    if status is None or status in OVERLOADED or status >= _SERVER_ERROR:
        return delay
    lowered = (delay + target) / 2
    return lowered if lowered >= LEAST_LATENCY_DELAY_SECONDS else 0.0


def retry_after_seconds(text: str, now: datetime) -> float | None:
    """Return how long a Retry-After asks to wait, at most MOST_WAIT_SECONDS; None when it asks for no wait.

    It is a number of seconds or an HTTP-date (RFC 9110, 10.2.3). What is neither, lies in the past or is 0 is none.
    """
    text = text.strip()
    if _DIGITS.fullmatch(text):
        # int() refuses thousands of digits; more than nine of them are beyond the longest pause anyway.
        seconds = MOST_WAIT_SECONDS if len(text.lstrip("0")) > len("999999999") else float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # the latter for a number that is none of a date
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return min(seconds, MOST_WAIT_SECONDS) if seconds > 0 else None
