"""A hidden folder for the work of one command, which the next command of its kind removes if its maker was killed.

The maker holds a lock on the folder itself for as long as it lives; the kernel lets go of it at the maker's death.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def made(prefix: str, place: Path) -> Iterator[Path]:
    """Yield a new folder in `place`, for its owner only; it is gone afterwards. Raises OSError.

    First it removes those with this prefix whose makers are dead.
    """
    remove_left(prefix, place)
    folder, lock = _locked(prefix, place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(lock)


def remove_left(prefix: str, place: Path) -> None:
    """Remove the folders of this user with a prefix that nobody holds."""
    for path in sorted(place.glob(f"{prefix}*")):
        # Gone meanwhile, no folder, or a file system without such locks: then nobody can tell, and it stays.
        with contextlib.suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path)
            finally:
                os.close(lock)


def _locked(prefix: str, place: Path) -> tuple[Path, int]:
    """Make a folder and hold it; another command may remove it before it is held."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.fstat(lock).st_nlink > 0
        except BlockingIOError:
            is_ours = False
        except OSError:  # a file system without such locks: nobody removes it
            is_ours = True
        if is_ours:
            return folder, lock
        os.close(lock)
