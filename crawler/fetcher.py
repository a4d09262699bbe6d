"""THE way to fetch a URL: waits its turn, asks the budget, transfers, and tries again what may have been chance.

Pages, which come through Scrapy's engine, and files, which do not, are fetched by the same Fetcher, so every rule of
pace, budget and egress exists once.
"""

from __future__ import annotations

import math
import time

from orbweaver.crawler.budget import Budget
from orbweaver.crawler.links import LinkKind
from orbweaver.crawler.pace import Pace
from orbweaver.crawler.transfer import Answer, Headers, Transfers
from orbweaver.crawler.urls import host_of
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)

# What may go better the second time; a refusal of ours is an answer and never among them.
TRANSIENT = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 522, 524})
TRIES = 2


class Fetcher:
    """Fetches within one recrawl's budget, at its pace."""

    def __init__(self, transfers: Transfers, pace: Pace, budget: Budget) -> None:
        self._transfers = transfers
        self._pace = pace
        self._budget = budget

    async def fetch(
        self,
        url: str,
        headers: Headers,
        *,
        kind: LinkKind,
        cost: int = 1,
        method: str = "GET",
        data: bytes | None = None,
        most_bytes: float = math.inf,
    ) -> Answer:
        """Fetch a canonical URL, without following redirects; a `cost` of 0 is not counted as a page or file.

        Raises LimitReached, and what Transfers.transfer raises when it did not help to try again.
        """
        host = host_of(url)
        for tries_left in range(TRIES - 1, -1, -1):
            async with self._pace.turn(host):
                if cost:
                    self._budget.spend(kind, host=host, cost=cost)
                    cost = 0  # trying again is not another page
                began = time.monotonic()
                try:
                    answer = await self._transfers.transfer(
                        url,
                        headers,
                        spend_bytes=self._budget.receive,
                        method=method,
                        data=data,
                        most_bytes=most_bytes,
                    )
                except TRANSIENT:
                    self._pace.note(host, seconds=time.monotonic() - began, status=None)
                    if not tries_left:
                        raise
                    continue
            self._pace.note(
                host,
                seconds=answer.latency_seconds,
                status=answer.status,
                retry_after=answer.headers.get("Retry-After"),
            )
            if answer.status not in TRANSIENT_STATUSES or not tries_left:
                return answer
        raise AssertionError("the last try returns or raises")

    def end(self) -> None:
        """End every running transfer with Interrupted, and refuse new ones."""
        self._transfers.end()

    async def close(self) -> None:
        """Close every connection."""
        await self._transfers.close()
