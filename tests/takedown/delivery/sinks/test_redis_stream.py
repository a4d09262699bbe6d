"""An event is one entry of a stream, however often it is delivered; a server that is none is bounded."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from false_redis import false_redis
from fault_proxy import FaultProxy
from loopback_ports import closed_port
from orbweaver.store import connection, embedded
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery.sinks.addresses import read_address
from orbweaver.takedown.delivery.sinks.allowances import Patience
from orbweaver.takedown.delivery.sinks.event_json import as_json
from orbweaver.takedown.delivery.sinks.redis_server import EngineServer
from orbweaver.takedown.delivery.sinks.redis_stream import MARK_SECONDS, RedisStreamSink
from orbweaver.takedown.errors import SinkAway
from sink_events import an_event
from tls_host import make_certificate

EVENT, OTHER, THIRD = an_event(), an_event(b"other"), an_event(b"third")
DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "takedown-engine.md"
PASSWORD = "very-secret-word"
HASTE = Patience(connect_seconds=300, silence_seconds=0.5, whole_seconds=1)


@contextlib.contextmanager
def a_sink(where: str, *, words: Sequence[str] = (), patience: Patience | None = None) -> Iterator[RedisStreamSink]:
    sink = RedisStreamSink(EngineServer(read_address(where), lambda: words, patience=patience))
    try:
        yield sink
    finally:
        sink.close()


def address_of(store: Store, **options: str) -> str:
    more = "".join(f"&{name}={value}" for name, value in options.items())
    return f"stream+unix://{connection.socket_path(store)}?stream=cases{more}"


def entries(store: Store) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in store.xrange("cases")]


def test_an_entry_has_the_event_and_its_idempotency_key(store: Store) -> None:
    with a_sink(address_of(store)) as sink:
        sink.deliver(EVENT)
        sink.deliver(OTHER)
    first, second = entries(store)
    assert first == {b"event_id": str(EVENT.event_id).encode(), b"type": b"case.opened", b"event": as_json(EVENT)}
    assert json.loads(second[b"event"])["event_id"] == str(OTHER.event_id)


def test_an_event_that_is_delivered_again_has_one_entry(store: Store) -> None:
    with a_sink(address_of(store)) as sink, a_sink(address_of(store)) as another:
        for one in (sink, another, sink):
            one.deliver(EVENT)
    assert len(entries(store)) == 1


def test_an_event_whose_entry_is_gone_gets_another(store: Store) -> None:
    # The engine has lost its stream, and an operator redelivers.
    with a_sink(address_of(store)) as sink:
        sink.deliver(EVENT)
        store.delete("cases")
        sink.deliver(EVENT)
        [(entry, _)] = store.xrange("cases")
        store.xdel("cases", entry)
        sink.deliver(EVENT)
    assert len(entries(store)) == 1


def test_what_is_kept_beside_the_stream_has_an_end(store: Store) -> None:
    with a_sink(address_of(store)) as sink:
        sink.deliver(EVENT)
    assert set(store.keys("*")) == {b"cases", f"{{cases}}:taken:{EVENT.event_id}".encode()}
    assert 0 < store.ttl(f"{{cases}}:taken:{EVENT.event_id}") <= MARK_SECONDS


def test_the_consumer_of_the_document_does_each_event_once_and_what_was_left_over_first(store: Store) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), flags=re.DOTALL | re.MULTILINE)
    [code] = [block for block in blocks if "def take_waiting(" in block]
    copied: dict[str, Any] = {}
    exec(compile(code, str(DOCUMENT), "exec"), copied)
    done: list[str] = []

    def dies(event: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with a_sink(address_of(store)) as sink:
        for event in (EVENT, OTHER, EVENT):
            sink.deliver(event)
        with pytest.raises(KeyboardInterrupt):
            copied["take_waiting"](store, dies)
        sink.deliver(THIRD)
        for _ in range(2):
            copied["take_waiting"](store, lambda event: done.append(event["event_id"]))
    assert done == [str(event.event_id) for event in (EVENT, OTHER, THIRD)]


def test_a_server_that_can_be_asked_has_no_complaint_and_no_event(store: Store) -> None:
    with a_sink(address_of(store)) as sink:
        assert sink.complaint() is None
        assert store.keys("*") == []
        store.set("cases", "a string")
        assert sink.complaint() == (True, "its key cases is no stream: choose another name")
        with pytest.raises(SinkAway, match=r"refuses \("):
            sink.deliver(EVENT)


def test_a_server_that_keeps_nothing_is_said(store: Store) -> None:
    store.config_set("appendonly", "no")
    try:
        with a_sink(address_of(store)) as sink:
            found = sink.complaint()
    finally:
        store.config_set("appendonly", "yes")
    assert found is not None
    assert (found[0], "no append-only file" in found[1]) == (False, True)


def test_a_server_goes_away_and_comes_back() -> None:
    with tempfile.TemporaryDirectory() as path:
        with embedded.running(Path(path)) as store:
            where = address_of(store)
            sink = RedisStreamSink(EngineServer(read_address(where), tuple))
            sink.deliver(EVENT)
        with pytest.raises(SinkAway, match=r"^stream\+unix.*no answer: (no such file|connection refused)"):
            sink.deliver(OTHER)
        assert sink.complaint() == (True, "no answer: no such file or directory")
        with embedded.running(Path(path)) as store:
            sink.deliver(OTHER)
            sink.deliver(EVENT)
            assert len(entries(store)) == 2
        sink.close()


def test_a_user_needs_these_rights_and_no_more(store: Store) -> None:
    words = [PASSWORD]
    rights = ["+eval", "+evalsha", "+script|load", "+get", "+set", "+xadd", "+xrange", "+type"]
    store.acl_setuser(
        "orbweaver", enabled=True, passwords=[f"+{PASSWORD}"], keys=["cases", "{cases}:*"], commands=rights
    )
    try:
        with a_sink(address_of(store, user="orbweaver"), words=words) as sink:
            sink.deliver(EVENT)
            assert sink.complaint() is None
        store.execute_command("ACL", "SETUSER", "orbweaver", "resetkeys", "~other")
        with (
            a_sink(address_of(store, user="orbweaver"), words=words) as sink,
            pytest.raises(SinkAway, match="does not allow this"),
        ):
            sink.deliver(OTHER)
        words[0] = "wrong"
        with (
            a_sink(address_of(store, user="orbweaver"), words=words) as sink,
            pytest.raises(SinkAway, match="refuses the password: check SINK_SECRETS") as caught,
        ):
            sink.deliver(OTHER)
        assert "wrong" not in str(caught.value)
    finally:
        store.acl_deluser("orbweaver")
    assert len(entries(store)) == 1


# --- TLS ---


@pytest.mark.parametrize("name", ["127.0.0.1", "other.example"])
def test_a_certificate_that_does_not_verify_gets_nothing(tmp_path: Path, name: str) -> None:
    authority, roots = make_certificate(is_authority=True), tmp_path / "roots.pem"
    roots.write_bytes(authority.pem)
    is_other = name != "127.0.0.1"
    with FaultProxy(context=make_certificate(name, issuer=authority).context(tmp_path)) as server:
        address = read_address(f"stream+rediss://127.0.0.1:{server.port}/0?stream=s")
        for trusted in [roots, None] if is_other else [None]:
            with contextlib.closing(RedisStreamSink(EngineServer(address, tuple, roots=trusted))) as sink:
                with pytest.raises(SinkAway, match="its TLS certificate does not verify"):
                    sink.deliver(EVENT)
                assert "does not verify" in str(sink.complaint())
        if not is_other:  # with these roots it verifies, and what answers is no Redis
            with (
                contextlib.closing(RedisStreamSink(EngineServer(address, tuple, roots=roots))) as sink,
                pytest.raises(SinkAway, match="what no Redis sends"),
            ):
                sink.deliver(EVENT)


def test_a_server_without_tls_gets_nothing() -> None:
    with (
        FaultProxy() as server,
        a_sink(f"stream+rediss://127.0.0.1:{server.port}/0?stream=s") as sink,
        pytest.raises(SinkAway, match="TLS failed"),
    ):
        sink.deliver(EVENT)


# --- what is no Redis ---


def test_a_server_that_is_not_there_is_said() -> None:
    with closed_port() as port, a_sink(f"stream+redis://127.0.0.1:{port}/0?stream=s") as sink:
        with pytest.raises(SinkAway, match="no answer: connection refused"):
            sink.deliver(EVENT)
        assert sink.complaint() == (True, "no answer: connection refused")


DRIPS = [(b"$1000000\r\n", b"a"), (b"+", b"a"), (b"*1000000\r\n", b":1\r\n")]


@pytest.mark.parametrize(("head", "then"), DRIPS)
def test_an_answer_that_drips_ends_with_its_time(head: bytes, then: bytes) -> None:
    with (
        false_redis(head, then, is_slow=True) as server,
        a_sink(f"stream+redis://127.0.0.1:{server.server_port}/0?stream=s", patience=HASTE) as sink,
        pytest.raises(SinkAway, match=r"too slow|closed the connection"),
    ):
        sink.deliver(EVENT)


ENDLESS = [
    (b"$1000000000000\r\n", b"a" * 65_536),
    (b"+", b"a" * 65_536),
    (b"*1000000000\r\n", b":1\r\n" * 10_000),
    (b"", b"*1\r\n" * 10_000),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"<html>" * 100),
    (b"*-5\r\n$-7\r\n", b"!" * 100),
]


@pytest.mark.parametrize(("head", "then"), ENDLESS)
def test_an_answer_without_end_is_dropped_in_little_memory(head: bytes, then: bytes) -> None:
    with (
        false_redis(head, then) as server,
        a_sink(f"stream+redis://127.0.0.1:{server.server_port}/0?stream=s") as sink,
    ):
        tracemalloc.start()
        try:
            with pytest.raises(SinkAway) as caught:
                sink.deliver(EVENT)
            complaint = sink.complaint()
            assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
        finally:
            tracemalloc.stop()
    assert complaint is not None
    assert complaint[0]
    for said in (str(caught.value), complaint[1]):
        assert "html" not in said
        assert "\n" not in said


ANSWERS = [
    *(b"+OK", b":0", b":1", b"$-1", b"*0", b"*-1", b"$3\r\nabc", b"*2\r\n:1\r\n$2\r\nok", b"*1\r\n-ERR in", b"$0\r\n"),
    *(
        b"-ERR x",
        b"-NOSCRIPT x",
        b"-MOVED 1 127.0.0.1:9",
        b"-",
        b"-LOADING x",
        b"-WRONGTYPE \x1b[31m<html>",
        b"-ASK 1 h:1",
    ),
    *(b"%1\r\n+a\r\n+b", b">2\r\n+MOVING\r\n+x", b"#t", b"_", b"(9", b"\xff", b"$x", b"*x", b":x", b"", b"$-99"),
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_names_no_entry_is_not_taken(answer: bytes) -> None:
    patience = Patience(connect_seconds=1, silence_seconds=0.1, whole_seconds=0.2)
    with (
        false_redis(answer + b"\r\n") as server,
        a_sink(f"stream+redis://127.0.0.1:{server.server_port}/0?stream=s", patience=patience) as sink,
    ):
        with pytest.raises(SinkAway) as caught:
            sink.deliver(EVENT)
        complaint = sink.complaint()
    assert complaint is not None
    for said in (str(caught.value), complaint[1]):
        assert said.isprintable()
        assert "html" not in said
