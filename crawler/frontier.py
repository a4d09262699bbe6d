"""What a recrawl knows and has not visited yet, in the order in which it will be."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from orbweaver.crawler.links import LinkKind
from orbweaver.crawler.visit import Visit

# A waiting visit costs about 500 bytes; beyond this many, links are dropped and said to be.
MOST_WAITING = 50_000


class Waiting(NamedTuple):
    """A visit with the URL to ask for, which is not the visit's own after a redirect, and its cost."""

    visit: Visit
    url: str
    cost: int = 1  # in pages or files; 0 is not counted


class Frontier:
    """Reported URLs come first, then files, then pages by their distance from a report, each in order of arrival.

    What costs more than one page comes behind the others that are as far away.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Waiting]] = []
        self._aside: dict[str, list[Waiting]] = {}
        self._in_aside = 0
        self._pushed = 0
        self.reported = 0

    def __len__(self) -> int:
        return len(self._heap) + self._in_aside

    @property
    def is_full(self) -> bool:
        """Whether only reported URLs should still be added."""
        return len(self) >= MOST_WAITING

    def push(self, waiting: Waiting) -> None:
        """Add a visit."""
        visit = waiting.visit
        self._pushed += 1
        self.reported += visit.is_reported
        heapq.heappush(self._heap, (_rank(waiting), self._pushed, waiting))

    def pop(self) -> Waiting | None:
        """Take the next visit that is not set aside; None when there is none."""
        if not self._heap:
            return None
        waiting = heapq.heappop(self._heap)[2]
        self.reported -= waiting.visit.is_reported
        return waiting

    def set_aside(self, host: str, waiting: Waiting) -> bool:
        """Keep a visit that was taken until `bring_back`; returns whether it is the first of its host."""
        aside = self._aside.setdefault(host, [])
        aside.append(waiting)
        self._in_aside += 1
        self.reported += waiting.visit.is_reported
        return len(aside) == 1

    def bring_back(self, host: str | None = None) -> None:
        """Put the visits of a host, or of all, that were set aside where they were."""
        for name in list(self._aside) if host is None else [host]:
            for waiting in self._aside.pop(name, ()):
                self._in_aside -= 1
                self.reported -= waiting.visit.is_reported
                self.push(waiting)


def _rank(waiting: Waiting) -> int:
    visit = waiting.visit
    if visit.is_reported:
        return -2
    return -1 if visit.kind is LinkKind.MEDIA else visit.depth + max(waiting.cost, 1) - 1
