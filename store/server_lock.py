"""Whether a server works on a state directory's data: told by what its process holds, never by its socket.

Its starter opens and locks `store/server.lock` and lets the server inherit that descriptor. A flock belongs to the open
file, so it is free exactly when no server process has it open any more, whatever became of the starter. A server that
was started by hand, or by a release without this lock, is found among the processes of this machine.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from orbweaver.model import format_time, now
from orbweaver.store.errors import StateDirUnusable

LOCK_FILE = "server.lock"
# Debian's redis-server is a link to redis-check-rdb; redis-cli is no server.
SERVER_NAME = re.compile(r"(valkey|redis)-(server|check-rdb|check-aof)( \(deleted\))?")
LOOKS = 1_000
# The errors of flock(2) on a file system that keeps no locks, such as NFS without its lock service.
NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def lock(descriptor: int, operation: int, path: Path) -> bool:
    """Lock an open file as flock(2) does; False when somebody else has it and `operation` does not wait.

    Raises StateDirUnusable on a file system that keeps no locks.
    """
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise StateDirUnusable(
            f"{path} cannot be locked ({error.strerror}): put the state directory on a local disk with --state DIR"
        ) from error
    return True


def take(data: Path) -> int | None:
    """Return a descriptor that holds the lock of a data directory; None while a server has it.

    The lock is free again when every copy of the descriptor is closed. Raises StateDirUnusable.
    """
    path = data / LOCK_FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    is_ours = False
    try:
        is_ours = lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, path)
    finally:
        if not is_ours:
            os.close(descriptor)
    return descriptor if is_ours else None


def is_held(data: Path) -> bool:
    """Whether a server has the lock of a data directory. Raises StateDirUnusable."""
    descriptor = take(data)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def sign(descriptor: int) -> None:
    """Write into the lock's file where and when its server is started, for people who look for the server."""
    with contextlib.suppress(OSError):  # a full disk: the lock is what counts
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"started on {socket.gethostname()} at {format_time(now())}\n".encode(), 0)


def signature(data: Path) -> str:
    """Return what `sign` wrote; a text that says so when there is nothing."""
    try:
        return (data / LOCK_FILE).read_text().strip() or "at an unknown place"
    except OSError:
        return "at an unknown place"


def servers_at(data: Path, socket_file: Path) -> list[int]:
    """Return the ids of server processes that work in the data directory, or are about to: as far as we may see them.

    Those of other users cannot be seen; the lock tells of them.
    """
    named = re.compile(rb"(?:^|[\0 :])" + re.escape(os.fsencode(socket_file)) + rb"(?:[\0 ]|$)")
    return sorted(pid for pid in _process_ids() if _is_server_at(pid, data, named))


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal, as by Ctrl-Z or SIGSTOP."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"T", "t"}
    except OSError:
        return False


def _process_ids() -> Iterator[int]:
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                yield int(entry.name)


def _is_server_at(pid: int, data: Path, named: re.Pattern[bytes]) -> bool:
    process = Path(f"/proc/{pid}")
    try:
        if SERVER_NAME.fullmatch(process.joinpath("exe").readlink().name) is None:
            return False
        # In this order: it goes to its data when it has read its options, and writes over its command line after that.
        # While it begins or writes, there is no command line for a moment.
        words = next(filter(None, (process.joinpath("cmdline").read_bytes() for _ in range(LOOKS))), b"")
        if os.path.samestat(process.joinpath("cwd").stat(), data.stat()):
            return True
        # In a container the same path is another one.
        is_in_our_tree = process.joinpath("ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink()
        return is_in_our_tree and named.search(words) is not None
    except OSError:
        return False
