"""Crawlee's `enqueue_links`, asked once for each element and attribute that has one address in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from crawlee import ConcurrencySettings
from crawlee.crawlers import ParselCrawler, ParselCrawlingContext
from crawlee.storage_clients import MemoryStorageClient

from bench.recall.stock_scrapy import ATTRIBUTES, TAGS
from bench.recall.task import read_task


async def main() -> None:
    crawler = ParselCrawler(
        storage_client=MemoryStorageClient(),
        concurrency_settings=ConcurrencySettings(min_concurrency=8, max_concurrency=8, desired_concurrency=8),
        configure_logging=False,
        max_request_retries=1,
        respect_robots_txt_file=True,
    )

    @crawler.router.default_handler
    async def handle(context: ParselCrawlingContext) -> None:
        for name in ATTRIBUTES:
            selector = ", ".join(f"{tag}[{name}]" for tag in TAGS)
            await context.enqueue_links(selector=selector, attribute=name, strategy="same-hostname")

    await crawler.run(list(read_task().starts.values()))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
