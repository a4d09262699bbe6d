"""The two lanes of a recrawl: pages go through Scrapy's engine, files beside it, as many at once as there are places.

Scrapy's engine costs about 0.2 ms a request in queues, signals and middlewares that a file has no use for. What is a
rule (scope, budget, pace, egress, limits, outcomes) is the Course's and the Fetcher's, the same for both lanes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from orbweaver.crawler.course import Course
from orbweaver.crawler.frontier import Frontier, Waiting
from orbweaver.crawler.links import LinkKind
from orbweaver.crawler.transfer import Answer

Fetch = Callable[[Waiting], Awaitable[Answer]]


class Lanes:
    """Takes what waits in the frontier, in its order, and tells the course what came of it.

    `fetch_page` and `fetch_file` fetch one URL. `places` visits are under way at once, so nothing piles up behind the
    connections: what waits, waits in the frontier.
    """

    def __init__(
        self,
        frontier: Frontier,
        course: Course,
        *,
        fetch_page: Fetch,
        fetch_file: Fetch,
        places: int,
    ) -> None:
        self._frontier = frontier
        self._course = course
        self._fetch_page = fetch_page
        self._fetch_file = fetch_file
        self._places = places
        self._under_way = 0
        self._is_stopped = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Visit until nothing waits and nothing is under way, or `stop` was called and what was under way has ended."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._places):
                tasks.create_task(self._work())

    def stop(self) -> None:
        """Start no more visits."""
        self._is_stopped = True
        self._changed.set()

    @property
    def unvisited(self) -> int:
        """How many URLs are known whose visit has not ended."""
        return len(self._frontier) + self._under_way

    async def _work(self) -> None:
        while not self._is_stopped:
            waiting = self._frontier.pop()
            if waiting is None:
                if not self._under_way:
                    break
                self._changed.clear()
                await self._changed.wait()
                continue
            self._under_way += 1
            try:
                await self._visit(waiting)
            finally:
                self._under_way -= 1
                self._changed.set()
        self._changed.set()

    async def _visit(self, waiting: Waiting) -> None:
        visit = waiting.visit
        is_file = visit.kind is LinkKind.MEDIA
        try:
            answer = await (self._fetch_file if is_file else self._fetch_page)(waiting)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, its URL gets an outcome: outcomes.OUTCOMES
            self._course.failed(visit, error)
            return
        try:
            self._course.arrived(visit, answer)
        except Exception as error:  # noqa: BLE001 - a bug that one page meets must not lose the others
            self._course.broke(visit, error)
