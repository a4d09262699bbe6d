"""Reads an archive record by record from bytes that come in chunks of any length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from orbweaver.crawler.bodies.archives.archive_limits import ArchiveTally


class Reader(Protocol):
    """Reads one archive, and hands the files in it to MemberFile."""

    def feed(self, chunk: bytes) -> bytes | None:
        """Take the next bytes; returns those after the archive's end once that was met, else None."""

    def finish(self) -> None:
        """Take note that no more bytes come."""


class RecordReader:
    """A reader that always knows which record comes next: `_read` is the function that reads it.

    Such a function takes bytes and a place in them, and returns the place after the record, or None when it needs more
    bytes. Those are held until they come, so it must not need more of them without end. The place of `data[0]` in the
    archive is `_place_of_data`.
    """

    def __init__(self, tally: ArchiveTally, first: Callable[[bytes, int], int | None]) -> None:
        self._tally = tally
        self._read = first
        self._held = b""
        self._place_of_data = 0
        self._is_done = False

    def feed(self, chunk: bytes) -> bytes | None:
        """Take the next bytes; returns those after the archive's end once that was met, else None."""
        data = self._held + chunk if self._held else chunk
        self._held = b""
        at = 0
        while at < len(data) and not self._tally.is_over:
            after = self._read(data, at)
            if after is None:
                self._held = data[at:]
                self._place_of_data += at
                return None
            at = after
            if self._is_done:
                return data[at:]
        self._place_of_data += len(data)
        return None
