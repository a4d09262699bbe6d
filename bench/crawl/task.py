"""The task of a contestant, and its answer: two JSON files of the same form for all."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """A crawl: of the sites at `starts`, with so many connections; `scratch` is an empty folder.

    `url_list` is for those who cannot crawl; `workers` and `state_dir` are for Orbweaver.
    """

    starts: list[str]
    url_list: str
    connections: int
    scratch: str
    workers: int = 1
    state_dir: str = ""

    @property
    def file(self) -> Path:
        return Path(self.scratch) / "task.json"

    @property
    def answer_file(self) -> Path:
        return Path(self.scratch) / "answer.json"

    def write(self) -> Path:
        self.file.write_text(json.dumps(asdict(self)))
        return self.file


@dataclass(frozen=True)
class CrawlFindings:
    """The findings of a crawl: the number of pages, and the SHA-256 of each file."""

    pages: int
    sha256s: tuple[str, ...]


def read_task() -> Task:
    """Return the task that the command line names."""
    return Task(**json.loads(Path(sys.argv[1]).read_text()))


def answer(task: Task, *, pages: int, sha256s: Iterable[str], **more: object) -> None:
    """Write the findings."""
    task.answer_file.write_text(json.dumps({"pages": pages, "sha256s": list(sha256s), **more}))


def read_answer(task: Task) -> CrawlFindings:
    given = json.loads(task.answer_file.read_text())
    return CrawlFindings(given["pages"], tuple(given["sha256s"]))
