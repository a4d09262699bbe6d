"""Makes the folder in which a list is built, beside the list, and removes it; turns failures to write into errors."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orbweaver.matcher_client.errors import MatcherError, OutputRefused, StorageFull

_SUFFIX = ".building"
_RANDOM = "?" * 8  # tempfile puts 8 random characters between prefix and suffix
# No room on the disk, within the user's quota, or within the limit on the size of a file.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def workspace(output: Path) -> Iterator[Path]:
    """Yield an empty folder beside `output`, and remove it at the end with all that it has.

    First, folders that killed processes left there are removed: the folder of a live process is locked. Raises
    OutputRefused, StorageFull.
    """
    try:
        # While the parent is locked, no other process looks at our folder before it has its own lock.
        with _locked(output.parent):
            _remove_leftovers(output)
            made = tempfile.TemporaryDirectory(prefix=f".{output.name}.", suffix=_SUFFIX, dir=output.parent)
            lock = _lock(Path(made.name))
    except OSError as error:
        raise refuse_output(output, error) from error
    try:
        with made as name:
            yield Path(name)
    finally:
        if lock is not None:
            os.close(lock)


def refuse_output(path: Path, error: OSError, mend: str | None = None) -> MatcherError:
    """Return the error for a `path` (or the files needed to make it) that cannot be written; `mend` says what to do."""
    is_full = error.errno in _FULL
    usual = "nothing was changed; free space there" if is_full else "choose another place with -o"
    message = f"{path} cannot be written ({error.strerror}): {mend or usual}"
    return StorageFull(message) if is_full else OutputRefused(message)


def _remove_leftovers(output: Path) -> None:
    for folder in output.parent.iterdir():
        if not (folder.name.startswith(f".{output.name}.") and folder.match(f"*.{_RANDOM}{_SUFFIX}")):
            continue
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)  # the next build tries again
            os.close(lock)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks: then leftovers are not removed either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int | None:
    """Return the descriptor that holds a folder's lock; None when another process has it, or there are no locks."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None  # it is gone, or another user's
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
