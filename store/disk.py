"""Looks at a disk: how much is free, whether a file can be written there now, and has a folder written to it."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Nobody knows before a run how much it needs: below the first number a person should look, below the second a run is
# likely to fail.
LOW_BYTES = 2**30
FULL_BYTES = 50 * 2**20
LOW_FILES = 10_000
FULL_FILES = 100
PROBE_BYTES = 65_536
# The errors of open(2) with O_TMPFILE where the kernel or the file system does not know it.
NO_UNNAMED_FILES = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})


@dataclass(frozen=True)
class Room:
    """The free room for an ordinary user: bytes, and files (inodes; None where the file system counts none)."""

    free_bytes: int
    free_files: int | None
    is_read_only: bool = False


def nearest_folder(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(one for one in (path, *path.parents) if os.path.isdir(one))  # noqa: PTH112 - Path.is_dir raises where a folder above cannot be read


def mount_of(path: Path) -> Path:
    """Return where the file system of a path that exists is mounted."""
    return next(one for one in (path, *path.parents) if os.path.ismount(one))


def room_at(folder: Path) -> Room:
    """Return the free room where a folder lies. Raises OSError."""
    found = os.statvfs(folder)
    return Room(
        free_bytes=found.f_bavail * found.f_frsize,
        free_files=found.f_favail if found.f_files else None,
        is_read_only=bool(found.f_flag & os.ST_RDONLY),
    )


def complaint(room: Room) -> tuple[bool, str] | None:
    """Return whether too little is free to work, and a line about it; None when there is enough. Pure."""
    if room.is_read_only:
        return True, "it is mounted read-only"
    if room.free_bytes < LOW_BYTES:
        return room.free_bytes < FULL_BYTES, f"{room.free_bytes / 2**20:,.1f} MiB are free"
    if room.free_files is not None and room.free_files < LOW_FILES:
        return room.free_files < FULL_FILES, f"{room.free_files:,} more files can be made (inodes)"
    return None


def refusal(folder: Path) -> str | None:
    """Try to write a small file in a folder, so that nothing is left whatever happens; say why it cannot be, or None.

    This knows of what `room_at` does not: quotas, rights, disks that have failed.
    """
    try:
        descriptor = _unnamed_file(folder)
        try:
            if os.write(descriptor, bytes(PROBE_BYTES)) < PROBE_BYTES:
                return os.strerror(errno.ENOSPC)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        return error.strerror or str(error)
    return None


def shortage(folder: Path) -> str | None:
    """Say in one clause why nothing can be written in a folder, with its disk; None when something can."""
    said = refusal(folder)
    if said is None:
        return None
    return f"the disk of {folder} (mounted at {mount_of(folder)}) cannot be written: {said}"


def _unnamed_file(folder: Path) -> int:
    """Open a file that has no name and is gone when it is closed. Raises OSError."""
    try:
        return os.open(folder, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in NO_UNNAMED_FILES:
            raise
    descriptor, name = tempfile.mkstemp(prefix=".orbweaver-", dir=folder)
    Path(name).unlink()
    return descriptor


def sync_folder(folder: Path) -> None:
    """Have a folder's entries written to the disk: a new file, or a new name of one, is safe after that.

    Raises OSError.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
