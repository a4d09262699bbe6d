"""Makes the visits of the frontier, several at once, and holds no host up for another one that pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from orbweaver.crawler.fetching.pace.politeness import LONG_WAIT_SECONDS, Politeness
from orbweaver.crawler.rules.urls import host_of
from orbweaver.crawler.visiting.frontier import Frontier, PlannedRequest

# So many hosts may pause at once, each with as many visits under way as there may be, before they hold up others.
MOST_PAUSING = 4


class VisitPool:
    """Takes the requests of the frontier, in its order, and calls `visit` for each, which raises nothing.

    At most `at_once` visits are under way, so nothing piles up behind the connections: what waits, waits in the
    frontier. A visit to a host that `politeness` leaves alone for long does not count: an extra fetch task is started
    for other hosts, and visits to that host that have not begun are set aside.
    """

    def __init__(
        self,
        frontier: Frontier,
        visit: Callable[[PlannedRequest], Awaitable[None]],
        *,
        politeness: Politeness,
        at_once: int,
    ) -> None:
        self._frontier = frontier
        self._visit = visit
        self._politeness = politeness
        self._at_once = at_once
        self._under_way: dict[int, PlannedRequest] = {}  # by the number of the visit
        self._begun = 0
        self._is_stopped = False
        self._changed = asyncio.Event()
        self._running = 0
        politeness.on_long_wait = self._make_room

    async def run(self) -> None:
        """Visit until nothing waits and nothing is under way, or `stop` was called and what was under way has ended."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for _ in range(self._at_once):
                self._start_task()

    def stop(self) -> None:
        """Start no more visits."""
        self._is_stopped = True
        self._frontier.bring_back()
        self._changed.set()

    @property
    def unvisited(self) -> int:
        """The number of URLs that are known and whose visit has not ended."""
        return len(self._frontier) + len(self._under_way)

    @property
    def under_way(self) -> tuple[PlannedRequest, ...]:
        """The visits that have begun and not ended, in the order in which they began."""
        return tuple(self._under_way.values())

    def _start_task(self) -> None:
        self._running += 1
        self._tasks.create_task(self._fetch_visits())

    def _make_room(self) -> None:
        """Start extra fetch tasks while others have to wait for long."""
        while self._not_waiting < self._at_once and self._running < self._at_once * (1 + MOST_PAUSING):
            self._start_task()

    @property
    def _not_waiting(self) -> int:
        return self._running - self._politeness.long_waits

    async def _fetch_visits(self) -> None:
        # Extra fetch tasks that were started during a long wait end with it.
        while not self._is_stopped and self._not_waiting <= self._at_once:
            planned = self._next()
            if planned is None:
                if not self._under_way and not len(self._frontier):
                    break
                self._changed.clear()
                await self._changed.wait()
                continue
            self._begun += 1
            number = self._begun
            self._under_way[number] = planned
            try:
                await self._visit(planned)
            finally:
                del self._under_way[number]
                self._changed.set()
        self._running -= 1
        self._changed.set()

    def _next(self) -> PlannedRequest | None:
        """Take the next visit to a host that may be asked soon; None when there is none now."""
        while (planned := self._frontier.pop()) is not None:
            host = host_of(planned.url)
            seconds = self._politeness.state(host).seconds
            if seconds <= LONG_WAIT_SECONDS:
                return planned
            if self._frontier.set_aside(host, planned):
                asyncio.get_running_loop().call_later(seconds, self._bring_back, host)
        return None

    def _bring_back(self, host: str) -> None:
        self._frontier.bring_back(host)
        self._changed.set()
