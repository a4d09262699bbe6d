"""Stock Scrapy: one process, its own handlers and engine, two connections a host; three digests in the callback."""

from __future__ import annotations

import sys

from scrapy.crawler import CrawlerProcess

from bench.crawl.stock_scrapy import StockSpider, settings_for
from bench.crawl.task import answer, read_task

# Its own pace for requests that become possible in the same moment: without any delay, Scrapy 2.19 starts all of them
# at once, up to 20 connections to a host, whatever CONCURRENT_REQUESTS_PER_DOMAIN says. It is far below the latency.
DELAY_SECONDS = 0.001


def main() -> None:
    task = read_task()
    settings = {
        **settings_for(task),
        "CONCURRENT_REQUESTS_PER_DOMAIN": task.connections,
        "DOWNLOAD_DELAY": DELAY_SECONDS,
        "DOWNLOAD_DELAY_JITTER": 0,
        "ROBOTSTXT_OBEY": True,
        "TELNETCONSOLE_ENABLED": False,
    }
    # Its default of 16 for all hosts together, or no such limit: then only its hosts and its own CPU hold it up.
    settings["CONCURRENT_REQUESTS"] = 0 if sys.argv[2:] == ["unlimited"] else 16
    process = CrawlerProcess(settings)
    crawler = process.create_crawler(StockSpider)
    process.crawl(crawler, task=task)
    process.start()
    spider = crawler.spider
    assert isinstance(spider, StockSpider)
    answer(task, pages=spider.pages, sha256s=spider.sha256s)


if __name__ == "__main__":
    main()
