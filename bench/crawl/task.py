"""The task of a contestant, and its answer: two JSON files of the same form for all."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.task_files import TaskFiles


@dataclass(frozen=True)
class Task(TaskFiles):
    """A crawl: of the sites at `starts`, with so many connections; `scratch` is an empty folder.

    `url_list` is for those who cannot crawl; `workers` and `state_dir` are for Orbweaver.
    """

    starts: list[str]
    url_list: str
    connections: int
    scratch: str
    workers: int = 1
    state_dir: str = ""


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
