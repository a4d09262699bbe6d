"""The task of a contestant, and its answer: two JSON files of the same form for all."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.task_files import TaskFiles


@dataclass(frozen=True)
class Task(TaskFiles):
    """The sites to crawl, each URL by the name of its site; `scratch` is an empty folder."""

    starts: dict[str, str]
    scratch: str


@dataclass(frozen=True)
class SiteFindings:
    """The findings of a contestant at a site: digests that it computed, and URLs of which it says that no file came."""

    sha256s: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def read_task() -> Task:
    """Return the task that the command line names."""
    return Task(**json.loads(Path(sys.argv[1]).read_text()))


def answer(task: Task, found: Mapping[str, SiteFindings]) -> None:
    """Write what was found."""
    task.answer_file.write_text(json.dumps({name: asdict(one) for name, one in found.items()}))


def read_answer(task: Task) -> dict[str, SiteFindings]:
    """Return what was found; a contestant that computes no digests writes nothing."""
    if not task.answer_file.exists():
        return {}
    said = json.loads(task.answer_file.read_text())
    return {name: SiteFindings(tuple(one["sha256s"]), tuple(one["said"])) for name, one in said.items()}
