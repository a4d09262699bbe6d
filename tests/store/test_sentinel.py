"""A store behind Sentinel: what its URL means, what is said when it cannot be used, the client after a fail-over."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from orbweaver.store import connection, sentinel
from orbweaver.store.connection import connect
from orbweaver.store.errors import StoreUnreachable
from orbweaver_command import eventually
from redis.exceptions import ConnectionError as RedisConnectionError
from sentinel_servers import HERE, NAME, Replicated, replicated

SECRET = "s3cret-p4ss"
SENTINEL_SECRET = "0ther-s3cret"


@pytest.fixture(scope="module")
def quiet_servers() -> Iterator[Replicated]:
    """Servers of which none is ended by a test."""
    with tempfile.TemporaryDirectory() as path, replicated(Path(path)) as running:
        yield running


@pytest.fixture
def servers(short_dir: Path) -> Iterator[Replicated]:
    with replicated(short_dir) as running:
        yield running


# --- the URL ---


@pytest.mark.parametrize(
    ("url", "sentinels", "name"),
    [
        ("sentinel://h:1/n", (("h", 1),), "n"),
        ("sentinel://h/n", (("h", 26379),), "n"),
        ("sentinel://a:1,b,10.0.0.3:3/my-primary.1_x", (("a", 1), ("b", 26379), ("10.0.0.3", 3)), "my-primary.1_x"),
        ("sentinels://[::1]:5,[2001:db8::2]/n", (("::1", 5), ("2001:db8::2", 26379)), "n"),
        ("sentinel://u:p%40ss@a:1,b:2/n/3", (("a", 1), ("b", 2)), "n"),
        ("sentinel://a:1/n/?db=4", (("a", 1),), "n"),
    ],
)
def test_the_sentinels_and_the_name_are_read(url: str, sentinels: tuple[tuple[str, int], ...], name: str) -> None:
    read = sentinel.read_url(url)
    assert (read.sentinels, read.name) == (sentinels, name)


def test_user_password_database_and_options_are_those_of_any_store_url() -> None:
    read = sentinel.read_url("sentinel://u:p%40ss%2F@a/n/3?socket_timeout=7&health_check_interval=2")
    assert read.options == {
        "username": "u",
        "password": "p@ss/",
        "db": 3,
        "socket_timeout": 7.0,
        "health_check_interval": 2,
    }
    assert sentinel.read_url("sentinel://a/n?username=u&password=p&db=5").options == {
        "username": "u",
        "password": "p",
        "db": 5,
    }


def test_the_sentinels_have_their_own_user_and_password() -> None:
    read = sentinel.read_url(f"sentinel://:{SECRET}@a/n?sentinel_username=s&sentinel_password={SENTINEL_SECRET}")
    assert read.sentinel_options == {"username": "s", "password": SENTINEL_SECRET}
    assert read.options == {"password": SECRET}
    assert SECRET not in repr(read)
    assert SENTINEL_SECRET not in repr(read)


def test_tls_is_for_the_store_and_for_its_sentinels() -> None:
    read = sentinel.read_url("sentinels://a/n?ssl_ca_certs=/ca.pem")
    assert read.is_tls
    assert read.sentinel_options == {"ssl": True, "ssl_ca_certs": "/ca.pem"}
    store = sentinel.client(read)
    assert "SSL" in {one.__name__[:3] for one in store.connection_pool.connection_class.__mro__}
    sentinels = sentinel.sentinels_of(store)
    assert sentinels is not None
    assert sentinels.sentinels[0].connection_pool.connection_class.__name__ == "SSLConnection"
    assert not sentinel.read_url("sentinel://a/n").is_tls


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sentinel://a:1", "the name of the primary is missing"),
        ("sentinel://a:1/", "the name of the primary is missing"),
        ("sentinel://a:1//0", "the name of the primary is missing"),
        ("sentinel://a:1/my primary", "the name of the primary may have"),
        ("sentinel://a:1/n/zero", "the database behind the name must be a number"),
        ("sentinel:///n", "each sentinel is written as host or host:port"),
        ("sentinel://a:1,/n", "each sentinel is written as host or host:port"),
        ("sentinel://a:1, b:2/n", "each sentinel is written as host or host:port"),
        ("sentinel://a:1;b:2/n", "each sentinel is written as host or host:port"),
        ("sentinel://::1/n", "each sentinel is written as host or host:port"),
        ("sentinel://a:port/n", "each sentinel is written as host or host:port"),
        ("sentinel://a:0/n", "a port is a number from 1 to 65535"),
        ("sentinel://a:65536/n", "a port is a number from 1 to 65535"),
        (f"sentinel://:{SECRET}@a:1/n?socket_timeout=never", "Invalid value for 'socket_timeout'"),
        (f"sentinel://:{SECRET}/{SECRET}@a:1/n", "the name of the primary may have"),
        (f"sentinel://:{SECRET}@/n", "each sentinel is written as host or host:port"),
    ],
)
def test_a_url_that_cannot_be_read_is_one_line_with_the_reason_and_the_form(url: str, reason: str) -> None:
    with pytest.raises(StoreUnreachable) as caught:
        connect(url)
    said = str(caught.value)
    assert reason in said
    assert said.endswith("write sentinel://host:port,host:port/name")
    assert "\n" not in said
    assert SECRET not in said


@settings(max_examples=50)
@given(st.text(max_size=60))
@example("a" * 20_000 + ",")
def test_any_text_behind_the_scheme_is_read_or_refused_with_a_reason(text: str) -> None:
    with contextlib.suppress(ValueError):
        read = sentinel.read_url(f"sentinel://{text}")
        assert read.name
        assert all(host and 0 < port < 65_536 for host, port in read.sentinels)


# --- what is said of a store that cannot be used ---


def test_sentinels_that_do_not_answer_are_named_at_once_and_so_is_one_that_knows_nothing(
    quiet_servers: Replicated,
) -> None:
    with pytest.raises(StoreUnreachable) as caught:
        connect(f"sentinel://:{SECRET}@127.0.0.1:1,127.0.0.1:{quiet_servers.sentinel.port}/another")
    said = str(caught.value)
    assert said.startswith("no store answers at sentinel://:***@127.0.0.1:1,")
    assert "sentinel 127.0.0.1:1: Error 111" in said
    assert f"sentinel 127.0.0.1:{quiet_servers.sentinel.port} knows no primary of this name" in said
    assert SECRET not in said
    assert "\n" not in said


def test_the_passwords_of_the_store_and_of_its_sentinels_are_asked_for_and_never_said(short_dir: Path) -> None:
    with replicated(short_dir, password=SECRET, sentinel_password=SENTINEL_SECRET) as servers:
        query = f"?sentinel_password={SENTINEL_SECRET}"
        with connect(servers.url(f":{SECRET}@", query)) as store:
            assert store.ping()
        for credentials, its, reason in (
            (":wr0ng-one@", query, "refused the password: check STORE_URL"),
            (f":{SECRET}@", "?sentinel_password=wr0ng-one", "no store answers"),
            (f":{SECRET}@", "", "no store answers"),
            (f":{SECRET}@", f"{query}&no_such_option=1", "cannot be read"),
        ):
            with pytest.raises(StoreUnreachable, match=reason) as caught:
                connect(servers.url(credentials, its))
            said = str(caught.value)
            assert not any(secret in said for secret in (SECRET, SENTINEL_SECRET, "wr0ng-one"))
            assert "\n" not in said


def test_the_ports_of_primary_replica_and_sentinels_are_all_the_stores(quiet_servers: Replicated) -> None:
    with connect(quiet_servers.url()) as store:
        assert connection.tcp_ports(store) == {
            quiet_servers.primary.port,
            quiet_servers.replica.port,
            quiet_servers.sentinel.port,
        }
        assert connection.place_of(store) == f"{NAME}, as its sentinels say"
        assert connection.socket_path(store) is None


# --- a fail-over ---


def test_the_same_client_finds_the_new_primary_and_one_that_waits_for_a_job_does_too(servers: Replicated) -> None:
    taken: list[list[bytes]] = []
    with connect(servers.url()) as store:
        waiting = threading.Thread(target=lambda: taken.append(store.blpop(["jobs"], timeout=0)))
        waiting.start()
        eventually(lambda: servers.primary.client.info("clients")["blocked_clients"] == 1)
        store.set("before", 1)
        eventually(lambda: servers.replica.client.get("before") == "1")
        servers.kill_primary()
        store.set("after", 2)  # waits until the replica is promoted
        assert servers.is_promoted()
        assert store.mget("before", "after") == [b"1", b"2"]
        store.rpush("jobs", "one")
        waiting.join()
        assert [list(one) for one in taken] == [[b"jobs", b"one"]]


def test_a_planned_fail_over_disturbs_nobody_who_waits_for_a_job(servers: Replicated) -> None:
    taken: list[list[bytes]] = []
    with connect(servers.url()) as store:
        waiting = threading.Thread(target=lambda: taken.append(store.blpop(["jobs"], timeout=0)))
        waiting.start()
        eventually(lambda: servers.primary.client.info("clients")["blocked_clients"] == 1)
        eventually(servers.began_a_fail_over)
        eventually(servers.is_promoted)
        # What the sentinel tells the former primary some seconds later; who waits there is told UNBLOCKED.
        servers.primary.client.replicaof(HERE, servers.replica.port)
        store.rpush("jobs", "one")
        waiting.join()
        assert len(taken) == 1


def test_a_store_that_stays_away_ends_the_waiting_with_what_the_sentinels_say(servers: Replicated) -> None:
    address = sentinel.read_url(servers.url())
    with sentinel.client(address, patience=0) as store:
        store.ping()
        servers.primary.kill()
        servers.replica.kill()
        with pytest.raises(RedisConnectionError):
            store.ping()
        servers.sentinel.kill()
        store.connection_pool.disconnect()
        with pytest.raises(RedisConnectionError, match=f"no primary {NAME}: sentinel 127.0.0.1:.*Error 111"):
            store.ping()
