"""The errors of a transfer that has begun, which are Scrapy's errors as well as ours; errors.py has the whole tree."""

from __future__ import annotations

from orbweaver.crawler.errors import CrawlError
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadFailedError,
    IgnoreRequest,
    ResponseDataLossError,
)


class BodyCut(CrawlError, ResponseDataLossError):
    """The body ended early: no digest of it may be used."""


class NoSuchName(CrawlError, CannotResolveHostError):
    """A name server says that the name of a host does not exist; one that fails, or is silent, does not say so."""


class ConnectionLost(CrawlError, DownloadFailedError):
    """The connection broke before the answer was whole."""


class TransferEnded(CrawlError, DownloadCancelledError):
    """A transfer that we ended; trying again would end it again."""


class BodyTooLarge(TransferEnded):
    """The body is larger than a file, or what is left of the recrawl's budget, may be."""


class TransferTooSlow(TransferEnded):
    """The mean rate of the body fell below the lowest one asked."""


class BadResponse(CrawlError, DownloadFailedError):
    """The answer is not HTTP, or is not what its headers say; the next answer will be no better."""


class PartSent(TransferEnded):
    """A part of the file was sent although the whole was asked for: its digests would be those of no file."""


class Interrupted(TransferEnded):
    """The recrawl was told to stop, or its time was over, while this transfer ran."""


class LimitReached(IgnoreRequest):
    """A request was not sent, or its body not read, because `limit` is spent or does not suffice; `reason` says more.

    That is `max_pages`, `max_files` or `max_bytes` of the recrawl, or `max_host_cost` or `host_errors` of a host.
    """

    def __init__(self, limit: str, reason: str | None = None) -> None:
        super().__init__(reason or limit)
        self.limit = limit
