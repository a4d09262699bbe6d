"""What processes leave behind: children, sockets, threads and files, and the end of those that still run."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import preloaded

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
SHARED_MEMORY = Path("/dev/shm")
# These are started once for all tests, at the first that needs them.
SERVANTS = ("multiprocessing.forkserver", "multiprocessing.resource_tracker", preloaded.__file__)
LONGEST_DESCRIPTION = 300


@dataclass(frozen=True)
class Process:
    """A process, known also when its id is given to another."""

    pid: int
    started_at: str

    @property
    def is_running(self) -> bool:
        """Whether it is there, and more than a zombie that nobody has buried."""
        fields = _stat_of(self.pid)
        return bool(fields) and fields[0] not in {"Z", "X"} and fields[19] == self.started_at


def adopt_orphans() -> None:
    """Have what our descendants leave behind become our children, however far it has gone to be nobody's."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> set[Process]:
    """Return the children of this process, orphans that it adopted among them, and those of multiprocessing's server.

    A child that has ended is buried, unless it is one for which a Popen object waits.
    """
    found = {_process(pid) for pid in _children_of(os.getpid())}
    for one in [one for one in found if is_servant(one.pid)]:
        found |= {_process(pid) for pid in _children_of(one.pid)}
    return found


def descendants() -> list[Process]:
    """Return every process below this one."""
    found: list[int] = []
    to_see = _children_of(os.getpid())
    while to_see:
        pid = to_see.pop()
        found.append(pid)
        to_see += _children_of(pid)
    return [_process(pid) for pid in found]


def is_servant(pid: int) -> bool:
    """Whether a process is a helper of multiprocessing's that serves all tests."""
    command = _command_of(pid)
    return any(name in command for name in SERVANTS)


def describe(process: Process) -> str:
    """Return what can be said of a process in a line."""
    said = " ".join(_command_of(process.pid).split()) or "[a process that hides its command]"
    return f"process {process.pid}: {said[:LONGEST_DESCRIPTION]}"


def test_in(process: Process) -> str | None:
    """Return the name of the test in which a process was started, if it can be read from its environment."""
    try:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    except OSError:
        return None  # it is not dumpable, or another user's
    found = re.search(rb"(?:^|\0)PYTEST_CURRENT_TEST=(.*?) \(", environment)
    return None if found is None else found[1].decode(errors="replace")


def wait_for_end(processes: Iterable[Process], seconds: float) -> list[Process]:
    """Give processes that end by themselves time to do so; return those that have not."""
    ends_at = time.monotonic() + seconds
    for one in processes:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(one.pid)
            with contextlib.closing(os.fdopen(descriptor)):
                if one.is_running:
                    select.select([descriptor], [], [], max(0.0, ends_at - time.monotonic()))
    return [one for one in processes if one.is_running]


def end(processes: Iterable[Process]) -> None:
    """Kill processes and all below them, and bury those that are ours."""
    for one in processes:
        below = [_process(pid) for pid in _children_of(one.pid)]
        if one.is_running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(one.pid, signal.SIGKILL)
            wait_for_end([one], 30)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(one.pid, os.WNOHANG)
        end(below)


def _process(pid: int) -> Process:
    fields = _stat_of(pid)
    return Process(pid, fields[19] if fields else "")


def _stat_of(pid: int) -> list[str]:
    """Return the fields of a process from the third on, its state; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _children_of(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


def _command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


# --- sockets, threads and files ---


def sockets() -> dict[str, int]:
    """Return the open sockets of this process: the descriptor of each, by the inode that tells it from all others."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{name}")
            if target.startswith("socket:"):
                found[target] = int(name)
    return found


def describe_socket(descriptor: int) -> str:
    """Return what a socket is bound to."""
    with socket.socket(fileno=os.dup(descriptor)) as one:
        does = "listening at" if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) else "bound to"
        return f"socket {does} {one.getsockname()!r}"


def threads() -> set[threading.Thread]:
    """Return the threads of this process."""
    return set(threading.enumerate())


def wait_for_threads(some: Iterable[threading.Thread], seconds: float) -> list[threading.Thread]:
    """Give threads that end by themselves time to do so; return those that have not."""
    ends_at = time.monotonic() + seconds
    for one in some:
        one.join(max(0.0, ends_at - time.monotonic()))
    return [one for one in some if one.is_alive()]


def describe_thread(thread: threading.Thread) -> str:
    """Return the name of a thread and where it is."""
    frame = sys._current_frames().get(thread.ident or 0)
    at = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in traceback.extract_stack(frame)][-3:]
    return f"thread {thread.name} in {', '.join(at)}"


def files_in(folders: Iterable[Path]) -> set[Path]:
    """Return what lies in some folders, not in the folders below."""
    return {Path(entry.path) for folder in folders if folder.is_dir() for entry in os.scandir(folder)}


def untracked_in(checkout: Path) -> set[Path]:
    """Return the files of a checkout that git neither has nor ignores; none where there is no git."""
    command = ["git", "-C", str(checkout), "status", "--porcelain", "-z", "--untracked-files=all"]
    try:
        said = subprocess.run(command, capture_output=True, check=True).stdout.decode(errors="surrogateescape")
    except (OSError, subprocess.CalledProcessError):
        return set()
    return {checkout / line[3:] for line in said.split("\0") if line.startswith("?? ")}


def left_in_shared_memory(paths: Collection[Path]) -> list[Path]:
    """Return those of some files in shared memory that are ours and that no living process holds."""
    ours = [path for path in paths if path.exists() and path.stat().st_uid == os.getuid()]
    if not ours:
        return []
    held = "".join(filter(None, map(_held_by, Path("/proc").iterdir())))
    return [path for path in ours if f"{path}\n" not in held]


def _held_by(process: Path) -> str:
    """Return the paths that a process has mapped or opened, each with a line's end."""
    if not process.name.isdigit():
        return ""
    with contextlib.suppress(OSError):
        opened = [os.readlink(entry.path) + "\n" for entry in os.scandir(process / "fd")]
        return "".join(opened) + (process / "maps").read_text(errors="replace")
    return ""
