"""Whatever the receiver, the worker or the store does, every event arrives, in order for each case.

The receiver is a real HTTP server that verifies signatures and skips repeats: it ends with exactly the true set of
cases. The couriers run in processes of their own, which kill themselves with -9 between any two steps.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import RUN, a_match, a_sighting, end_leases, transaction, work
from fault_proxy import Exchange, FaultProxy, says
from orbweaver import settings
from orbweaver.model import CaseState, EventType
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.fleet.workers import couriers, plain_worker
from orbweaver.queue.matching import settlement
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import deliveries
from orbweaver.store import connection
from orbweaver.store.connection import Store
from orbweaver.store.reads import Read
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import PROGRAM, CaseChange, change_by_event
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.delivery import lanes, outbox
from orbweaver.takedown.delivery.courier import Courier
from orbweaver.takedown.delivery.sinks.addresses import read_address
from orbweaver.takedown.delivery.sinks.allowances import Patience
from orbweaver.takedown.delivery.sinks.opening import open_sinks
from orbweaver.takedown.delivery.sinks.webhook import WebhookSink
from orbweaver_command import eventually
from redis import ConnectionPool, Redis
from redis.connection import UnixDomainSocketConnection
from sentinel_servers import HERE, Server
from standardwebhooks.webhooks import Webhook

SECRET = f"whsec_{'S' * 43}"
TAKES = says(204)


class Engine:
    """An engine behind a webhook: it verifies each event, takes it once, and keeps the order of what arrived."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.arrived: list[dict[str, Any]] = []
        self._newest: dict[str, dict[str, Any]] = {}
        proxy.fault = self.takes

    def takes(self, exchange: Exchange) -> None:
        self.keeps(exchange)
        TAKES(exchange)

    def keeps(self, exchange: Exchange) -> None:
        """Take an event, and say nothing."""
        headers = {name.lower(): value for name, value in exchange.headers.items()}
        event = Webhook(SECRET).verify(exchange.body, headers)
        self.arrived.append(event)
        newest = self._newest.get(event["case_id"])
        if newest is None or event["recorded_at"] > newest["recorded_at"]:
            self._newest[event["case_id"]] = event

    @property
    def open_cases(self) -> set[str]:
        return {case_id for case_id, event in self._newest.items() if event["case"]["state"] == "open"}

    def first_arrivals(self) -> dict[str, list[int]]:
        """Return the numbers of the events of each case in the order in which they came first."""
        found: dict[str, list[int]] = {}
        for event in self.arrived:
            numbers = found.setdefault(event["case_id"], [])
            if event["sequence"] not in numbers:
                numbers.append(event["sequence"])
        return found


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    with FaultProxy() as proxy:
        monkeypatch.setenv("SINK_SECRETS", f"127.0.0.1:{proxy.port}=env:ENGINE_SECRET")
        monkeypatch.setenv("ENGINE_SECRET", SECRET)
        monkeypatch.setenv("TAKEDOWN_SINKS", f"webhook+http://127.0.0.1:{proxy.port}/ jsonl:{tmp_path / 'events'}")
        yield Engine(proxy)


def a_life(store: Store, name: str, *kinds: EventType) -> list[CaseChange]:
    """Open a case, and let some more happen to it."""
    sighting = a_sighting(name.encode(), url=f"http://h.test/{name}")
    changes = [change_by_match(sighting, a_match(body=name.encode()), None, case_store.stamp(store))]
    for kind in kinds:
        changes.append(change_by_event(changes[-1].after, kind, case_store.stamp(store), actor=PROGRAM))
    return changes


def lives(store: Store) -> list[CaseChange]:
    """Write what happened to some cases: two are open in the end, and one is removed."""
    several = [
        *a_life(store, "a", EventType.SEEN_LIVE, EventType.NOTE, EventType.REMOVED, EventType.REOPENED),
        *a_life(store, "b", EventType.SEEN_LIVE, EventType.REMOVED),
        *a_life(store, "c"),
    ]
    return written(store, several)


def written(store: Store, several: list[CaseChange]) -> list[CaseChange]:
    for change in several:
        with transaction(store) as pipe:
            settlement.write_changes(store, pipe, RUN, [change])
    return several


