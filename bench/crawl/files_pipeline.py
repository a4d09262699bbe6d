"""Scrapy's FilesPipeline into a folder, the way its documentation shows; then three digests from disk, and unlink."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response

from bench.crawl.stock_scrapy import LINKS, settings_for
from bench.crawl.task import Task, answer, read_task


class FilesSpider(scrapy.Spider):
    name = "files"

    def __init__(self, task: Task) -> None:
        super().__init__(start_urls=task.starts)
        self.pages = 0
        self.sha256s: list[str] = []

    def parse(self, response: Response) -> Iterator[scrapy.Request | dict[str, Any]]:
        self.pages += 1
        links = response.xpath(LINKS).getall()
        files = [response.urljoin(link) for link in links if not link.endswith(".html")]
        if files:
            yield {"file_urls": files}
        for link in links:
            if link.endswith(".html"):
                yield response.follow(link)


class HashFromDisk:
    """Item pipeline after FilesPipeline: digests of what it stored, which then goes away."""

    def __init__(self, crawler: Any) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Any) -> HashFromDisk:
        return cls(crawler)

    def process_item(self, item: dict[str, Any]) -> dict[str, Any]:
        for stored in item["files"]:
            path = Path(self._crawler.settings["FILES_STORE"]) / stored["path"]
            with path.open("rb") as file:
                for name in ("md5", "sha1"):
                    hashlib.file_digest(file, name)
                    file.seek(0)
                self._crawler.spider.sha256s.append(hashlib.file_digest(file, "sha256").hexdigest())
            path.unlink()
        return item


def main() -> None:
    task = read_task()
    process = CrawlerProcess(
        {
            **settings_for(task),
            "FILES_STORE": task.scratch,
            "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1, "bench.crawl.files_pipeline.HashFromDisk": 2},
        }
    )
    crawler = process.create_crawler(FilesSpider)
    process.crawl(crawler, task=task)
    process.start()
    spider = crawler.spider
    assert isinstance(spider, FilesSpider)
    answer(task, pages=spider.pages, sha256s=spider.sha256s)


if __name__ == "__main__":
    main()
