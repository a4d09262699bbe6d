"""Keeps Scrapy's line for every page out of the log: outcomes are in the journal, and URLs are not for logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.logformatter import LogFormatter

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.http import Response


class NoLinePerPage(LogFormatter):
    """Logs no line for a response; Scrapy takes None for no line."""

    def crawled(self, request: Request, response: Response, spider: Spider) -> None:  # type: ignore[override]  # noqa: ARG002
        """Return no line."""
        return
