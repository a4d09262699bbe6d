"""Runs one recrawl in this process: enters the sandbox, crawls, and says how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orbweaver.crawler import sandbox
from orbweaver.crawler import scope as scopes
from orbweaver.crawler.errors import CrawlError
from orbweaver.crawler.journal import Record
from orbweaver.crawler.spider import RecrawlSpider
from orbweaver.model import Report, Scope, Tally
from orbweaver.settings import Settings
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import BaseSettings
from scrapy.settings import Settings as ScrapySettings

# CPU time may not outlast the wall time that the scope allows, plus what start and end cost.
CPU_SECONDS_MARGIN = 60


@dataclass(frozen=True)
class Ended:
    """How a recrawl ended: `stopped_by` is None when everything in scope was visited."""

    tally: Tally
    stopped_by: str | None


def apply_settings(settings: Settings, scrapy_settings: BaseSettings) -> None:
    """Put the operator's values over the project's Scrapy settings."""
    for name in (
        "connect_seconds",
        "header_seconds",
        "stall_seconds",
        "transfer_seconds",
        "grace_seconds",
        "slowest_bytes_per_second",
        "html_bytes",
        "file_bytes",
        "user_agent",
    ):
        scrapy_settings.set(name.upper(), getattr(settings, name), priority="cmdline")
    scrapy_settings.set("ALLOW_ADDRESSES", list(settings.allow_addresses), priority="cmdline")
    scrapy_settings.set("CONCURRENT_REQUESTS_PER_DOMAIN", settings.host_connections, priority="cmdline")
    # What waits must wait in the scheduler, where priorities and limits hold, and not behind the connections.
    scrapy_settings.set("CONCURRENT_REQUESTS", settings.host_connections, priority="cmdline")


def enter_sandbox(
    scope: Scope, settings: Settings, *, store_port: int | None = None, store_socket: str | None = None
) -> sandbox.Enforced:
    """Contain this process as far as the scope allows; raises SandboxUnavailable."""
    return sandbox.enter(
        tcp_ports=(*scopes.ports_of(scope), *([store_port] if store_port else [])),
        unix_sockets=[store_socket] if store_socket else [],
        memory_bytes=settings.memory_bytes,
        cpu_seconds=int(scope.limits.max_seconds) + CPU_SECONDS_MARGIN,
        is_on=settings.sandbox == "on",
    )


def run(scope: Scope, reports: Sequence[Report], record: Record, settings: Settings) -> Ended:
    """Recrawl one scope to its end; every batch goes to `record`.

    The process must be in the sandbox. Raises NotRecorded when a batch could not be stored, CrawlError when the
    crawl could not start.
    """
    scrapy_settings = ScrapySettings()
    scrapy_settings.setmodule("orbweaver.settings", priority="project")
    apply_settings(settings, scrapy_settings)
    process = AsyncCrawlerProcess(scrapy_settings)
    crawler = process.create_crawler(RecrawlSpider)
    process.crawl(crawler, scope=scope, reports=reports, record=record)
    process.start(install_signal_handlers=False)
    spider = crawler.spider
    if process.bootstrap_failed or not isinstance(spider, RecrawlSpider) or not spider.has_started:
        raise CrawlError("the crawl did not start: see the log above for its reason")
    spider.finish()
    return Ended(tally=spider.journal.tally, stopped_by=spider.stopped_by)
