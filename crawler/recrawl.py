"""Runs one recrawl in this process: enters the sandbox, crawls, and returns how it ended."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Self

from orbweaver.crawler import reader_proof
from orbweaver.crawler.containment import sandbox
from orbweaver.crawler.errors import CrawlError, SandboxUnavailable
from orbweaver.crawler.fetching.connecting.proxies import parse_proxy
from orbweaver.crawler.fetching.pace.shared_pace import SharedPace
from orbweaver.crawler.revisiting.known_responses import KnownResponses, Memory
from orbweaver.crawler.rules import scope as scopes
from orbweaver.crawler.spider import RecrawlSpider
from orbweaver.crawler.visiting.checkpoints.keeping import Checkpointing
from orbweaver.crawler.visiting.records.journal import Record
from orbweaver.model import HostAnswers, Report, Reported, Scope, Tally
from orbweaver.settings import Settings
from scrapy.crawler import AsyncCrawlerRunner, Crawler
from scrapy.settings import BaseSettings
from scrapy.settings import Settings as ScrapySettings
from scrapy.utils.log import configure_logging

log = logging.getLogger("orbweaver.crawl")

# CPU time may not outlast the wall time that the scope allows, plus what start and end cost.
CPU_SECONDS_MARGIN = 60


class _OnlyCrawlersSettings(ScrapySettings):
    """Scrapy copies its settings for each crawler; here there is one, and the copies are a tenth of its start."""

    def copy(self) -> Self:
        """Return the settings themselves."""
        return self

    def frozencopy(self) -> Self:
        """Return the settings themselves: who asks for them only reads them."""
        return self


# For the next recrawl of this process, or of what it forks.
_prepared: Crawler | None = None


def prepare() -> None:
    """Do what is the same for each recrawl: Scrapy's settings, its way to log, and what it makes before a spider.

    A worker does it before it forks.
    """
    global _prepared  # noqa: PLW0603 - handed on by fork
    settings = _OnlyCrawlersSettings()
    settings.setmodule("orbweaver.settings", priority="project")
    # The spider is given, not looked for by its name.
    settings.set("SPIDER_LOADER_CLASS", "scrapy.spiderloader.DummySpiderLoader", priority="cmdline")
    configure_logging(settings)
    # Lines below it are never shown: they name URLs. Without this each is made, and then dropped by the handlers.
    logging.getLogger("scrapy").setLevel(settings.get("LOG_LEVEL"))
    _prepared = AsyncCrawlerRunner(settings).create_crawler(RecrawlSpider)
    # Scrapy does it when a crawl starts, unless it is done; it has no public name, and is a sixth of all that is called
    # for a small host.
    _prepared._apply_settings()


def _prepared_crawler() -> Crawler:
    """Return Scrapy's crawler, for one recrawl."""
    global _prepared
    if _prepared is None:
        prepare()
    assert _prepared is not None
    crawler, _prepared = _prepared, None
    return crawler


@dataclass(frozen=True)
class Ended:
    """The end of a recrawl: `stopped_by` is None when everything in scope was visited.

    `suggestions` are hosts outside the scope, each with how many files (at least) the scope's pages show from there.
    `reported` has the result of each reported URL, `answers` the counts of each host's answers for files and pages, and
    `remembered` what the next recrawl is to know. `limit` is the one by which most URLs were left out, None when none
    left out a part of a host.
    """

    tally: Tally
    stopped_by: str | None
    suggestions: dict[str, int]
    reported: tuple[Reported, ...] = ()
    answers: dict[str, HostAnswers] = field(default_factory=dict)
    remembered: Memory = field(default_factory=Memory)
    limit: str | None = None


def apply_settings(settings: Settings, scrapy_settings: BaseSettings) -> None:
    """Hand the operator's values to the components that Scrapy makes."""
    scrapy_settings.set("ORBWEAVER", settings, priority="cmdline")


def enter_sandbox(scope: Scope, settings: Settings, *, store_ports: Collection[int] = ()) -> sandbox.Enforced:
    """Contain this process as far as the scope allows; `store_ports` are those that it may never connect to.

    Raises SandboxUnavailable, AccessRefused for its proxy.
    """
    proxy = parse_proxy(scope.access.proxy, os.environ)
    # Through a proxy nothing else is connected to.
    ports = scopes.ports_of(scope) if proxy is None else (proxy.port,)
    is_on = settings.sandbox == "on"
    shared = sorted({*ports} & {*store_ports})
    if is_on and shared:
        raise SandboxUnavailable(
            f"port {shared[0]} is also the store's port, and Landlock cannot tell hosts apart: give the store another"
        )
    return sandbox.enter(
        tcp_ports=ports,
        memory_bytes=settings.memory_bytes,
        cpu_seconds=int(scope.limits.max_seconds) + CPU_SECONDS_MARGIN,
        is_on=is_on,
    )


def run(
    scope: Scope,
    reports: Sequence[Report],
    record: Record,
    settings: Settings,
    *,
    known: KnownResponses | None = None,
    pace: SharedPace | None = None,
    checkpoints: Checkpointing | None = None,
) -> Ended:
    """Recrawl one scope to its end; every batch goes to `record`.

    `known` is what an earlier recrawl found, `pace` what this one shares with others under way. With `checkpoints` it
    goes on where earlier slices ended, and to the end of its slice at most.

    The process must be in the sandbox. Raises NotRecorded when a batch could not be stored, ReadersWrong when this
    platform reads wrongly, CrawlError when the crawl could not start.
    """
    reader_proof.prove()
    crawler = _prepared_crawler()
    crawler.settings.frozen = False
    apply_settings(settings, crawler.settings)
    crawler.settings.freeze()
    crawl = crawler.crawl_async(
        scope=scope,
        reports=reports,
        record=record,
        settings=settings,
        known=known,
        pace=pace,
        checkpoints=checkpoints,
    )
    try:
        asyncio.run(crawl)
    except Exception as error:
        log.exception("the crawl did not start")
        raise CrawlError("the crawl did not start: see the log above for its reason") from error
    spider = crawler.spider
    if not isinstance(spider, RecrawlSpider) or not spider.has_started:
        raise CrawlError("the crawl did not start: see the log above for its reason")
    spider.finish()
    return Ended(
        tally=spider.journal.tally,
        stopped_by=spider.stopped_by,
        suggestions=spider.suggestions,
        reported=spider.reported,
        answers=spider.answers,
        remembered=spider.remembered,
        limit=spider.limit,
    )
