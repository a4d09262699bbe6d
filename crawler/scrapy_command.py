"""`scrapy crawl recrawl -a host=HOST`: the spider with arguments from text, its sightings to standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orbweaver import settings as orbweaver_settings
from orbweaver.crawler import reader_proof
from orbweaver.crawler.recrawl import apply_settings, enter_sandbox
from orbweaver.crawler.rules import scope, urls
from orbweaver.crawler.spider import RecrawlSpider
from orbweaver.model import Limits, Report, ScopeKind, Sighting, Skip, Tally
from scrapy import signals
from scrapy.settings import BaseSettings

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler


class CommandLineSpider(RecrawlSpider):
    """The recrawl spider as Scrapy's own command starts it: `scrapy crawl recrawl -a host=... -a max_pages=N`."""

    name = "recrawl"

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Build the spider from text arguments; called by Scrapy. Raises as spider_arguments does."""
        spider = super().from_crawler(crawler, *args, **spider_arguments(kwargs, crawler.settings))
        crawler.signals.connect(spider.finish, signal=signals.spider_closed)
        return spider


def spider_arguments(arguments: dict[str, str], scrapy_settings: BaseSettings) -> dict[str, Any]:
    """Turn `-a host=... [-a kind=host|site|path] [-a max_pages=N]` into the spider's arguments.

    `host` is a host or a URL; the process is put into the sandbox. Raises ValueError, UrlRefused,
    SandboxUnavailable or ReadersWrong, which Scrapy shows.
    """
    text = arguments.pop("host", "")
    if not text:
        raise ValueError("name the host: scrapy crawl recrawl -a host=HOST")
    seeds = [text] if "://" in text else [f"https://{text}/", f"http://{text}/"]
    kind = ScopeKind(arguments.pop("kind", "host"))
    limits = Limits(**{name: arguments.pop(name) for name in list(arguments) if name in Limits.model_fields})
    reports = [Report(url=urls.canonicalise(seed)) for seed in seeds]
    merged = scope.merge([scope.scope_for(kind, report.url, limits) for report in reports])
    settings = orbweaver_settings.load()
    apply_settings(settings, scrapy_settings)
    enter_sandbox(merged, settings)
    reader_proof.prove()
    return {**arguments, "scope": merged, "reports": reports, "record": print_sightings, "settings": settings}


def print_sightings(sightings: Sequence[Sighting], skips: Sequence[Skip], tally: Tally) -> None:  # noqa: ARG001
    """Write each sighting and each skipped URL as one JSON line to standard output; the tally is not wanted."""
    for noun in (*sightings, *skips):
        sys.stdout.write(noun.model_dump_json() + "\n")
    sys.stdout.flush()
