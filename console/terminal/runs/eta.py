"""Estimates how long a run still takes. An estimate is shown as one, and often there is none."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

# The mean of fewer hosts says nothing about the others.
HOSTS_TO_JUDGE_BY: Final = 3
# Only the last minute counts: a host may become slow.
WINDOW_SECONDS: Final = 60.0
SECONDS_TO_JUDGE_BY: Final = 5.0


@dataclass(frozen=True)
class Work:
    """Counts of the work that is done, and of the work that is known to be left, at one moment of a monotonic clock."""

    seconds: float
    hosts: int
    hosts_done: int
    hosts_waiting: int
    visited: int
    waiting: int


class Eta:
    """Takes the counts at each moment, and says how long the rest takes."""

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._recent: deque[Work] = deque()

    def say(self, work: Work) -> str:
        """Return an estimate in words, empty when there is none.

        While hosts wait, the finished hosts show how long a host takes. After that nobody knows how much the last hosts
        still have, so the estimate is only for the URLs that are known.
        """
        if self._recent and work.visited < self._recent[-1].visited:
            self._recent.clear()  # a recrawl was started again
        self._recent.append(work)
        while len(self._recent) > 2 and work.seconds - self._recent[1].seconds >= WINDOW_SECONDS:
            self._recent.popleft()
        elapsed = work.seconds - self._began_at
        if work.hosts_waiting:
            if work.hosts_done < HOSTS_TO_JUDGE_BY or elapsed < SECONDS_TO_JUDGE_BY:
                return ""
            return f"{roughly(elapsed / work.hosts_done * (work.hosts - work.hosts_done))} left"
        first = self._recent[0]
        seconds, visited = work.seconds - first.seconds, work.visited - first.visited
        if not work.waiting or seconds < SECONDS_TO_JUDGE_BY:
            return ""
        if visited <= 0:
            return "no answer for a while"
        return f"{roughly(work.waiting * seconds / visited)} for the URLs known so far"


def roughly(seconds: float) -> str:
    """Return a time, only as exact as it can be known.

    >>> roughly(20), roughly(100), roughly(5_400), roughly(200_000)
    ('less than a minute', 'about 2 min', 'about 1.5 h', 'about 2.3 days')
    """
    if seconds < 60:
        return "less than a minute"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    if seconds < 48 * 3_600:
        return f"about {seconds / 3_600:.1f} h"
    return f"about {seconds / 86_400:.1f} days"
