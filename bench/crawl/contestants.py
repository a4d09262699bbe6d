"""The contestants of the benchmark: how each is started, and where it writes what it found."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.crawl import orbweaver_store
from bench.crawl.task import CrawlFindings, Task, read_answer

HERE = Path(__file__).resolve().parent
EVERYWHERE = ("small", "large", "pages", "mixed")


@dataclass(frozen=True)
class Contestant:
    """A program that does the job. `sites` is the number of copies of a corpus that it crawls, each on its own port."""

    name: str
    label: str
    command: Callable[[Task, str], list[str]]
    found: Callable[[Task], CrawlFindings] = read_answer
    corpora: tuple[str, ...] = EVERYWHERE
    sites: int = 1
    workers: int = 1
    uses_store: bool = False
    needs_program: str | None = None
    needs_module: str | None = None

    @property
    def missing(self) -> str | None:
        """Say in one line what has to be installed for it; None when nothing is missing."""
        if self.needs_program and shutil.which(self.needs_program) is None:
            return f"{self.label} needs {self.needs_program}: apt-get install {self.needs_program}"
        if self.needs_module and importlib.util.find_spec(self.needs_module) is None:
            return f"{self.label} needs the extra `bench`: make bench installs it, pip install '.[bench]' too"
        return None


def _module(name: str) -> Callable[[Task, str], list[str]]:
    return lambda task, _: [sys.executable, "-m", f"bench.crawl.{name}", str(task.file)]


def _crawlee(task: Task, corpus: str) -> list[str]:
    kind = "pages" if corpus == "pages" else "files"
    return [sys.executable, "-m", "bench.crawl.crawlee_client", str(task.file), kind]


def _wget(task: Task, _: str) -> list[str]:
    return ["sh", str(HERE / "wget.sh"), task.scratch, *task.starts]


def _found_by_wget(task: Task) -> CrawlFindings:
    scratch = Path(task.scratch)
    sums = (scratch / "sha256sum.txt").read_text().splitlines()
    # wget keeps a robots.txt when there is one; the sites have none.
    return CrawlFindings(len((scratch / "pages.txt").read_text().splitlines()), tuple(line.split()[0] for line in sums))


CONTESTANTS = (
    Contestant(
        "orbweaver", "Orbweaver", _module("orbweaver_workers"), orbweaver_store.found, uses_store=True
    ),
    Contestant("aiohttp", "bare aiohttp, given the URLs", _module("bare_aiohttp")),
    Contestant("crawlee", "Crawlee", _crawlee, needs_module="crawlee"),
    Contestant("wget", "wget -r, then three sums", _wget, _found_by_wget, needs_program="wget"),
    Contestant("scrapy", "stock Scrapy, hashing in the callback", _module("stock_scrapy")),
    Contestant(
        "files-pipeline", "Scrapy's FilesPipeline, then three digests", _module("files_pipeline"),
        corpora=("small", "large", "mixed"),
    ),
    Contestant(
        "one-worker", "Orbweaver, two hosts, one worker", _module("orbweaver_workers"), orbweaver_store.found,
        corpora=("small", "pages"), sites=2, uses_store=True,
    ),
    Contestant(
        "two-workers", "Orbweaver, two hosts, two workers", _module("orbweaver_workers"), orbweaver_store.found,
        corpora=("small", "pages"), sites=2, workers=2, uses_store=True,
    ),
)  # fmt: skip
