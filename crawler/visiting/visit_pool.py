"""Makes the visits that wait, as many at once as there are places, and keeps no place for a host that pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from orbweaver.crawler.fetching.politeness import LONG_WAIT_SECONDS, Politeness
from orbweaver.crawler.rules.urls import host_of
from orbweaver.crawler.visiting.frontier import Frontier, PlannedRequest

# So many hosts may pause at once, each with as many visits under way as there are places, before they hold up others.
MOST_PAUSING = 4


class VisitPool:
    """Takes what waits in the frontier, in its order, and calls `visit` for it, which raises nothing.

    `places` visits are under way at once, so nothing piles up behind the connections: what waits, waits in the
    frontier. A visit to a host that `politeness` leaves alone for long keeps no place from another host, and visits
    to it that have not begun are set aside.
    """

    def __init__(
        self,
        frontier: Frontier,
        visit: Callable[[PlannedRequest], Awaitable[None]],
        *,
        politeness: Politeness,
        places: int,
    ) -> None:
        self._frontier = frontier
        self._visit = visit
        self._politeness = politeness
        self._places = places
        self._under_way = 0
        self._is_stopped = False
        self._changed = asyncio.Event()
        self._workers = 0
        politeness.on_long_wait = self._make_room

    async def run(self) -> None:
        """Visit until nothing waits and nothing is under way, or `stop` was called and what was under way has ended."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for _ in range(self._places):
                self._add_worker()

    def stop(self) -> None:
        """Start no more visits."""
        self._is_stopped = True
        self._frontier.bring_back()
        self._changed.set()

    @property
    def unvisited(self) -> int:
        """How many URLs are known whose visit has not ended."""
        return len(self._frontier) + self._under_way

    def _add_worker(self) -> None:
        self._workers += 1
        self._tasks.create_task(self._work())

    def _make_room(self) -> None:
        """Give the place of a visit that has to wait for long to another one."""
        while self._free_workers < self._places and self._workers < self._places * (1 + MOST_PAUSING):
            self._add_worker()

    @property
    def _free_workers(self) -> int:
        return self._workers - self._politeness.long_waits

    async def _work(self) -> None:
        # Whoever was made for the time of a long wait goes when that is over.
        while not self._is_stopped and self._free_workers <= self._places:
            planned = self._next()
            if planned is None:
                if not self._under_way and not len(self._frontier):
                    break
                self._changed.clear()
                await self._changed.wait()
                continue
            self._under_way += 1
            try:
                await self._visit(planned)
            finally:
                self._under_way -= 1
                self._changed.set()
        self._workers -= 1
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
