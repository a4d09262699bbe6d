"""What one recrawl has spent of its limits, and whether one more request may start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orbweaver.crawler.links import LinkKind
from orbweaver.model import Limits
from scrapy.exceptions import IgnoreRequest

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class LimitReached(IgnoreRequest):
    """A request was not sent because `limit` is spent."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


class Budget:
    """Counts requests when they start, so that a limit is never passed by what is in flight.

    A page expected and a file found (or the other way round) is counted again as what it turned out to be.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.bytes_read = 0
        self._pages = 0
        self._files = 0

    def spend(self, kind: LinkKind) -> None:
        """Count one request of this kind; raises LimitReached, and counts nothing, when its limit is spent."""
        if self.bytes_read >= self.limits.max_bytes:
            raise LimitReached("max_bytes")
        if kind is LinkKind.PAGE:
            if self._pages >= self.limits.max_pages:
                raise LimitReached("max_pages")
            self._pages += 1
        else:
            if self._files >= self.limits.max_files:
                raise LimitReached("max_files")
            self._files += 1

    def correct(self, expected: LinkKind, found: LinkKind) -> None:
        """Count a request as what it turned out to be."""
        if expected is found:
            return
        change = 1 if found is LinkKind.PAGE else -1
        self._pages += change
        self._files -= change

    @property
    def bytes_left(self) -> int:
        """How many more bytes may be received."""
        return max(self.limits.max_bytes - self.bytes_read, 0)


class BudgetMiddleware:
    """Scrapy downloader middleware: asks the spider's budget just before a request is sent, and pays for what came.

    Reported URLs are always fetched and a retry is counted once, so neither is asked for.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build the middleware for a crawler whose spider has a `budget`."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Let the request pass, bounded by the bytes that are left; raises LimitReached."""
        budget: Budget = self._crawler.spider.budget  # type: ignore[union-attr]
        visit = request.meta["visit"]
        if not visit.is_reported and "retry_times" not in request.meta:
            budget.spend(visit.kind)
        request.meta["download_maxsize"] = budget.bytes_left

    def process_response(self, request: Request, response: Response) -> Response:
        """Count what was received, before the next request can start."""
        self._count(request)
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:  # noqa: ARG002
        """Count what was received of a transfer that failed."""
        self._count(request)

    def _count(self, request: Request) -> None:
        budget: Budget = self._crawler.spider.budget  # type: ignore[union-attr]
        budget.bytes_read += request.meta.pop("bytes_received", 0)
