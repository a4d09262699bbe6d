"""`jsonl:DIR`: a file of JSON lines."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from orbweaver.model import Event
from orbweaver.store import disk
from orbweaver.takedown.delivery.sinks.event_json import as_json
from orbweaver.takedown.errors import SinkAway

EVENTS_FILE = "events.jsonl"


class JsonLinesSink:
    """Appends each event as one line to DIR/events.jsonl, on disk before it counts as delivered."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.name = jsonl_sink(directory)

    def complaint(self) -> tuple[bool, str] | None:
        """Say whether no event can be written by this user now, or space is short; None for neither."""
        path = self._directory / EVENTS_FILE
        try:
            if path.exists():
                os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC))
        except OSError as error:
            return True, f"{path} cannot be written ({error.strerror})"
        folder = disk.nearest_folder(self._directory)
        in_the_way = [one for one in (self._directory, *self._directory.parents) if os.path.lexists(one)][:1]
        if in_the_way != [folder]:
            return True, f"{in_the_way[0]} is not a directory"
        said = disk.refusal(folder)
        if said is not None:
            return True, f"{folder} cannot be written ({said})"
        return disk.complaint(disk.room_at(folder))

    def close(self) -> None:
        """Nothing is open between two events."""

    def deliver(self, event: Event) -> None:
        """Append one line and sync it. Raises NotDelivered when the disk refuses."""
        line = as_json(event) + b"\n"
        path = self._directory / EVENTS_FILE
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            _append_line(path, line)
        except OSError as error:
            raise SinkAway(f"{path} cannot be written ({error.strerror}): free space or choose another") from error


def _append_line(path: Path, line: bytes) -> None:
    """Append a whole line, on disk, or leave the file as it was; raises OSError.

    A writer that was killed may have left the beginning of a line: it is ended first, so that it spoils no other.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        try:
            _write_whole(descriptor, line)
        except OSError:
            with contextlib.suppress(OSError):  # what is left of the line is ended by the next writer, see above
                os.ftruncate(descriptor, size)
            raise
        if not size:
            disk.sync_folder(path.parent)
    finally:
        os.close(descriptor)


def _write_whole(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # the next byte would have had no room
    os.fsync(descriptor)


def jsonl_sink(directory: Path) -> str:
    """Return the address of the sink that appends to a directory's events file."""
    return f"jsonl:{directory.absolute()}"
