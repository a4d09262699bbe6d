"""A store that would lose cases is refused, with what is wrong and how to mend it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from orbweaver.store import durability, embedded, keys
from orbweaver.store.connection import Store, connect
from orbweaver.store.errors import StoreUnfit
from orbweaver_command import eventually
from redis import Redis
from redis.exceptions import RedisError

Start = Callable[..., Store]


@pytest.fixture
def start(short_dir: Path) -> Iterator[Start]:
    """Start a server with the given options."""
    started: list[subprocess.Popen[bytes]] = []
    stores: list[Store] = []

    def start_with(*options: str) -> Store:
        path = short_dir / f"{len(started)}.sock"
        given = ("--port", "0", "--unixsocket", str(path), "--dir", str(short_dir), "--save", "", *options)
        server = subprocess.Popen([embedded.find_server(), *given], stdout=subprocess.DEVNULL)
        started.append(server)
        while not answers(path):
            assert server.poll() is None
        stores.append(connect(f"unix://{path}"))
        return stores[-1]

    yield start_with
    for store in stores:
        store.close()
    for server in started:
        server.kill()
        server.wait()


def answers(path: Path) -> bool:
    with Redis(unix_socket_path=str(path)) as store:
        try:
            return bool(store.ping())
        except RedisError:
            return False


def test_the_embedded_server_keeps_every_promise(store: Store) -> None:
    findings = list(durability.inspect(store))
    assert [finding.what for finding in findings] == ["version", "role", "appendonly", "maxmemory-policy"]
    assert all(finding.is_kept for finding in findings)
    durability.require(store)


@pytest.mark.parametrize(
    ("kind", "version", "is_kept"),
    [("Redis", "7.0.15", False), ("Redis", "7.2.0", True), ("Redis", "8.0", True), ("Valkey", "9.1.2", True)]
    + [("Redis", "6.2.14", False), ("Valkey", "7.2.4", True), ("Redis", "", False), ("Redis", "10.0.0", True)],
)
def test_a_server_that_is_too_old_is_said_with_the_mend(kind: str, version: str, is_kept: bool) -> None:
    finding = durability.judge_version(kind, version)
    assert (finding.is_kept, finding.mend) == (is_kept, f"use {kind} 7.2 or newer")


def test_a_store_without_an_append_only_file_is_refused(start: Start) -> None:
    with pytest.raises(StoreUnfit, match="appendonly is no: CONFIG SET appendonly yes") as caught:
        durability.require(start())
    assert "maxmemory-policy" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_store_that_evicts_is_refused(start: Start) -> None:
    with pytest.raises(
        StoreUnfit, match="maxmemory-policy is allkeys-lru: CONFIG SET maxmemory-policy noeviction"
    ) as caught:
        durability.require(start("--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"))
    assert "appendonly" not in str(caught.value)


def test_every_broken_promise_is_named_at_once(start: Start) -> None:
    with pytest.raises(StoreUnfit, match=r"appendonly is no.*; maxmemory-policy is volatile-ttl"):
        durability.require(start("--maxmemory-policy", "volatile-ttl"))


def test_a_mended_store_is_accepted(start: Start) -> None:
    store = start("--maxmemory-policy", "allkeys-lru")
    store.config_set("appendonly", "yes")
    store.config_set("maxmemory-policy", "noeviction")
    durability.require(store)
    # A child of the server writes the file, and would still do so when the server has been killed.
    eventually(lambda: not store.info("persistence")["aof_rewrite_in_progress"])


def test_a_store_that_hides_its_configuration_is_refused_and_says_why(start: Start) -> None:
    store = start("--appendonly", "yes", "--rename-command", "CONFIG", "")
    with pytest.raises(StoreUnfit, match=r"configuration is hidden .*: allow CONFIG GET for this user"):
        durability.require(store)


def test_a_user_who_may_not_ask_for_the_configuration_is_told_so(start: Start) -> None:
    store = start("--appendonly", "yes")
    store.acl_setuser("default", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-config"])
    with pytest.raises(StoreUnfit, match=r"configuration is hidden .*: allow CONFIG GET for this user"):
        durability.require(store)


def test_waiting_for_the_disk_returns_when_the_store_has_written(store: Store) -> None:
    store.set("case", "open")
    durability.wait_for_disk(store)
    assert store.get(keys.disk_fence()) == b"1"


def test_a_store_that_writes_no_file_confirms_nothing(start: Start) -> None:
    with pytest.raises(StoreUnfit, match="the store cannot confirm that cases are on disk"):
        durability.wait_for_disk(start())


@pytest.mark.parametrize(
    ("said", "replicas", "is_kept"),
    [
        ({}, 1, False),
        ({"slave0": {"state": "online"}}, 1, True),
        ({"slave0": {"state": "online"}}, 2, False),
        ({"slave0": {"state": "wait_bgsave"}, "slave1": {"state": "online"}, "slave_lag": 3}, 1, True),
        ({"slave0": {"state": "wait_bgsave"}}, 1, False),
    ],
)
def test_replicas_that_are_not_connected_are_counted_out(said: dict[str, Any], replicas: int, is_kept: bool) -> None:
    finding = durability.judge_replicas(said, replicas)
    assert finding.is_kept is is_kept
    assert finding.mend.startswith(f"start them, or lower STORE_REPLICAS={replicas}")


def test_replicas_that_are_asked_for_and_are_not_there_are_said_before_anything_is_done(store: Store) -> None:
    with pytest.raises(StoreUnfit, match="replicas is 0 connected, 1 needed: start them, or lower STORE_REPLICAS=1"):
        durability.require(store, 1)


def test_a_promise_is_refused_when_too_few_replicas_wrote_to_their_disks(store: Store) -> None:
    with pytest.raises(StoreUnfit, match="0 of the 1 replicas that STORE_REPLICAS asks for wrote to their disks"):
        durability.wait_for_disk(store, 1, milliseconds=1)


def test_the_doctor_is_told_what_a_promise_rests_on(store: Store, start: Start) -> None:
    proof = durability.prove(store)
    assert (proof.is_kept, proof.found) == (True, "a case is confirmed when it is on the store's own disk")
    without = durability.prove(start())
    assert not without.is_kept
    assert without.found.startswith("none (the store cannot confirm that cases are on disk")


def test_work_is_done_again_when_the_store_restarted_meanwhile(start: Start) -> None:
    store = start("--appendonly", "yes", "--enable-debug-command", "yes")
    with durability.kept(store):
        store.set("case", "open")

    def work() -> None:
        with durability.kept(store):
            store.set("case", "held")
            with contextlib.suppress(RedisError):  # it answers with its new self, or breaks the connection off
                store.execute_command("DEBUG", "RESTART")

    with pytest.raises(StoreUnfit, match="restarted or failed over meanwhile"):
        work()


def test_an_error_in_the_work_is_not_hidden_by_the_waiting(store: Store) -> None:
    with pytest.raises(KeyError, match="mine"), durability.kept(store, 1):
        raise KeyError("mine")
