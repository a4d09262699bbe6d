"""Measures the service and its store: memory of all processes, memory and disk of the store, every few seconds."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from orbweaver.store import embedded
from orbweaver.store.connection import Store

from bench.fleet.processes import descendants, pss_bytes

EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Size:
    """The sizes at one moment, in seconds since the beginning and in bytes.

    `pss` is that of all processes of the service with the store's server, `store` the `used_memory` of the server,
    `disk` the store's files. With `is_at_rest` a round was over, and nobody was being visited.
    """

    seconds: float
    pss: int
    store: int
    disk: int
    is_at_rest: bool = False


class Sizes:
    """Looks every few seconds from a thread of its own, until the block ends; `taken` has all of them."""

    def __init__(self, store: Store, state: Path, process_id: int) -> None:
        self.taken: list[Size] = []
        self._store, self._folder, self._process_id = store, embedded.data_folder(state), process_id
        self._server_id = int(store.info("server")["process_id"])
        self._began_at = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_on)

    def __enter__(self) -> Sizes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def look(self, *, is_at_rest: bool = False) -> None:
        family = {*descendants(self._process_id), self._server_id}
        self.taken.append(
            Size(
                time.monotonic() - self._began_at,
                sum(map(pss_bytes, family)),
                int(self._store.info("memory")["used_memory"]),
                _bytes_in(self._folder),
                is_at_rest,
            )
        )

    def _look_on(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self.look()


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # the server has replaced it
            continue
    return total
