"""Starts orbweaver commands from a process that has imported their modules: the same processes, for less of the CPU.

The imports of a command take a second of CPU, and the tests start hundreds of commands. In a test, `subprocess.Popen`
is the `Popen` of this module. When it is to start `python -P -m orbweaver...`, it asks a server, which has imported
every module of ours and has prepared what recrawl workers prepare, to fork. What is forked is a process like any other:
a child of the one that asked, with a command line, an environment, a folder, streams, a session, signals and an exit
status of its own. Our code begins to run in it when it has all these. The workers of a run are forked in the same way,
from a server that the run has for itself.

The real `subprocess.Popen` starts everything else, and each command that would notice: when a variable differs that
was read while the modules were imported, when limits, rights or namespaces differ, or when an option of Popen is used
that the server does not know. A test that is about the start itself, imports or memory takes the fixture `real_starts`.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import inspect
import io
import json
import os
import platform
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDERS = ("commands", "console", "crawler", "matcher_client", "model", "queue", "store", "takedown")
# What commands import when they come to it.
LATER = ("multiprocessing.popen_fork", "scrapy.core.engine", "typer.rich_utils", "rich.markdown")
# The server's own command line and environment are so long that those of any command fit over them.
ARGUMENTS_BYTES, ENVIRONMENT_BYTES = 8_192, 32_768
LONGEST_REQUEST = 131_072
# Read by the interpreter and the libraries in C.
ALWAYS_READ = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "OPENSSL_", "SSL_")
# scrapy.utils.curl makes a parser, which looks how wide its help may be, and never prints it.
WITHOUT_EFFECT = {"COLUMNS", "LINES"}
# Commands that start workers.
STARTING = {"verify", "rematch", "demo", "run"}
SYS_CLONE = {"x86_64": 56, "aarch64": 220}
CLONE_PARENT = 0x8000
STREAMS = 3
FOR_COMMANDS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@dataclass(frozen=True)
class Request:
    """A command to start; its streams are sent beside it."""

    command: list[str]
    environment: dict[str, str]
    folder: str
    is_session_leader: bool


@dataclass(frozen=True)
class Promise:
    """Describes a server that is ready: a command in which any of `read` differs is not for it."""

    read: dict[str, str | None]
    arguments_bytes: int
    environment_bytes: int


class Server:
    """Asks a preloaded process to fork; to be used from any thread."""

    def __init__(self, channel: socket.socket, promise: Promise, process: subprocess.Popen[bytes] | None) -> None:
        self._channel = channel
        self._promise = promise
        self._process = process
        self._inherited = _inherited()
        self._lock = threading.Lock()

    def can_start(self, request: Request) -> bool:
        """Whether the process would be the same as one that is started anew."""
        settings = request.environment
        return (
            _inherited() == self._inherited
            and all(settings.get(name) == value for name, value in self._promise.read.items())
            and {name: settings[name] for name in settings if name.startswith(ALWAYS_READ)}
            == {name: os.environ[name] for name in os.environ if name.startswith(ALWAYS_READ)}
            and len(_joined(request.command)) <= self._promise.arguments_bytes
            and len(_joined(_assignments(settings))) <= self._promise.environment_bytes
        )

    def start(self, request: Request, streams: Sequence[int]) -> int:
        """Return the process id of a new child of this process."""
        with self._lock:
            socket.send_fds(self._channel, [json.dumps(asdict(request)).encode()], streams)
            return int(self._channel.recv(64))

    def stop(self) -> None:
        self._channel.close()
        if self._process is not None:
            self._process.wait()


_server: Server | None = None
_starting = threading.Lock()


def server() -> Server:
    """Return this process's server; the first caller starts it."""
    global _server
    with _starting:
        if _server is None:
            _server = _started()
        return _server


def install() -> None:
    """Have this process start orbweaver commands in this way; the first one starts the server."""
    subprocess.Popen = Popen  # type: ignore[misc]


def stop() -> None:
    """End this process's server, if it has one."""
    global _server
    if _server is not None:
        _server.stop()
        _server = None


