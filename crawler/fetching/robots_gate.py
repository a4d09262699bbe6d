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
    """Knows what every host asked for of a recrawl says.

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

    async def refusal(self, url: str, user_agent: str) -> str | None:
        """Return why robots.txt keeps us from a canonical URL, None when it does not.

        Raises what kept us from asking for it: a host that cannot be asked for that cannot be asked for a file.
        """
        root = url[: url.index("/", len("https://"))]
        key = (root, user_agent)
        task = self._read.get(key)
        if task is None:
            task = self._read[key] = asyncio.create_task(self._ask(root, user_agent))
        # Who waits may be cancelled; the others still want the answer.
        found = task.result() if task.done() else await asyncio.shield(task)
        return None if found.allows(url, user_agent) else found.refusal

    async def _ask(self, root: str, user_agent: str) -> Robots:
        url = f"{root}/robots.txt"
        for _ in range(robots.MOST_REDIRECTS + 1):
            answer = await self._fetch(url, user_agent)
            if answer.location is None:
                assert answer.body is not None
                found = robots.judge(answer.status, answer.body.html or b"")
                self._on_read(root, user_agent, found)
                return found
            try:
                url = urls.join(url, answer.location.decode("latin-1"))
            except UrlRefused:
                break
            if not self._is_in_scope(url):
                break
        return robots.judge(answer.status, b"")
