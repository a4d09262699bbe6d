"""A host takes over the crawl process, of a real worker and in the real sandbox: what it can do to the store."""

from __future__ import annotations

import gc
import os
import socket
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from builders import RUN, a_sighting, an_order, parked
from contained import run
from loopback_ports import free_port
from orbweaver.crawler import recrawl
from orbweaver.crawler.visiting.records.journal import Record
from orbweaver.model import Report, Scope, Tally
from orbweaver.queue import queues
from orbweaver.queue.fleet.workers import plain_worker
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawls
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.settings import Settings
from orbweaver.store import connection, embedded
from orbweaver.store.connection import Store
from redis import Redis

COMMANDS = {
    "forge-a-case": "HSET orbweaver:case:victim json forged",
    "answer-a-file": "DEL orbweaver:unanswered",
    "script": "EVAL return(1) 0",
    "module": "MODULE LIST",
    "debug": "DEBUG SLEEP 0",
    "user": "ACL SETUSER intruder on nopass ~* +@all",
    "durability": "CONFIG SET appendonly no",
    "empty": "FLUSHALL",
    "replica": "REPLICAOF 127.0.0.1 1",
}
SILENCE_SECONDS = 0.5


def inherited_sockets() -> list[socket.socket]:
    """Return every socket that is open already, whatever Python thinks of it."""
    found = [descriptor for descriptor in range(3, 1024) if is_socket(descriptor)]
    return [socket.socket(fileno=os.dup(descriptor)) for descriptor in found]


def is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def new_connections() -> Iterator[socket.socket]:
    """Dial every store whose address is still in memory, a Unix one also with a socket that needs no socket(2)."""
    for place in known_stores():
        ways = [lambda: socket.socket(socket.AF_UNIX), half_of_a_pair] if isinstance(place, str) else [socket.socket]
        for make in ways:
            try:
                dialled = make()
                dialled.connect(place)
            except OSError:
                continue
            yield dialled


def half_of_a_pair() -> socket.socket:
    ours, other = socket.socketpair()
    other.close()
    return ours


def known_stores() -> set[str | tuple[str, int]]:
    clients = [one for one in gc.get_objects() if isinstance(one, Redis)]
    given = [one.connection_pool.connection_kwargs for one in clients]
    return {one["path"] if "path" in one else (one["host"], one["port"]) for one in given}


def is_obeyed(channel: socket.socket, command: str) -> bool:
    channel.settimeout(SILENCE_SECONDS)
    try:
        channel.sendall(command.encode() + b"\r\n")
        answer = channel.recv(4096)
    except OSError:
        return False
    return answer[:1] in {b"+", b":", b"*", b"$"}


def take_over() -> dict[str, int]:
    """Try every command on every way to a store; returns what was obeyed, and how many stores were known."""
    channels = [*inherited_sockets(), *new_connections()]
    obeyed = {name: 1 for name, command in COMMANDS.items() if any(is_obeyed(one, command) for one in channels)}
    return {"known-stores": len(known_stores()), "channels": len(channels), **obeyed}


def attack(*_: object, **__: object) -> recrawl.Ended:
    """Stand in for the crawl whose parser was taken over; says by its suggestions what it could do."""
    return recrawl.Ended(Tally(), None, take_over())


def attack_without_sandbox(url: str) -> dict[str, int]:
    store = connection.connect(url)
    store.ping()
    return take_over()


def blame_another(scope: Scope, _: Sequence[Report], record: Record, __: Settings, **___: object) -> recrawl.Ended:
    own, foreign = (a_sighting(url=f"http://{name}/a.bin") for name in (scope.name, "innocent.test"))
    record([own], (), Tally())
    record([foreign.model_copy(update={"host": "innocent.test"})], (), Tally())
    return recrawl.Ended(Tally(), None, {})


def work_taken_over(url: str, takes_over: str) -> None:
    recrawl.run = globals()[takes_over]  # as code that a parser was made to run
    plain_worker.work(connection.connect(url), [QueueName.RECRAWL], burst=True)


def recrawled(store: Store, url: str, takes_over: str) -> RecrawlRecord:
    recrawl_id = recrawls.create(store, RUN, an_order())
    queues.enqueue_recrawl(store, "h.test", recrawl_id, 60)
    run(work_taken_over, url, takes_over)
    record = recrawls.read(store, recrawl_id)
    assert record is not None
    return record


@pytest.fixture
def unix_store(short_dir: Path) -> Iterator[str]:
    """A server of the test's own: an attack that succeeds would hurt the others."""
    with embedded.running(short_dir):
        yield embedded.url_for(short_dir)


@pytest.fixture
def tcp_store(short_dir: Path) -> Iterator[str]:
    port = free_port()
    said = ["--port", str(port), "--bind", "127.0.0.1", "--appendonly", "yes", "--save", "", "--dir", str(short_dir)]
    with subprocess.Popen([embedded.find_server(), *said], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if "Ready to accept connections" in line:
                break
        yield f"redis://127.0.0.1:{port}/0"
        server.kill()


@pytest.fixture(params=["unix_store", "tcp_store"])
def own_store(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


def test_a_crawl_process_that_is_taken_over_reaches_no_store(own_store: str) -> None:
    with connection.connect(own_store) as store:
        store.hset("orbweaver:unanswered", "sighting", "{}")
        record = recrawled(store, own_store, "attack")
        assert record.sandbox is not None
        assert record.sandbox["is_on"] is True
        # It knew whom to attack, and had no way there.
        assert (record.state, record.suggestions["known-stores"]) == (RecrawlState.FINISHED, 1)
        assert {name for name, count in record.suggestions.items() if count} == {"known-stores"}
        assert store.config_get("appendonly")["appendonly"] == "yes"
        assert store.info("replication")["role"] == "master"
        assert store.hlen("orbweaver:unanswered") == 1
        assert store.exists("orbweaver:case:victim") == 0


def test_outside_the_sandbox_the_same_attack_is_obeyed(own_store: str) -> None:
    obeyed = run(attack_without_sandbox, own_store)
    assert obeyed["channels"] >= 2
    # Valkey allows DEBUG and, in parts, MODULE to nobody by default.
    assert obeyed.keys() >= COMMANDS.keys() - {"debug", "module"}


def test_a_crawl_process_that_is_taken_over_blames_no_host_outside_its_scope(unix_store: str) -> None:
    with connection.connect(unix_store) as store:
        recrawled(store, unix_store, "blame_another")
        [said] = parked(store, QueueName.RECRAWL).values()
        assert said.endswith("MessageRefused: a file with a URL that is not in scope")
        stored = [store.get(key) or b"" for key in store.keys("orbweaver:batch:*")]
    assert len(stored) == 1 + queues.RETRIES  # what it said of its own host, in each attempt
    assert not any(b"innocent" in one for one in stored)
