"""A webhook is taken by 2xx alone, is signed with every secret, and is bounded whatever its engine does."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fault_proxy
import pytest
from fault_proxy import Exchange, Fault, FaultProxy, says
from hypothesis import given
from hypothesis import strategies as st
from loopback_ports import closed_port
from orbweaver.takedown.delivery.sinks.addresses import read_address
from orbweaver.takedown.delivery.sinks.allowances import Patience
from orbweaver.takedown.delivery.sinks.event_json import as_json
from orbweaver.takedown.delivery.sinks.webhook import WebhookSink, retry_after
from orbweaver.takedown.errors import EventRefused, NotDelivered, SinkAway, SinkGone
from orbweaver_command import eventually
from sink_events import an_event
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from tls_host import Certificate, make_certificate

NEW, OLD, OTHER = (f"whsec_{letter * 43}" for letter in "NOT")
EVENT = an_event()
TAKEN = says(204)
HASTE = Patience(connect_seconds=300, silence_seconds=0.5, whole_seconds=1)


@pytest.fixture(scope="module")
def engine() -> Iterator[FaultProxy]:
    with FaultProxy() as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _fresh(engine: FaultProxy) -> None:
    engine.fault, engine.connections = TAKEN, 0
    engine.requests.clear()


@contextmanager
def a_sink(
    engine: FaultProxy,
    *secrets: str,
    transport: str = "http",
    roots: Path | None = None,
    patience: Patience | None = None,
) -> Iterator[WebhookSink]:
    address = read_address(f"webhook+{transport}://127.0.0.1:{engine.port}/hook")
    sink = WebhookSink(address, lambda: secrets or (NEW,), roots=roots, patience=patience)
    try:
        yield sink
    finally:
        sink.close()


def failure(engine: FaultProxy, fault: Fault, patience: Patience | None = None) -> NotDelivered:
    """Return the error of a delivery: one line that names the sink and neither the secret nor the event."""
    engine.fault = fault
    with a_sink(engine, patience=patience) as sink, pytest.raises(NotDelivered) as caught:
        sink.deliver(EVENT)
    said = str(caught.value)
    assert said.startswith(f"webhook+http://127.0.0.1:{engine.port}/hook")
    for word in ("\n", "N" * 9, EVENT.case.sha256, EVENT.case.url, "<html"):
        assert word not in said
    return caught.value


def test_an_event_is_posted_as_it_is_and_signed(engine: FaultProxy) -> None:
    with a_sink(engine) as sink:
        sink.deliver(EVENT)

    [request] = engine.requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert (request.method, request.path, request.body) == ("POST", "/hook", as_json(EVENT))
    assert (headers["content-type"], headers["webhook-id"]) == ("application/json", str(EVENT.event_id))
    assert Webhook(NEW).verify(request.body, headers) == json.loads(EVENT.model_dump_json())
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(request.body, headers)


def test_while_a_secret_is_changed_both_are_good(engine: FaultProxy) -> None:
    with a_sink(engine, NEW, OLD) as sink:
        sink.deliver(EVENT)
    [request] = engine.requests
    for secret in (NEW, OLD):
        Webhook(secret).verify(request.body, dict(request.headers))


def test_a_changed_secret_signs_the_next_event(engine: FaultProxy) -> None:
    secrets = [OLD]
    sink = WebhookSink(read_address(f"webhook+http://127.0.0.1:{engine.port}/hook"), lambda: secrets)
    sink.deliver(EVENT)
    secrets[:] = [NEW]
    sink.deliver(EVENT)
    sink.close()
    for secret, request in zip((OLD, NEW), engine.requests, strict=True):
        Webhook(secret).verify(request.body, dict(request.headers))


def no_content(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 204 No Content\r\n\r\n")


@pytest.mark.parametrize("fault", [says(200, b'{"fine": true}'), says(500, b"no"), no_content])
def test_a_connection_is_used_again(engine: FaultProxy, fault: Fault) -> None:
    engine.fault = fault
    with a_sink(engine) as sink:
        for _ in range(5):
            with contextlib.suppress(SinkAway):
                sink.deliver(EVENT)
    assert (len(engine.requests), engine.connections) == (5, 1)


def test_a_connection_that_the_engine_has_ended_is_made_anew(engine: FaultProxy) -> None:
    def ends_without_a_word(exchange: Exchange) -> None:
        exchange.answer(fault_proxy.Reply(204))
        exchange.hang_up()

    engine.fault = ends_without_a_word
    with a_sink(engine) as sink:
        for _ in range(5):
            sink.deliver(EVENT)
    assert [len(engine.requests), engine.connections] == [5, 5]


def test_a_kept_connection_that_ends_without_an_answer_is_tried_once_more(engine: FaultProxy) -> None:
    with a_sink(engine) as sink:
        sink.deliver(EVENT)
        engine.fault = fault_proxy.hang_up_at_once
        with pytest.raises(SinkAway):
            sink.deliver(EVENT)
    assert len(engine.requests) == 3


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_taken(engine: FaultProxy, status: int) -> None:
    engine.fault = says(status)
    with a_sink(engine) as sink:
        sink.deliver(EVENT)


STATUSES: list[tuple[int, type[NotDelivered]]] = [
    *(
        (status, SinkAway)
        for status in (301, 302, 303, 307, 308, 304, 401, 403, 404, 408, 429, 500, 502, 503, 504, 599)
    ),
    *((status, EventRefused) for status in (400, 409, 413, 415, 422, 499)),
    (410, SinkGone),
]


def test_informational_answers_are_none(engine: FaultProxy) -> None:
    def inform(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        TAKEN(exchange)

    engine.fault = inform
    with a_sink(engine) as sink:
        sink.deliver(EVENT)


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_any_other_status_is_told_apart(engine: FaultProxy, status: int, kind: type[NotDelivered]) -> None:
    error = failure(engine, says(status, b"<html>N" * 9, Location="http://127.0.0.1:1/"))
    assert (type(error), error.retry_after, f" {status}" in str(error)) == (kind, None, True)
    assert len(engine.requests) == 1  # to be tried again is not for the sink


@pytest.mark.parametrize("status", [429, 503, 400])
def test_an_engine_says_when_to_come_back(engine: FaultProxy, status: int) -> None:
    assert failure(engine, says(status, Retry_After="90")).retry_after == datetime.timedelta(seconds=90)


def test_a_redirect_is_not_followed(engine: FaultProxy) -> None:
    with FaultProxy() as other:
        other.fault = TAKEN
        for status in (301, 302, 303, 307, 308):
            failure(engine, says(status, Location=f"http://127.0.0.1:{other.port}/"))
        assert other.connections == 0


NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("9" * 5_000, 86_400),
        ("Sun, 29 Nov 2026 12:01:00 GMT", 60),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 29 Nov 2099 11:00:00 GMT", 86_400),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("²", None),
        ("Sun, 99 Nov 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(written: str, seconds: int | None) -> None:
    assert retry_after(written, NOW) == (None if seconds is None else datetime.timedelta(seconds=seconds))


@given(
    st.text(max_size=50) | st.from_regex(r"\A[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d( \S{0,6})?\Z")
)
def test_any_retry_after_is_a_time_or_none(written: str) -> None:
    found = retry_after(written, NOW)
    assert found is None or datetime.timedelta(0) <= found <= datetime.timedelta(days=1)


# --- engines that do not answer as they should ---

DRIPS = [fault_proxy.drip_headers, fault_proxy.drip_continues, fault_proxy.drip_hints]


@pytest.mark.parametrize("drip", DRIPS)
def test_an_answer_that_drips_ends_with_its_time(engine: FaultProxy, drip: Fault) -> None:
    assert "too slow" in str(failure(engine, drip, HASTE))


def silent(exchange: Exchange) -> None:
    exchange.drip(iter(lambda: b"", None))


@pytest.mark.parametrize("fault", [fault_proxy.drip_headers, silent])
def test_on_a_kept_connection_what_is_too_slow_is_not_sent_again(engine: FaultProxy, fault: Fault) -> None:
    with a_sink(engine) as sink:
        sink.deliver(EVENT)
        sink._poster._patience = HASTE  # only now: a busy engine may take its time for the first
        engine.fault = fault
        with pytest.raises(SinkAway, match="too slow"):
            sink.deliver(EVENT)
    eventually(lambda: len(engine.requests) >= 2)
    assert len(engine.requests) == 2


def informs_without_end(exchange: Exchange) -> None:
    while True:
        exchange.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)


def test_informational_answers_without_end_are_too_many_bytes(engine: FaultProxy) -> None:
    assert "answers with more than" in str(failure(engine, informs_without_end))


def test_an_engine_that_says_nothing_is_too_slow(engine: FaultProxy) -> None:
    assert "too slow" in str(failure(engine, silent, HASTE))


@pytest.mark.parametrize("fault", [fault_proxy.hang_up_at_once, fault_proxy.not_http])
def test_what_is_no_answer_is_not_taken(engine: FaultProxy, fault: Fault) -> None:
    assert "in place of an answer" in str(failure(engine, fault))


def endless(head: bytes) -> Fault:
    def fault(exchange: Exchange) -> None:
        exchange.send(head)
        while True:
            exchange.send(b"x" * 65_536)

    return fault


@pytest.mark.parametrize("head", [b"HTTP/1.1 204 Fine\r\nA: ", b"x" * 10, b"HTTP/1.1 100 Continue\r\nB: "])
def test_a_head_without_end_is_not_taken_in_little_memory(engine: FaultProxy, head: bytes) -> None:
    tracemalloc.start()
    try:
        failure(engine, endless(head))
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 99999999999", b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFF", b"X: y"]
)
def test_a_body_without_end_is_not_read_and_its_status_counts(engine: FaultProxy, status: int, framing: bytes) -> None:
    engine.fault = endless(b"HTTP/1.1 %d Said\r\n%s\r\n\r\n" % (status, framing))
    tracemalloc.start()
    try:
        with a_sink(engine) as sink:
            if status == 200:
                sink.deliver(EVENT)
            else:
                with pytest.raises(SinkAway):
                    sink.deliver(EVENT)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_a_body_that_is_cut_or_drips_after_the_yes_is_taken_and_ends_the_connection(engine: FaultProxy) -> None:
    with a_sink(engine) as sink:
        for fault in (fault_proxy.drip_body, cut_body):
            engine.fault = fault
            sink.deliver(EVENT)
    assert engine.connections == 2


def cut_body(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    exchange.hang_up()


def test_a_bomb_is_not_unpacked(engine: FaultProxy) -> None:
    fault_proxy.bomb()
    engine.fault = fault_proxy.gzip_bomb
    tracemalloc.start()
    try:
        with a_sink(engine) as sink:
            sink.deliver(EVENT)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_an_engine_that_is_not_there_is_said() -> None:
    with closed_port() as port:
        sink = WebhookSink(read_address(f"webhook+http://127.0.0.1:{port}/"), lambda: [NEW])
        with pytest.raises(SinkAway, match="no answer: connection refused"):
            sink.deliver(EVENT)
        assert sink.complaint() == (True, "no answer: connection refused")


def test_an_engine_whose_name_does_not_resolve_is_said() -> None:
    sink = WebhookSink(read_address("webhook+https://engine.invalid/"), lambda: [NEW])
    with pytest.raises(SinkAway, match="host name does not resolve"):
        sink.deliver(EVENT)
    assert sink.complaint() == (True, "its host name does not resolve")


def test_no_log_line_names_the_place_or_the_secret(engine: FaultProxy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for fault in (TAKEN, says(500), fault_proxy.hang_up_at_once):
        engine.fault = fault
        with a_sink(engine) as sink, contextlib.suppress(SinkAway):
            sink.deliver(EVENT)
    assert caplog.text == ""


def test_no_proxy_and_no_netrc_of_the_environment_is_used(
    engine: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login us password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with a_sink(engine) as sink:
        sink.deliver(EVENT)
    assert "Authorization" not in engine.requests[0].headers


# --- TLS ---


@pytest.fixture(scope="module")
def authority() -> Certificate:
    return make_certificate(is_authority=True)


@contextmanager
def over_tls(folder: Path, certificate: Certificate) -> Iterator[FaultProxy]:
    with FaultProxy(context=certificate.context(folder)) as server:
        server.fault = TAKEN
        yield server


def test_a_certificate_of_a_named_authority_is_good(tmp_path: Path, authority: Certificate) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority.pem)
    with (
        over_tls(tmp_path, make_certificate("127.0.0.1", issuer=authority)) as engine,
        a_sink(engine, transport="https", roots=roots) as sink,
    ):
        assert sink.complaint() is None
        assert engine.requests == []
        sink.deliver(EVENT)
        assert len(engine.requests) == 1


BAD = {
    "unknown authority": (lambda authority: make_certificate("127.0.0.1"), "unable to get|self-signed|self signed"),
    "another name": (lambda authority: make_certificate("other.example", issuer=authority), "IP address mismatch"),
    "expired": (
        lambda authority: make_certificate("127.0.0.1", issuer=authority, age=datetime.timedelta(days=30)),
        "expired",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_certificate_that_does_not_verify_gets_nothing(tmp_path: Path, authority: Certificate, case: str) -> None:
    make, said = BAD[case]
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority.pem)
    with over_tls(tmp_path, make(authority)) as engine, a_sink(engine, transport="https", roots=roots) as sink:
        with pytest.raises(SinkAway, match=f"TLS certificate does not verify.*({said})"):
            sink.deliver(EVENT)
        complaint = sink.complaint()
        assert complaint is not None
        assert "does not verify" in complaint[1]
        assert engine.requests == []


def test_a_server_without_tls_gets_nothing(engine: FaultProxy) -> None:
    with a_sink(engine, transport="https") as sink:
        with pytest.raises(SinkAway, match="TLS failed"):
            sink.deliver(EVENT)
        assert sink.complaint() is not None
    assert engine.requests == []


def test_the_usual_roots_do_not_trust_our_authority(tmp_path: Path, authority: Certificate) -> None:
    with (
        over_tls(tmp_path, make_certificate("127.0.0.1", issuer=authority)) as engine,
        a_sink(engine, transport="https") as sink,
    ):
        with pytest.raises(SinkAway, match="does not verify"):
            sink.deliver(EVENT)
        assert engine.requests == []


def test_a_file_of_roots_that_is_none_is_said(tmp_path: Path, authority: Certificate) -> None:
    with over_tls(tmp_path, make_certificate("127.0.0.1", issuer=authority)) as engine:
        for roots in (tmp_path / "gone.pem", tmp_path):
            with a_sink(engine, transport="https", roots=roots) as sink:
                with pytest.raises(SinkAway):
                    sink.deliver(EVENT)
                assert sink.complaint() is not None
