"""Stock Scrapy: its own handlers, engine and defaults; the three digests are made in the callback."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import HtmlResponse, Response

from bench.crawl.task import Task, answer, read_task

LINKS = "//a/@href | //img/@src"


def settings_for(task: Task) -> dict[str, Any]:
    """Defaults but for the connections and for what would print or leave files."""
    return {
        "CONCURRENT_REQUESTS": task.connections,
        "CONCURRENT_REQUESTS_PER_DOMAIN": task.connections,
        "LOG_LEVEL": "ERROR",
        "REMOTE_CONTROL_ENABLED": False,
    }


class StockSpider(scrapy.Spider):
    name = "stock"

    def __init__(self, task: Task) -> None:
        super().__init__(start_urls=task.starts)
        self.pages = 0
        self.sha256s: list[str] = []

    def parse(self, response: Response) -> Iterator[scrapy.Request]:
        if isinstance(response, HtmlResponse):
            self.pages += 1
            for link in response.xpath(LINKS).getall():
                yield response.follow(link)
            return
        for name in ("md5", "sha1"):
            hashlib.new(name, response.body, usedforsecurity=False).hexdigest()
        self.sha256s.append(hashlib.sha256(response.body).hexdigest())


def main() -> None:
    task = read_task()
    process = CrawlerProcess(settings_for(task))
    crawler = process.create_crawler(StockSpider)
    process.crawl(crawler, task=task)
    process.start()
    spider = crawler.spider
    assert isinstance(spider, StockSpider)
    answer(task, pages=spider.pages, sha256s=spider.sha256s)


if __name__ == "__main__":
    main()
