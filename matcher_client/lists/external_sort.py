"""Sorts more byte strings than fit into memory: sorted runs in files, then one merge."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

# The memory of one bytes object in a list of CPython, without its bytes (measured: 33, rounded up to 16, and 8).
_OBJECT_BYTES = 57
_READ_RECORDS = 1024
_LENGTH = struct.Struct("<I")
# Each run of a merge is an open file; 1,024 is a common limit for a process.
_MOST_RUNS = 64


class ExternalSort:
    """Sorts byte strings, holding at most about `chunk_bytes` of memory, with runs written to `folder`.

    `width` is the length of every record in bytes; None when lengths differ. Equal records all come out, next to each
    other. On disk a record takes its own bytes, and 4 more when lengths differ.
    """

    def __init__(self, folder: Path, name: str, *, chunk_bytes: int, width: int | None = None) -> None:
        self._folder = folder
        self._name = name
        self._chunk_bytes = chunk_bytes
        self._width = width
        self._records: list[bytes] = []
        self._held = 0
        self._runs: list[Path] = []
        self._runs_made = 0
        self.count = 0

    def add(self, record: bytes) -> None:
        """Take one record; raises OSError when a run cannot be written."""
        self._records.append(record)
        self._held += len(record) + _OBJECT_BYTES
        self.count += 1
        if self._held >= self._chunk_bytes:
            self._spill()

    def drain(self) -> Iterator[bytes]:
        """Yield all records in order, once; nothing may be added afterwards."""
        if not self._runs:
            self._records.sort()
            yield from self._records
            self._records.clear()
            return
        if self._records:
            self._spill()
        while len(self._runs) > _MOST_RUNS:
            some, self._runs = self._runs[:_MOST_RUNS], self._runs[_MOST_RUNS:]
            self._runs.append(self._write_run(heapq.merge(*map(self._read_run, some))))
            for run in some:
                run.unlink()
        yield from heapq.merge(*map(self._read_run, self._runs))
        for run in self._runs:
            run.unlink()

    def _spill(self) -> None:
        self._records.sort()
        self._runs.append(self._write_run(self._records))
        self._records = []
        self._held = 0

    def _write_run(self, records: Iterable[bytes]) -> Path:
        run = self._folder / f"{self._name}.{self._runs_made}.run"
        self._runs_made += 1
        with run.open("wb") as file:
            if self._width is None:
                records = chain.from_iterable((_LENGTH.pack(len(record)), record) for record in records)
            file.writelines(records)
        return run

    def _read_run(self, run: Path) -> Iterator[bytes]:
        with run.open("rb") as file:
            if self._width is None:
                while head := file.read(_LENGTH.size):
                    yield file.read(_LENGTH.unpack(head)[0])
                return
            width = self._width
            while block := file.read(width * _READ_RECORDS):
                for start in range(0, len(block), width):
                    yield block[start : start + width]
