"""Stock Scrapy with its LinkExtractor, told of every element and attribute that has one address in it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import HtmlResponse, Response
from scrapy.linkextractors import LinkExtractor

from bench.recall.task import read_task

TAGS = ("a", "area", "audio", "embed", "frame", "iframe", "image", "img", "input", "link", "object", "source", "video")
ATTRIBUTES = ("href", "src", "data", "poster", "data-src")
SETTINGS = {"LOG_LEVEL": "CRITICAL", "REMOTE_CONTROL_ENABLED": False, "ROBOTSTXT_OBEY": True, "RETRY_TIMES": 1}


class LinkSpider(scrapy.Spider):
    name = "links"
    links = LinkExtractor(tags=TAGS, attrs=ATTRIBUTES, deny_extensions=())

    def parse(self, response: Response) -> Iterator[scrapy.Request]:
        if isinstance(response, HtmlResponse):
            for link in self.links.extract_links(response):
                if urlsplit(link.url).netloc == urlsplit(response.url).netloc:
                    yield response.follow(link)


if __name__ == "__main__":
    process = CrawlerProcess(SETTINGS)
    process.crawl(LinkSpider, start_urls=list(read_task().starts.values()))
    process.start()
