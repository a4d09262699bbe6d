"""Crawlee for Python: `FileDownloadCrawler` for all hosts, with its own client, two connections a host.

It has no limit a host, so a semaphore for each host is put around its client; nothing else holds it up.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

from crawlee import ConcurrencySettings
from crawlee.crawlers import FileDownloadCrawler, FileDownloadCrawlingContext
from crawlee.http_clients import HttpResponse, ImpitHttpClient
from crawlee.storage_clients import MemoryStorageClient
from parsel import Selector

from bench.crawl.task import Task, answer, read_task

LINKS = "//a/@href | //img/@src"
PATIENCE = timedelta(minutes=10)  # a request waits for its host within these times
AT_ONCE_A_HOST = 44


class PoliteClient(ImpitHttpClient):
    """Crawlee's own client, with so many transfers at once a host."""

    def __init__(self, connections: int) -> None:
        super().__init__()
        self._hosts: dict[str | None, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(connections))

    @asynccontextmanager
    async def stream(self, url: str, **options: Any) -> AsyncIterator[HttpResponse]:
        """Transfer when the host has a connection left, and hold it until the body is read."""
        async with self._hosts[urlsplit(url).hostname], super().stream(url, **options) as response:
            yield response


async def crawl(task: Task) -> None:
    sha256s: list[str] = []
    pages = 0
    at_once = AT_ONCE_A_HOST * len(task.starts)
    crawler = FileDownloadCrawler(
        stream=True,
        http_client=PoliteClient(task.connections),
        storage_client=MemoryStorageClient(),
        concurrency_settings=ConcurrencySettings(
            min_concurrency=at_once, max_concurrency=at_once, desired_concurrency=at_once
        ),
        respect_robots_txt_file=True,
        request_handler_timeout=PATIENCE,
        navigation_timeout=PATIENCE,
        configure_logging=False,
    )

    @crawler.router.default_handler
    async def handle(context: FileDownloadCrawlingContext) -> None:
        nonlocal pages
        body = b"".join([chunk async for chunk in context.http_response.read_stream()])
        if context.http_response.headers.get("content-type", "").startswith("text/html"):
            links = Selector(body=body, type="html").xpath(LINKS).getall()
            await context.add_requests([urljoin(context.request.url, link) for link in links])
            pages += 1
            return
        for name in ("md5", "sha1"):
            hashlib.new(name, body, usedforsecurity=False).hexdigest()
        sha256s.append(hashlib.sha256(body).hexdigest())

    await crawler.run(task.starts)
    answer(task, pages=pages, sha256s=sha256s)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asyncio.run(crawl(read_task()))
