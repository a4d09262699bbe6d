"""A store that would lose cases is refused, with what is wrong and how to mend it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from orbweaver.store import durability, embedded, keys
from orbweaver.store.connection import Store, connect
from orbweaver.store.errors import StoreUnfit
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
    assert [finding.what for finding in findings] == ["version", "appendonly", "maxmemory-policy"]
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
