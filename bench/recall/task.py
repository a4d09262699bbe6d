"""The task of a contestant, and its answer: two JSON files of the same form for all."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """The sites to crawl, each URL by the name of its site; `scratch` is an empty folder."""

    starts: dict[str, str]
    scratch: str

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
class Found:
    """What a contestant says of a site: digests that it computed, and URLs of which it says that they gave no file."""

    sha256s: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def read_task() -> Task:
    """Return the task that the command line names."""
    return Task(**json.loads(Path(sys.argv[1]).read_text()))


def answer(task: Task, found: Mapping[str, Found]) -> None:
    """Write what was found."""
    task.answer_file.write_text(json.dumps({name: asdict(one) for name, one in found.items()}))


def read_answer(task: Task) -> dict[str, Found]:
    """Return what was found; a contestant that computes no digests writes nothing."""
    if not task.answer_file.exists():
        return {}
    said = json.loads(task.answer_file.read_text())
    return {name: Found(_texts(one["sha256s"]), _texts(one["said"])) for name, one in said.items()}


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(values)