def _started() -> Server:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    with its:
        command = [sys.executable, "-P", str(Path(__file__)), str(its.fileno()), "-" * ARGUMENTS_BYTES]
        process = RealPopen(
            command,
            env={**environment, "PRELOADED": "-" * ENVIRONMENT_BYTES},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(its.fileno(),),
        )
    said = ours.recv(LONGEST_REQUEST)
    if not said:
        raise RuntimeError(f"the server of preloaded processes ended with {process.wait()}")
    return Server(ours, Promise(**json.loads(said)), process)


RealPopen = subprocess.Popen
_WHAT_POPEN_ASKS = inspect.signature(RealPopen._execute_child)  # type: ignore[attr-defined]


class Popen(RealPopen):  # type: ignore[type-arg]
    """subprocess.Popen, which has the server fork what it can."""

    def _execute_child(self, *arguments: Any) -> None:
        asked = _WHAT_POPEN_ASKS.bind(self, *arguments).arguments
        if not _is_plain(asked):
            super()._execute_child(*arguments)  # type: ignore[misc]
            return
        request = Request(
            command=[os.fsdecode(word) for word in asked["args"]],
            environment=dict(os.environ if asked["env"] is None else asked["env"]),
            folder=os.fspath(asked["cwd"] or Path.cwd()),
            is_session_leader=bool(asked["start_new_session"]),
        )
        if not server().can_start(request):
            super()._execute_child(*arguments)  # type: ignore[misc]
            return
        pipes = [asked[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")]
        streams = [own if own != -1 else number for number, own in enumerate((pipes[0], pipes[3], pipes[5]))]
        try:
            self.pid = server().start(request, streams)
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def _is_plain(asked: Mapping[str, Any]) -> bool:
    """Whether an orbweaver command is to be started, with options of subprocess.Popen that a server knows."""
    usual = {"executable": None, "preexec_fn": None, "pass_fds": (), "shell": False, "gid": None, "gids": None}
    usual |= {"uid": None, "umask": -1, "process_group": -1, "close_fds": True, "restore_signals": True}
    words = asked["args"]
    return (
        isinstance(words, list)
        and words[:3] == [sys.executable, "-P", "-m"]
        and str(words[3]).startswith("orbweaver.")
        and all(asked.get(name, value) == value for name, value in usual.items())
    )


def _inherited() -> tuple[str, ...]:
    """Return what a process has from its parent beside its environment: whose it is, its rights, limits and walls."""
    thread = Path("/proc/thread-self")
    kept = ("Uid", "Gid", "Groups", "Umask", "NoNewPrivs", "Seccomp", "SigBlk", "SigIgn", "Cap")
    status = [line for line in (thread / "status").read_text().splitlines() if line.startswith(kept)]
    walls = [os.readlink(path) for path in sorted((thread / "ns").iterdir())]
    return (*status, *walls, os.readlink(thread / "root"), (thread / "limits").read_text())


def _joined(words: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def _assignments(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]


# --- the server ---


class _NotedEnvironment(os._Environ):  # type: ignore[type-arg]
    """os.environ, which notes what is read from it."""

    def __getitem__(self, key: str) -> str:
        _read.add(key)
        return super().__getitem__(key)  # type: ignore[no-any-return]


_read: set[str] = set()


def _preload() -> dict[str, str | None]:
    """Import all that commands need; return the variables that were read meanwhile."""
    # It copies the whole environment for servers of its own, which nobody starts: prometheus_client imports it.
    importlib.import_module("wsgiref.handlers")
    plain = os.environ.__class__
    os.environ.__class__ = _NotedEnvironment
    gc.disable()
    for name in _modules():
        importlib.import_module(name)
    importlib.import_module("orbweaver.queue.fleet.workers.preload").preload()  # each recrawl worker would do it again
    _share_to_the_end()
    gc.enable()
    os.environ.__class__ = plain
    return {name: os.environ.get(name) for name in sorted(_read - WITHOUT_EFFECT)}


def _share_to_the_end() -> None:
    """Keep what is imported as it is in every command: to take it to pieces at the end, each would copy it first.

    That costs as much as all else a short command does. What a command itself has made ends as always.
    """
    gc.freeze()
    modules = {name: module for name, module in sys.modules.items() if name not in {"sys", "builtins", "__main__"}}
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(modules))

    def leave() -> None:
        for name in modules:
            sys.modules.pop(name, None)

    atexit.register(leave)  # the first to be registered is the last to be called


def _modules() -> list[str]:
    """Return the names of our modules, but for those that are started as programs, and of what they import later."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    names = [
        ".".join(("orbweaver", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        for path in paths
        if "__main__" not in path.read_text()
    ]
    return [*names, *LATER]


def _serve(channel: socket.socket) -> tuple[Request, list[int]]:
    """Fork for each request, until nobody can ask any more; returns in the children only."""
    while True:
        message, streams, _flags, _address = socket.recv_fds(channel, LONGEST_REQUEST, STREAMS)
        if not message:
            os._exit(0)
        pid = _fork_sibling()
        if pid == 0:
            return Request(**json.loads(message)), streams
        for stream in streams:
            os.close(stream)
        channel.send(str(pid).encode())


def _fork_sibling() -> int:
    """Fork as os.fork does, but a child of this process's parent, who waits for it as for any child of his."""
    ctypes.pythonapi.PyOS_BeforeFork()
    pid: int = _clone(SYS_CLONE[platform.machine()], CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError("clone failed")
    return pid


_clone = ctypes.PyDLL(None, use_errno=True).syscall
_clone.restype = ctypes.c_long


def _become(request: Request, streams: Sequence[int], *kept: int) -> None:
    """Be what an interpreter is that was started with the request."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    _close_all_but(*range(STREAMS), *kept)
    if request.is_session_leader:
        os.setsid()
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    _show(_joined(request.command), _joined(_assignments(request.environment)))
    sys.stdin = sys.__stdin__ = _stream(0, "r", "strict")
    sys.stdout = sys.__stdout__ = _stream(1, "w", "strict")
    sys.stderr = sys.__stderr__ = _stream(2, "w", "backslashreplace")
    sys.orig_argv = request.command
    sys.argv = request.command[3:]
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FOR_COMMANDS)


def _close_all_but(*kept: int) -> None:
    for number in {int(name) for name in os.listdir("/proc/self/fd")} - set(kept):
        with contextlib.suppress(OSError):  # that of the list
            os.close(number)


def _stream(number: int, mode: str, errors: str) -> io.TextIOWrapper:
    was = (sys.stdin, sys.stdout, sys.stderr)[number]
    opened = open(number, f"{mode}b", closefd=False)  # noqa: SIM115 - as long as the process
    is_line_buffered = number == 2 or opened.isatty()
    newline = None if mode == "r" else "\n"
    stream = io.TextIOWrapper(opened, was.encoding, errors, newline, is_line_buffered)
    stream.mode = mode
    return stream


def _show(arguments: bytes, environment: bytes) -> None:
    """Write over what /proc/PID/cmdline and environ show, which is this process's own memory."""
    for area, shown in zip(_areas(), (arguments, environment), strict=True):
        ctypes.memset(area.start, 0, len(area))
        ctypes.memmove(area.start, shown, len(shown))


def _areas() -> tuple[range, range]:
    """Return where the command line and the environment lie that this process was started with: proc(5), stat."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    arguments_start, arguments_end, environment_start, environment_end = map(int, fields[45:49])
    return range(arguments_start, arguments_end), range(environment_start, environment_end)


def _be(channel: socket.socket, promise: Promise) -> None:
    """Serve, and in each child return as the command: with a server of its own, if it starts workers.

    They are its children then, and the kernel ends its server with it: nobody else holds the other end.
    """
    global _server
    request, streams = _serve(channel)
    channel.detach()
    if STARTING.isdisjoint(request.command[4:5]):
        _become(request, streams)
        return
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.detach()
        _close_all_but(*range(STREAMS), its.fileno())
        _be(its, promise)
        return
    its.detach()
    _become(request, streams, ours.fileno())
    _server = Server(ours, promise, None)
    install()


def main() -> None:
    """Import everything, and serve; returns in each process that is forked as a command."""
    # What is sent to a command before it is one waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, FOR_COMMANDS)
    channel = socket.socket(fileno=int(sys.argv[1]))
    read = _preload()
    arguments, environment = _areas()
    promise = Promise(read, len(arguments), len(environment))
    if (count := len(list(Path("/proc/self/task").iterdir()))) != 1:
        raise RuntimeError(f"a forked process has one thread, and the imports have started {count - 1}")
    channel.send(json.dumps(asdict(promise)).encode())
    _be(channel, promise)


if __name__ == "__main__":
    main()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
