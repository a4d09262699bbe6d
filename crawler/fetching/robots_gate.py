"""Asks each host's robots.txt once in a recrawl, before its first URL, and says whether a URL may be fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.rules import robots, urls
from orbweaver.crawler.rules.robots import Robots

Fetch = Callable[[str, str], Awaitable[FetchedResponse]]


class RobotsGate:
    """Keeps the robots.txt of every host of a recrawl that was asked for a URL.

    `fetch` gets a robots.txt for a user agent; `is_in_scope` says whether one may be followed to another URL.
    `on_read` is told of a host's robots.txt once.
    """

    def __init__(
        self, fetch: Fetch, *, is_in_scope: Callable[[str], bool], on_read: Callable[[str, str, Robots], None]
    ) -> None:
        self._fetch = fetch
        self._is_in_scope = is_in_scope
        self._on_read = on_read
        self._read: dict[tuple[str, str], asyncio.Task[Robots]] = {}

    @property
    def asking(self) -> int:
        """The number of robots.txt that are being asked for."""
        return sum(not task.done() for task in self._read.values())

    async def refusal(self, url: str, user_agent: str) -> str | None:
        """Return why robots.txt keeps us from a canonical URL, None when it does not.

        Raises the error that kept us from reading it: a host that gives no robots.txt gives no file.
        """
        root = url[: url.index("/", len("https://"))]
        key = (root, user_agent)
        task = self._read.get(key)
        if task is None:
            task = self._read[key] = asyncio.create_task(self._ask(root, user_agent))
        # One that waits may be cancelled; the others still want the answer.
        rules = task.result() if task.done() else await asyncio.shield(task)
        return None if rules.allows(url, user_agent) else rules.refusal

    async def _ask(self, root: str, user_agent: str) -> Robots:
        url = f"{root}/robots.txt"
        for _ in range(robots.MOST_REDIRECTS + 1):
            response = await self._fetch(url, user_agent)
            if response.location is None:
                assert response.body is not None
                rules = robots.judge(response.status, response.body.html or b"")
                self._on_read(root, user_agent, rules)
                return rules
            try:
                url = urls.join(url, response.location.decode("latin-1"))
            except UrlRefused:
                break
            if not self._is_in_scope(url):
                break
        return robots.judge(response.status, b"")
