"""Crawlee: `FileDownloadCrawler(stream=True)` where there are files, `ParselCrawler` where there are only pages.

Its queue is in memory: on disk, its default, it would be slower.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from datetime import timedelta
from urllib.parse import urljoin

from crawlee import ConcurrencySettings
from crawlee.crawlers import FileDownloadCrawler, FileDownloadCrawlingContext, ParselCrawler, ParselCrawlingContext
from crawlee.storage_clients import MemoryStorageClient
from parsel import Selector

from bench.crawl.task import Task, answer, read_task

LINKS = "//a/@href | //img/@src"
TRANSFER = timedelta(minutes=10)


async def crawl_files(task: Task) -> None:
    sha256s: list[str] = []
    pages = 0
    crawler = FileDownloadCrawler(
        stream=True,
        storage_client=MemoryStorageClient(),
        concurrency_settings=_concurrency(task),
        request_handler_timeout=TRANSFER,
        navigation_timeout=TRANSFER,
        configure_logging=False,
    )

    @crawler.router.default_handler
    async def handle(context: FileDownloadCrawlingContext) -> None:
        nonlocal pages
        if context.http_response.headers.get("content-type", "").startswith("text/html"):
            body = b"".join([chunk async for chunk in context.http_response.read_stream()])
            links = Selector(body=body, type="html").xpath(LINKS).getall()
            await context.add_requests([urljoin(context.request.url, link) for link in links])
            pages += 1
            return
        md5, sha1 = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
        sha256 = hashlib.sha256()
        async for chunk in context.http_response.read_stream():
            md5.update(chunk)
            sha1.update(chunk)
            sha256.update(chunk)
        md5.hexdigest()
        sha1.hexdigest()
        sha256s.append(sha256.hexdigest())

    await crawler.run(task.starts)
    answer(task, pages=pages, sha256s=sha256s)


async def crawl_pages(task: Task) -> None:
    pages = 0
    crawler = ParselCrawler(
        storage_client=MemoryStorageClient(), concurrency_settings=_concurrency(task), configure_logging=False
    )

    @crawler.router.default_handler
    async def handle(context: ParselCrawlingContext) -> None:
        nonlocal pages
        pages += 1
        await context.enqueue_links()

    await crawler.run(task.starts)
    answer(task, pages=pages, sha256s=[])


def _concurrency(task: Task) -> ConcurrencySettings:
    return ConcurrencySettings(
        min_concurrency=task.connections, max_concurrency=task.connections, desired_concurrency=task.connections
    )


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asyncio.run((crawl_pages if sys.argv[2:] == ["pages"] else crawl_files)(read_task()))
