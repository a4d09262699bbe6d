"""What one recrawl has spent of its limits, and whether one more request may start."""

from __future__ import annotations

from orbweaver.crawler.links import LinkKind
from orbweaver.model import Limits
from scrapy.exceptions import IgnoreRequest


class LimitReached(IgnoreRequest):
    """A request was not sent because `limit` is spent."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


class Budget:
    """Counts requests when they start and bytes as they come, so that no limit is passed by what is in flight.

    A page expected and a file found (or the other way round) is counted again as what it turned out to be.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.bytes_read = 0
        self._pages = 0
        self._files = 0

    def spend(self, kind: LinkKind, *, host: str, cost: int = 1) -> None:  # noqa: ARG002
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

    def correct(self, expected: LinkKind, found: LinkKind, *, host: str) -> None:  # noqa: ARG002
        """Count a request as what it turned out to be."""
        if expected is found:
            return
        change = 1 if found is LinkKind.PAGE else -1
        self._pages += change
        self._files -= change

    def receive(self, received: int) -> None:
        """Count bytes that came; raises LimitReached when they are more than a recrawl may have."""
        self.bytes_read += received
        if self.bytes_read > self.limits.max_bytes:
            raise LimitReached("max_bytes")
