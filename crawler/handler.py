"""Scrapy's download handler of Orbweaver: the recrawl's Fetcher fetches every request of Scrapy's engine.

The response that reaches a callback has the HTML of a page or an empty body; `request.meta["answer"]` has the digests
and the facts of the transfer. `request.meta["cost"]` is the cost of the request in pages, 0 when it is not given, and
`request.meta["spelling"]` how path and query are sent, None for as they are in the URL.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from orbweaver import settings as orbweaver_settings
from orbweaver.crawler.containment import sandbox
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.fetching.budget import Budget
from orbweaver.crawler.fetching.fetcher import Fetcher
from orbweaver.crawler.fetching.pace.politeness import Politeness
from orbweaver.crawler.fetching.transfer import FetchedResponse, Transfers
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules.urls import canonicalise
from orbweaver.model import Limits
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.exceptions import NotSupported, UnsupportedURLSchemeError
from scrapy.http import Headers, HtmlResponse, Response

if TYPE_CHECKING:
    from orbweaver.settings import Settings
    from scrapy import Request
    from scrapy.crawler import Crawler

# Of a `scrapy shell` or `scrapy fetch`, which has no scope and so no limits of its own.
SHELL_CPU_SECONDS = 24 * 3600


class HashingDownloadHandler(BaseDownloadHandler):
    """Fetches http and https, in the sandbox only, or with SANDBOX=off.

    It uses the Fetcher of the crawler's spider, which has the budget of the recrawl, and one without a budget for
    spiders that have none (`scrapy shell`). Raises Scrapy's documented download exceptions and those of crawler.errors.
    """

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        fetcher: Fetcher | None = getattr(crawler.spider, "fetcher", None)
        self._fetcher = fetcher or _fetcher_without_budget(
            crawler.settings.get("ORBWEAVER") or orbweaver_settings.load()
        )

    async def download_request(self, request: Request) -> Response:
        """Fetch one URL, without following redirects.

        Raises NotSupported for a request that chooses its own way out: ignoring it would show a host an address that
        somebody wanted to hide.
        """
        if request.meta.get("proxy") or request.meta.get("bindaddress"):
            raise NotSupported("a request cannot choose its proxy or its own address")
        try:
            url = canonicalise(request.url)  # is already, from our spider; anything comes from `scrapy shell`
        except UrlRefused as error:
            raise UnsupportedURLSchemeError(error.reason) from error
        most_bytes = request.meta.get("download_maxsize")
        fetched = await self._fetcher.fetch(
            url,
            [(name.decode("latin-1"), _as_text(value)) for name, value in _lines(request.headers)],
            kind=LinkKind.PAGE,
            cost=request.meta.get("cost", 0),
            method=request.method,
            data=request.body or None,
            limits=self._fetcher.limits.at_most(most_bytes) if most_bytes else None,
            spelling=request.meta.get("spelling"),
        )
        request.meta["answer"] = fetched
        if fetched.cut_by is not None:
            raise fetched.cut_by
        request.meta["download_latency"] = fetched.latency_seconds
        return _response(request, fetched)

    async def close(self) -> None:
        """Close every connection."""
        await self._fetcher.close()


def _fetcher_without_budget(settings: Settings) -> Fetcher:
    if settings.sandbox == "off":  # nobody else enters it for Scrapy's own commands
        sandbox.enter(tcp_ports=(), memory_bytes=settings.memory_bytes, cpu_seconds=SHELL_CPU_SECONDS, is_on=False)
    most = settings.host_connections
    return Fetcher(
        Transfers(settings),
        Politeness(connections=most, connections_per_host=most),
        Budget(Limits(max_bytes=2**63)),
    )


def _lines(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return the headers to send, each value on its own line; a login for a proxy is not the host's to see."""
    return [(name, value) for name, values in headers.items() if name != b"Proxy-Authorization" for value in values]


def _as_text(value: bytes) -> str:
    """Return a value as text that is sent as these bytes, which are UTF-8; any others are taken for Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _response(request: Request, fetched: FetchedResponse) -> Response:
    # Nothing is left to decode: a middleware that saw the header would decode the empty body (and fail).
    headers = [(name, value) for name, value in fetched.raw_headers if name.lower() != b"content-encoding"]
    html = fetched.body.html if fetched.body is not None else b""
    kind = Response if html is None else HtmlResponse
    return kind(
        fetched.url,
        status=fetched.status,
        headers=headers,
        body=html or b"",
        flags=["hashed"] if html is None else [],
        request=request,
        certificate=fetched.certificate,
        ip_address=None if fetched.ip is None else ipaddress.ip_address(fetched.ip.split("%")[0]),
        protocol=fetched.protocol,
    )
