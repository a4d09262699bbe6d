"""Connections are kept only with a service whose answers repeat their question's number, and no answer is shifted."""

from __future__ import annotations

import http.client
import json
import random
import select
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import fault_proxy
import pytest
from builders import digests_of
from fault_proxy import Exchange, Fault, FaultProxy, Reply
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.open_service import open_service
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.transport import web_session
from orbweaver.matcher_client.transport.bounded_connection import NUMBER
from orbweaver.model import DigestSet
from stand_ins import hma
from stand_ins.hma import HmaServer

CANARY = digests_of(b"canary")
FILES = [digests_of(str(number).encode()) for number in range(40)]
LISTED = {digests.sha256 for digests in FILES[1::2]} | {CANARY.sha256}


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_session, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture(scope="module")
def server() -> Iterator[HmaServer]:
    """An HMA that lists every second file, and the canary."""
    with hma.serving() as running:
        for digest in LISTED:
            running.state.bank("sha256", digest)
        running.state.build()
        running.state.load()
        running.state.repeats_numbers = True
        yield running


@pytest.fixture
def proxy(server: HmaServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as before_it:
        yield before_it


@contextmanager
def asking(proxy: FaultProxy, connections: int = 1) -> Iterator[MatchingService]:
    canary = f"sha256:{CANARY.sha256}"
    url = f"hma+http://127.0.0.1:{proxy.port}?sha256=sha256&connections={connections}&canary={canary}"
    service = open_service(url)
    try:
        yield service
    finally:
        service.close()


def truth(digest_sets: list[DigestSet]) -> list[str]:
    return ["match" if digests.sha256 in LISTED else "no_match" for digests in digest_sets]


def results(service: MatchingService, digest_sets: list[DigestSet] = FILES) -> list[str]:
    return [verdict.result.value for verdict in service.lookup(digest_sets)]


def without_numbers(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.answer(replace(reply, headers=tuple(one for one in reply.headers if one[0] != NUMBER)))


def numbered(number: str) -> Fault:
    """Pass on, with another number in the answer."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.forward()
        others = tuple(one for one in reply.headers if one[0] != NUMBER)
        exchange.answer(replace(reply, headers=(*others, (NUMBER, number))))

    return fault


# --- kept, or not ---


def test_a_service_that_repeats_numbers_is_asked_on_few_connections(proxy: FaultProxy) -> None:
    with asking(proxy) as service:
        assert results(service) == truth(FILES)
        assert results(service) == truth(FILES)
    # The first question tells that numbers are repeated, and its connection ends with it.
    assert proxy.connections == 2
    assert len({request.headers[NUMBER] for request in proxy.requests}) == len(proxy.requests)


@pytest.mark.parametrize(
    "fault", [without_numbers, numbered("of-the-server-itself"), numbered("")], ids=["none", "its own", "empty"]
)
def test_a_service_that_does_not_is_asked_each_question_on_a_connection_of_its_own(
    proxy: FaultProxy, fault: Fault
) -> None:
    proxy.fault = fault
    with asking(proxy) as service:
        assert results(service) == truth(FILES)
    assert proxy.connections == len(proxy.requests)
    assert {request.headers["Connection"] for request in proxy.requests} == {"close"}


def test_the_number_may_be_repeated_by_the_service_and_by_a_proxy(proxy: FaultProxy) -> None:
    def twice(exchange: Exchange) -> None:
        reply = exchange.forward()
        exchange.answer(replace(reply, headers=(*reply.headers, (NUMBER, exchange.headers[NUMBER]))))

    proxy.fault = twice
    with asking(proxy) as service:
        assert results(service) == truth(FILES)
    assert proxy.connections == 2


def test_connections_that_the_service_closed_meanwhile_are_made_anew(proxy: FaultProxy) -> None:
    def ends(exchange: Exchange) -> None:
        fault_proxy.pass_on(exchange)
        exchange.hang_up()

    with asking(proxy, connections=4) as service:
        assert results(service) == truth(FILES)
        proxy.fault = ends
        assert results(service) == truth(FILES)


def test_what_fails_on_a_kept_connection_is_asked_anew_on_a_new_one(proxy: FaultProxy) -> None:
    """Whatever number of kept connections went bad: the second attempt uses none of them."""
    with asking(proxy, connections=8) as service:
        assert results(service) == truth(FILES)
        kept = {exchange._handler for exchange in proxy.requests}

        def only_new_ones_answer(exchange: Exchange) -> None:
            if exchange._handler in kept:
                exchange.hang_up()
            else:
                fault_proxy.pass_on(exchange)

        proxy.fault = only_new_ones_answer
        assert results(service) == truth(FILES)


# --- shifted ---

SHIFTS: dict[str, Fault] = {
    "informational answers come first": fault_proxy.informs_first,
    "the last answer comes once more": fault_proxy.repeats_itself,
    "late by one from the second on": fault_proxy.lags(2, 1_000),
    "late by one, and then one question is dropped": fault_proxy.lags(6, 25),
    "the number of another question of ours": numbered("orbweaver-0"),
    "no number any more": without_numbers,
}


@pytest.mark.parametrize("connections", [1, 8])
@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
def test_an_answer_on_a_kept_connection_is_its_questions_or_none(
    proxy: FaultProxy, shift: Fault, connections: int
) -> None:
    with asking(proxy, connections) as service:
        service.lookup(FILES[:2])
        proxy.fault = shift
        try:
            said = results(service)
        except Unavailable:
            said = ["unknown"] * len(FILES)
        proxy.fault = None
        for is_said, is_true in zip(said, truth(FILES), strict=True):
            assert is_said in {is_true, "unknown"}
        if shift is not SHIFTS["the number of another question of ours"]:
            assert said == truth(FILES)
        assert results(service) == truth(FILES)


def test_the_answer_to_another_question_is_none_on_a_new_connection_either(proxy: FaultProxy) -> None:
    """Nobody but a proxy or a cache that mixes up answers can have sent it."""
    proxy.fault = numbered("orbweaver-0")
    with asking(proxy) as service, pytest.raises(Unavailable, match=r"another question \(X-Request-Id differs\)"):
        service.lookup(FILES)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), connections=st.sampled_from([1, 3]))
def test_no_interleaving_of_faults_on_kept_connections_makes_a_wrong_verdict(
    proxy: FaultProxy, data: st.DataObject, connections: int
) -> None:
    acts: list[Fault | None] = [
        *(None, None, None),
        fault_proxy.informs_first,
        fault_proxy.repeats_itself,
        send_twice,
        drop_if_one_answer_is_ahead,
        fault_proxy.cut,
        fault_proxy.length_too_small,
        fault_proxy.hang_up_at_once,
        fault_proxy.not_http,
        fault_proxy.says(503),
        fault_proxy.says(408),
        without_numbers,
        numbered("orbweaver-0"),
        numbered("of-the-server-itself"),
    ]
    plan = data.draw(st.lists(st.sampled_from(range(len(acts))), min_size=1, max_size=40))

    def play(exchange: Exchange) -> None:
        act = acts[plan.pop(0)] if plan else None
        (act or remember)(exchange)

    proxy.fault = play
    with asking(proxy, connections) as service:
        for _ in range(3):
            try:
                said = results(service, FILES[:12])
            except Unavailable:
                continue
            for is_said, is_true in zip(said, truth(FILES[:12]), strict=True):
                assert is_said in {is_true, "unknown"}


def remember(exchange: Exchange) -> Reply:
    reply = exchange._handler.last_reply = exchange.forward()
    exchange.answer(reply)
    return reply


def send_twice(exchange: Exchange) -> None:
    exchange.answer(remember(exchange))
    exchange._handler.answered += 1  # ahead


def drop_if_one_answer_is_ahead(exchange: Exchange) -> None:
    if exchange._handler.answered and exchange._handler.last_reply is not None:
        exchange._handler.answered -= 1
        exchange.answer(exchange._handler.last_reply)  # what is still on its way when the question is dropped
    else:
        remember(exchange)


# --- why the number is needed ---


def test_canaries_around_a_batch_do_not_show_a_shift_that_ends_before_the_second(proxy: FaultProxy) -> None:
    """Nor does looking for surplus bytes before each question: that is why connections without numbers are not kept.

    The service lists what the verdict says that it does not list, and every question and answer is on time.
    """
    proxy.fault = fault_proxy.lags(6, 25)
    stranger = random.Random("stranger").randbytes(32).hex()
    fences = {CANARY.sha256: True, stranger: False}
    asked = [CANARY.sha256, stranger, *(one.sha256 for one in FILES), stranger, CANARY.sha256]

    said = ask_on_one_connection(proxy.port, asked)

    assert [said[place] for place in (0, 1, -2, -1)] == [fences[asked[place]] for place in (0, 1, -2, -1)]
    called_clean = [one for one, is_listed in zip(FILES, said[2:-2], strict=True) if not is_listed]
    assert sum(one.sha256 in LISTED for one in called_clean) == 10


def ask_on_one_connection(port: int, asked: list[str]) -> list[bool]:
    """Ask with every care but a number: one question at a time, and nothing may wait to be read before it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    said = []
    try:
        connection.connect()
        for digest in asked:
            readable, _, _ = select.select([connection.sock], [], [], 0)
            assert not readable
            connection.request("GET", f"/m/lookup?signal_type=sha256&signal={digest}")
            with connection.getresponse() as response:
                said.append(bool(json.load(response)))
    finally:
        connection.close()
    return said