def prove_all_arrived(store: Store, engine: Engine, changes: list[CaseChange], events: Path) -> None:
    """Each event for the engine arrived at both sinks, in order for each case, and the true set of cases stands."""
    wanted: dict[str, list[int]] = {}
    for change in changes:
        if change.is_for_engine and change.event is not None:
            wanted.setdefault(str(change.event.case_id), []).append(change.event.sequence)
    truth = {str(one.after.case.case_id): one.after.case.state for one in changes}
    assert engine.first_arrivals() == wanted
    assert engine.open_cases == {case_id for case_id, state in truth.items() if state is CaseState.OPEN}
    assert (outbox.event_ids(store), lanes.waiting_ids(store, deliveries.sinks_of(store))) == ([], set())
    in_file: dict[str, list[int]] = {}
    for line in (events / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        numbers = in_file.setdefault(event["case_id"], [])
        if event["sequence"] not in numbers:
            numbers.append(event["sequence"])
    assert in_file == wanted


def until_killed(store: Store, at: int, act: Callable[[Store], None]) -> int | None:
    """Do something in a process that kills itself before its question number `at` to the store.

    Returns how many it asked when it came to its end before; None when it was killed.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        asked = 0
        lock = threading.Lock()

        class Mortal(UnixDomainSocketConnection):
            def send_packed_command(self, command: Any, check_health: bool = True) -> None:
                nonlocal asked
                with lock:
                    asked += 1
                    if asked == at:
                        os.kill(os.getpid(), 9)
                super().send_packed_command(command, check_health)

        status = 1
        try:
            path = connection.socket_path(store)
            act(Redis(connection_pool=ConnectionPool(connection_class=Mortal, path=path)))
            os.write(writing, str(asked).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as said:
        told = said.read()
    _, status = os.waitpid(child, 0)
    assert status in {0, 9}, status
    return int(told) if told else None


def bring_everything(store: Store) -> None:
    """What a takedown worker does of each event, one after the other: send it, and let the couriers bring it."""
    for event_id in outbox.event_ids(store):
        deliveries.send(store, event_id, settings.load())
    for courier in couriers.couriers_of(store, settings.load()):
        while courier.step():
            pass


def test_a_worker_that_is_killed_between_any_two_steps_loses_nothing(
    store: Store, engine: Engine, tmp_path: Path
) -> None:
    at, asked = 0, None
    while asked is None:
        at += 1
        store.flushall()
        engine.arrived.clear()
        (tmp_path / "events" / "events.jsonl").unlink(missing_ok=True)
        changes = written(store, a_life(store, "a", EventType.REMOVED))
        asked = until_killed(store, at, bring_everything)
        end_leases(store)
        bring_everything(store)
        prove_all_arrived(store, engine, changes, tmp_path / "events")
    assert at > 40


def test_a_job_that_is_killed_between_any_two_steps_sends_all_events_when_it_is_done_again(
    store: Store, engine: Engine
) -> None:
    def send(asked: Store) -> None:
        assert deliveries.send(asked, "e1", settings.load())

    at, asked = 0, None
    while asked is None:
        at += 1
        store.flushall()
        with transaction(store) as pipe:
            deliveries.note_events(store, pipe, RUN, "e1", "e2", "e3")
        asked = until_killed(store, at, send)
        send(store)
        for sink in [one.name for one in open_sinks(settings.load().takedown_sinks)]:
            assert lanes.waiting_ids(store, [sink]) == {"e1", "e2", "e3"}
    assert at > 3


def burst(store: Store) -> None:
    plain_worker.work(store, [QueueName.TAKEDOWN], burst=True)


def test_a_worker_that_is_killed_anywhere_in_its_life_loses_nothing(
    store: Store, engine: Engine, tmp_path: Path
) -> None:
    for at in (12, 26, 61, 110, 10**6):
        store.flushall()
        engine.arrived.clear()
        (tmp_path / "events" / "events.jsonl").unlink(missing_ok=True)
        changes = lives(store)
        asked = until_killed(store, at, burst)
        assert (asked is None) is (at < 10**6)
        end_leases(store)
        dead_workers.recover_dead_workers(store)
        dead_workers.put_back_taken(store, QueueName.TAKEDOWN)
        work(store, QueueName.TAKEDOWN)
        prove_all_arrived(store, engine, changes, tmp_path / "events")


def test_an_engine_that_dies_after_it_took_an_event_or_answers_500_has_all_in_the_end(
    store: Store, engine: Engine, tmp_path: Path
) -> None:
    answers = iter([says(500), "dies", says(503), "takes", "dies", "dies", says(429), says(500)])

    def fails_at_first(exchange: Exchange) -> None:
        answer = next(answers, "takes")
        if answer == "takes":
            engine.takes(exchange)
        elif answer == "dies":
            engine.keeps(exchange)
            exchange.hang_up()  # without an answer
        else:
            assert callable(answer)
            answer(exchange)

    engine.proxy.fault = fails_at_first
    changes = lives(store)
    for _ in range(20):
        work(store, QueueName.TAKEDOWN)
        for sink in deliveries.sinks_of(store):
            lanes.make_due(store, sink, 0.0)
        if not outbox.event_ids(store):
            break
    prove_all_arrived(store, engine, changes, tmp_path / "events")
    assert len(engine.arrived) > len({event["event_id"] for event in engine.arrived})


def test_an_engine_that_hangs_or_is_not_there_holds_up_no_other_sink(
    store: Store, engine: Engine, tmp_path: Path
) -> None:
    is_held, goes_on = threading.Event(), threading.Event()

    def hangs(exchange: Exchange) -> None:
        is_held.set()
        goes_on.wait(300)
        exchange.hang_up()

    engine.proxy.fault = hangs
    changes = lives(store)
    names = [one.name for one in open_sinks(settings.load().takedown_sinks)]
    for event_id in outbox.event_ids(store):
        deliveries.send(store, event_id, settings.load())
    endless = Patience(silence_seconds=300, whole_seconds=300)
    patient = WebhookSink(read_address(names[0]), lambda: [SECRET], patience=endless)
    hanging = Courier(store, patient, names, Read(lambda _: None, lambda _: True))
    thread = threading.Thread(target=hanging.step)
    thread.start()
    try:
        assert is_held.wait(300)
        others = couriers.couriers_of(store, settings.load())[1]
        while others.step():
            pass
        assert len((tmp_path / "events" / "events.jsonl").read_text().splitlines()) == 8
    finally:
        goes_on.set()
        thread.join()
        hanging.close()
    assert len(outbox.event_ids(store)) == 8
    engine.proxy.fault = engine.takes
    for sink in names:
        lanes.make_due(store, sink, 0.0)
    work(store, QueueName.TAKEDOWN)
    prove_all_arrived(store, engine, changes, tmp_path / "events")


def test_a_store_that_is_killed_under_a_worker_loses_no_event(engine: Engine, tmp_path: Path) -> None:
    server = Server(tmp_path, "appendfsync always")
    try:
        with Redis(HERE, server.port) as store:
            changes = [
                change for number in range(12) for change in a_life(store, f"file {number}", EventType.SEEN_LIVE)
            ]
            written(store, changes)
        few, many = threading.Event(), threading.Event()

        def counts(exchange: Exchange) -> None:
            engine.takes(exchange)
            if len(engine.arrived) == 5:
                few.set()
                assert many.wait(60)  # the worker has an answer to write down when the store is gone

        engine.proxy.fault = counts
        where = {"STORE_URL": f"redis://{HERE}:{server.port}/0"}
        command = [sys.executable, "-P", "-m", "orbweaver.cli", "worker", "takedown"]
        with subprocess.Popen(command, env={**os.environ, **where}, stderr=subprocess.DEVNULL) as worker:
            try:
                assert few.wait(300)
                server.kill()
                many.set()
                server.start_again()
                with Redis(HERE, server.port) as store:
                    eventually(lambda: not outbox.event_ids(store))
                    prove_all_arrived(store, engine, changes, tmp_path / "events")
            finally:
                many.set()
                worker.kill()
    finally:
        server.kill()
