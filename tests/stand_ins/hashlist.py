"""A local hash list as the contract suite meets it: no port, no network, but the same promises."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orbweaver.model import ALGORITHMS

from stand_ins import Running
from stand_ins.own import RebuiltList


@dataclass(frozen=True, kw_only=True)
class LocalList(Running):
    """A built list at `path`."""

    def url(self, *, canary: str, port: int | None = None) -> str:
        """The matcher URL; a local list has no canary in it, and nothing can stand between."""
        return f"hashlist:{self.path}"


@contextmanager
def run() -> Iterator[Running]:
    """A list that is built anew with every change."""
    with tempfile.TemporaryDirectory() as folder:
        hash_list = RebuiltList(Path(folder))
        yield LocalList(
            scheme="hashlist",
            port=0,
            add=hash_list.add,
            remove=hash_list.remove,
            algorithms=ALGORITHMS,
            path=str(hash_list.path),
        )
