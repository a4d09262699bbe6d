"""A process that a benchmark starts beside itself, and tells in one argument what it is to do."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    _Base = DataclassInstance
else:
    _Base = object

ROOT = Path(__file__).resolve().parent.parent


class Told(_Base):
    """A frozen dataclass of plain values adds this to be the argument of a command."""

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(**json.loads(text))

    @property
    def written(self) -> str:
        """The values as one argument of a command."""
        return json.dumps(asdict(self))


@contextlib.contextmanager
def started(module: str, told: Told) -> Iterator[subprocess.Popen[str]]:
    """Run a module as a process while the block runs; its standard input and output are open."""
    command = [sys.executable, "-m", module, told.written]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
