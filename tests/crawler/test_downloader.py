"""A host never sees more connections than its operator allows us, counted where the host counts them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from contained import crawl, run
from hostile_server import MANY_FILES, Behaviour, HostileServer
from scrapy import Request, Spider
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response
from synthetic_host import Resource, SyntheticHost


@pytest.mark.parametrize("connections", [1, 2])
def test_the_server_never_sees_more_connections_than_allowed(connections: int) -> None:
    page = "".join(f"<a href=/{number}.bin>{number}</a>" for number in range(50)).encode()
    files = {f"/{number}.bin": Resource(None, b"file %d" % number) for number in range(50)}
    with SyntheticHost({"/": Resource("text/html", page), **files}, delay=0.01) as host:
        found = crawl(host.url, host_connections=connections)
        assert len(found.sightings) == 50
        assert host.max_connections_seen == connections
        assert host.max_concurrent_requests_seen == connections


def test_connections_are_kept_and_used_again() -> None:
    with HostileServer(Behaviour.CONNECTION_COUNTER) as server:
        found = crawl(server.url, host_connections=2)
        assert len(found.sightings) == MANY_FILES
        assert server.max_connections_seen == 2
        assert server.connections_seen == 2


class ManyRequests(Spider):
    """Has many requests for one host ready at once."""

    name = "many"

    async def start(self) -> Any:
        for number in range(50):
            yield Request(f"http://h.example/{number}", callback=self.parse)

    def parse(self, response: Any) -> None:
        return


class CountingHandler(BaseDownloadHandler):
    """Answers by itself, with no limit of its own, and counts how many transfers it was given at once."""

    running = 0
    transfers = 0
    most_running = 0

    async def download_request(self, request: Request) -> Response:
        kind = CountingHandler
        kind.transfers += 1
        kind.running += 1
        kind.most_running = max(kind.most_running, kind.running)
        for _ in range(10):  # turns of the loop, in which a downloader could start more
            await asyncio.sleep(0)
        kind.running -= 1
        return Response(request.url)


def count_transfers() -> tuple[int, int]:
    settings = {
        "CONCURRENT_REQUESTS": 16,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 2,
        "DOWNLOADER": "orbweaver.crawler.downloader.StrictDownloader",
        "DOWNLOAD_HANDLERS": {"http": CountingHandler},
        "LOG_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "TWISTED_REACTOR_ENABLED": False,
    }
    process = AsyncCrawlerProcess(settings)
    process.crawl(ManyRequests)
    process.start()
    return CountingHandler.transfers, CountingHandler.most_running


def test_the_downloader_alone_keeps_the_limit_of_a_host() -> None:
    assert run(count_transfers) == (50, 2)
