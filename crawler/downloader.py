"""A Scrapy downloader whose per-host connection limit holds under asyncio."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from scrapy.core.downloader import Downloader, Slot

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response
    from twisted.internet.defer import Deferred


class StrictDownloader(Downloader):
    """Counts a transfer when its task is made, not when the task first runs.

    Scrapy 2.19 starts every queued request while one place is free, because it counts too late: 30 connections
    were seen with a limit of 2. A polite crawler needs the limit to hold. The overridden method is Scrapy's own
    and not public; a test counts the connections at the server.
    """

    def _wait_for_download(  # not a coroutine function, but it returns one
        self, slot: Slot, request: Request, queue_dfd: Deferred[Response]
    ) -> Coroutine[Any, Any, None]:
        slot.transferring.add(request)
        return super()._wait_for_download(slot, request, queue_dfd)
