"""A server that accepts no writes for a while counts as one that is away, so that whoever writes waits for it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from orbweaver.store import refusals
from orbweaver.store.connection import connect
from orbweaver.store.errors import RefusedForNow, StoreUnfit
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry
from sentinel_servers import HERE, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@pytest.mark.parametrize(
    ("begin", "end", "mend"),
    [
        ("config set maxmemory 1", "config set maxmemory 0", "raise its maxmemory"),
        ("config set min-replicas-to-write 1", "config set min-replicas-to-write 0", "too few replicas"),
        (f"replicaof {HERE} 9", "replicaof no one", "it is a replica"),
    ],
)
def test_a_refusal_that_may_end_is_a_lost_connection_with_what_helps(
    server: Server, begin: str, end: str, mend: str
) -> None:
    url = f"redis://{HERE}:{server.port}/0"
    with Redis.from_pool(refusals.patient_pool(url, retry=Retry(NoBackoff(), retries=0))) as store:
        server.client.execute_command(*begin.split())
        with pytest.raises(RefusedForNow, match=f"the store accepts no writes now, .*{mend}"):
            store.set("key", 1)
        pipe = store.pipeline(transaction=True)
        pipe.set("key", 1)
        with pytest.raises(RefusedForNow):
            pipe.execute()
        server.client.execute_command(*end.split())
        assert store.set("key", 1)


def test_a_server_that_somebody_s_script_holds_up_is_waited_for(server: Server) -> None:
    url = f"redis://{HERE}:{server.port}/0"
    server.client.config_set("busy-reply-threshold", 10)
    with (
        Redis.from_pool(refusals.patient_pool(url, retry=Retry(NoBackoff(), retries=0))) as store,
        socket.create_connection((HERE, server.port)) as other,
    ):
        store.ping()
        other.sendall(b"EVAL 'while true do end' 0\r\n")
        while True:  # until the script has begun, the server answers
            try:
                store.set("key", 1)
            except RefusedForNow as error:
                assert "SCRIPT KILL ends that" in str(error)  # noqa: PT017 - it comes when it comes
                break
        with pytest.raises(StoreUnfit, match=r"^the store redis://127\.0\.0\.1:\d+/0: the store accepts no writes now"):
            connect(url)
        server.client.execute_command("SCRIPT", "KILL")  # its connection was there before
        assert store.set("key", 1)


def test_other_errors_of_the_server_stay_what_they_are(server: Server) -> None:
    with Redis.from_pool(refusals.patient_pool(f"redis://{HERE}:{server.port}/0")) as store:
        store.set("text", "no list")
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            store.lpush("text", 1)
