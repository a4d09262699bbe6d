"""The two files between a benchmark and a contestant's process: the task, and the answer to it."""

from __future__ import annotations

import json
from pathlib import Path


class TaskFiles:
    """The files of a task in its empty folder `scratch`; the tasks themselves are dataclasses."""

    scratch: str

    @property
    def file(self) -> Path:
        return Path(self.scratch) / "task.json"

    @property
    def answer_file(self) -> Path:
        return Path(self.scratch) / "answer.json"

    def write(self) -> Path:
        self.file.write_text(json.dumps(vars(self)))
        return self.file
