"""The contestants: how each is started, and what it needs."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass

from bench.recall.task import Task

LONGEST_SECONDS = 1_200


@dataclass(frozen=True)
class Contestant:
    """A program that looks for files; if it is started for each site, its command has `{start}` and `{scratch}`."""

    name: str
    label: str
    command: tuple[str, ...]
    for_each_site: bool = False
    needs_program: str | None = None
    needs_module: str | None = None

    @property
    def missing(self) -> str | None:
        """Say in one line what has to be installed for it; None when nothing is missing."""
        if self.needs_program and shutil.which(self.needs_program) is None:
            return f"{self.label} is left out: apt-get install {self.needs_program}"
        if self.needs_module and importlib.util.find_spec(self.needs_module) is None:
            return f"{self.label} is left out: pip install '.[bench]'"
        return None

    def run(self, task: Task) -> None:
        """Let it crawl the sites; a fault of its own ends the benchmark where it is one command for all."""
        if not self.for_each_site:
            command = [*self.command, str(task.write())]
            # Through a pipe: the sandbox lets Orbweaver write into no file.
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LONGEST_SECONDS)
            if done.returncode:
                sys.exit(f"{self.label} ended with {done.returncode}: {done.stderr[-2000:]}")
            return
        for start in task.starts.values():
            command = [part.format(start=start, scratch=task.scratch) for part in self.command]
            # Both end with an error of their own where a single URL of a site is missing.
            subprocess.run(command, check=False, capture_output=True, timeout=LONGEST_SECONDS)


def _module(name: str) -> tuple[str, ...]:
    return sys.executable, "-m", f"bench.recall.{name}"


CONTESTANTS = (
    Contestant("orbweaver", "Orbweaver", _module("orbweaver_recrawls")),
    Contestant("chromium", "Chromium, scripts off, every link clicked", _module("chromium"), needs_program="chromium"),
    Contestant("scrapy", "Scrapy's LinkExtractor", _module("stock_scrapy")),
    Contestant("crawlee", "Crawlee's enqueue_links", _module("crawlee_links"), needs_module="crawlee"),
    Contestant(
        "wget", "wget -r -p",
        ("wget", "--quiet", "--recursive", "--level=inf", "--page-requisites", "--tries=2", "--timeout=10",
         "--directory-prefix={scratch}/wget", "{start}"),
        for_each_site=True, needs_program="wget",
    ),
    Contestant(
        "httrack", "HTTrack",
        ("httrack", "{start}", "-O", "{scratch}/httrack", "--quiet", "--disable-security-limits", "-A0", "-%c0", "-c8",
         "-T10", "-R1", "-I0", "-q"),
        for_each_site=True, needs_program="httrack",
    ),
)  # fmt: skip
