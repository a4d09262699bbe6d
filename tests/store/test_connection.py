"""Connecting: every failure is one line that says where and what to do, and never holds a password."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_ports import free_port
from orbweaver.store import connection, embedded
from orbweaver.store.connection import Store, connect, without_password
from orbweaver.store.errors import StoreUnreachable

SECRET = "s3cret-p4ss"


@pytest.fixture
def guarded_port(short_dir: Path) -> Iterator[int]:
    """The port of a server that asks for a password."""
    port = free_port()
    server = subprocess.Popen(
        [embedded.find_server(), "--port", str(port), "--dir", str(short_dir), "--save", "", "--requirepass", SECRET],
        stdout=subprocess.DEVNULL,
    )
    while not listens(port):
        assert server.poll() is None
    yield port
    server.kill()
    server.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_connection_knows_its_socket_or_its_ports(store: Store, guarded_port: int) -> None:
    assert str(connection.socket_path(store)).endswith("/store.sock")
    assert connection.tcp_ports(store) == frozenset()
    with connect(f"redis://:{SECRET}@127.0.0.1:{guarded_port}/0") as over_tcp:
        assert (connection.socket_path(over_tcp), connection.tcp_ports(over_tcp)) == (None, {guarded_port})


def test_replies_stay_bytes(store: Store) -> None:
    store.set("name", "é")
    assert store.get("name") == "é".encode()
    assert connection.text("é".encode()) == connection.text("é") == "é"


def test_nobody_there_is_one_line_with_the_address_and_what_to_do(short_dir: Path) -> None:
    with pytest.raises(StoreUnreachable) as caught:
        connect(f"unix://{short_dir}/none.sock")
    assert str(caught.value).startswith(f"no store answers at unix://{short_dir}/none.sock: start it or correct")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("user", ["", "crawler"])
def test_a_wrong_password_is_refused_and_not_repeated(guarded_port: int, user: str) -> None:
    with pytest.raises(StoreUnreachable, match="check STORE_URL") as caught:
        connect(f"redis://{user}:wr0ng-p4ss@127.0.0.1:{guarded_port}/0")
    assert f"redis://{user}:***@127.0.0.1:{guarded_port}/0" in str(caught.value)
    assert "wr0ng" not in str(caught.value)


def test_a_missing_password_is_refused(guarded_port: int) -> None:
    with pytest.raises(StoreUnreachable, match="check STORE_URL"):
        connect(f"redis://127.0.0.1:{guarded_port}/0")


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{SECRET}@127.0.0.1/",
        f"user:{SECRET}@127.0.0.1",
        f":{SECRET}@127.0.0.1:6379",
        f"127.0.0.1/?password={SECRET}",
        f"redis://:{SECRET}@127.0.0.1:notaport/0",
        f"redis://:{SECRET}/{SECRET}@127.0.0.1:1/0",
        f"redis://:a:{SECRET}@127.0.0.1:1/0",
        f"redis://:a@{SECRET}@127.0.0.1:1/0",
        f"redis://:{SECRET}@127.0.0.1:99999/0",
        f"redis://:{SECRET}@[::1/0",
        f"redis://:{SECRET}@127.0.0.1:1/0?socket_timeout=never",
        f"redis://127.0.0.1:1/0?password={SECRET}",
        f"redis://127.0.0.1:1/0?username=u&Password={SECRET}",
        f"unix://:{SECRET}@/nowhere.sock",
        f"unix:///nowhere.sock?password={SECRET}",
        f"redis://:{SECRET}%40%2F@127.0.0.1:1/0",
    ],
)
def test_a_url_that_leads_nowhere_is_said_without_its_password(url: str) -> None:
    with pytest.raises(StoreUnreachable) as caught:
        connect(url)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://h/", "h:6379", "", "/path/store.sock"])
def test_a_scheme_that_is_no_store_is_refused_and_the_known_ones_are_named(url: str) -> None:
    with pytest.raises(StoreUnreachable, match="the scheme must be one of redis, rediss, unix, sentinel, sentinels"):
        connect(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://u:p@h/0", "redis://u:***@h/0"),
        ("redis://:p@h/0", "redis://:***@h/0"),
        ("unix:///run/store.sock", "unix:///run/store.sock"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
