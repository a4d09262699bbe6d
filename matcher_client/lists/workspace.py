"""Where a built list is made: a folder beside it, which is gone afterwards; and what it means when it cannot be."""

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
_RANDOM = "?" * 8  # what tempfile puts between prefix and suffix
# No room on the disk, within the user's quota, or within the limit on the size of a file.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def workspace(output: Path) -> Iterator[Path]:
    """Yield an empty folder beside `output`, and remove it at the end with all that it has.

    What processes left that were killed in the middle of the same is removed first: a folder is locked as long as its
    process lives. Raises OutputRefused, StorageFull.
    """
    try:
        # While the place is locked nobody looks at a folder that is made and not locked yet.
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
    """Return what to raise when `path` cannot be written, nor what is needed to make it; `mend` is what to do then."""
    is_full = error.errno in _FULL
    usual = "nothing was changed; free space there" if is_full else "choose another place with -o"
    said = f"{path} cannot be written ({error.strerror}): {mend or usual}"
    return StorageFull(said) if is_full else OutputRefused(said)


def _remove_leftovers(output: Path) -> None:
    for folder in output.parent.iterdir():
        if not (folder.name.startswith(f".{output.name}.") and folder.match(f"*.{_RANDOM}{_SUFFIX}")):
            continue
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)  # the next one tries again
            os.close(lock)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks: then nothing is removed either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int | None:
    """Return the descriptor that holds a folder's lock; None when another process has it, or there are no locks."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None  # gone, or not ours
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
