"""`scrapy crawl recrawl -a host=HOST`: the spider's arguments from text, its sightings to standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from orbweaver import settings as orbweaver_settings
from orbweaver.crawler import reader_proof, scope, urls
from orbweaver.crawler.recrawl import apply_settings, enter_sandbox
from orbweaver.model import Limits, Report, ScopeKind, Sighting, Skip, Tally
from scrapy.settings import BaseSettings


def spider_arguments(arguments: dict[str, str], scrapy_settings: BaseSettings) -> dict[str, Any]:
    """Turn `-a host=... [-a kind=host|site|path] [-a max_pages=N]` into the spider's arguments.

    `host` is a host or a URL; the process is put into the sandbox. Raises ValueError, UrlRefused,
    SandboxUnavailable or ReadersWrong, which Scrapy shows.
    """
    text = arguments.pop("host")
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
