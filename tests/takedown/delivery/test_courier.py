"""A courier brings every event to its sink at least once, in order for each case, whatever the sink answers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import NOON, a_match, a_sighting, monitored, transaction, url_of
from orbweaver.console.terminal.doctor import services
from orbweaver.model import Event, format_time
from orbweaver.store import keys, reads
from orbweaver.store.connection import Store
from orbweaver.store.reads import Read
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.delivery import backoff, claiming, lanes, outbox, progress, sink_states, standing
from orbweaver.takedown.delivery.courier import Courier
from orbweaver.takedown.delivery.standing import SinkWord
from orbweaver.takedown.errors import EventRefused, NotDelivered, SinkGone
from redis import Redis

START = 1_000.0
ALWAYS = Read(lambda _: None, lambda _: True)


class ListSink:
    """A sink of this test: it keeps what it takes, and refuses what `refuses` says, by an error of type `refusal`."""

    def __init__(
        self,
        name: str,
        refuses: Callable[[Event], str | None] = lambda _: None,
        refusal: type[NotDelivered] = NotDelivered,
    ) -> None:
        self.refusal = refusal
        self.retry_after: timedelta | None = None
        self.name = f"list:{name}"
        self.taken: list[Event] = []
        self.asked: Counter[str] = Counter()
        self.refuses = refuses

    def deliver(self, event: Event) -> None:
        self.asked[str(event.case_id)] += 1
        reason = self.refuses(event)
        if reason is not None:
            raise self.refusal(reason, retry_after=self.retry_after)
        self.taken.append(event)

    def complaint(self) -> tuple[bool, str] | None:
        return None

    def close(self) -> None:
        pass

    def sequences(self, case_id: str) -> list[int]:
        return [event.sequence for event in self.taken if str(event.case_id) == case_id]


class Clock:
    """The time that couriers go by; it moves when the test says so."""

    def __init__(self) -> None:
        self.at = START

    def reading(self) -> Read[float]:
        return Read(lambda _: None, lambda _: self.at)


def a_case(store: Store, name: str = "a", events: int = 1) -> list[str]:
    """Write a case with some events, each of which waits in the outbox; returns their ids."""
    sighting = a_sighting(name.encode(), url=f"http://h.test/{name}")
    change = change_by_match(sighting, a_match(), None, case_store.stamp(store))
    ids = []
    for number in range(events):
        event = change.event
        assert event is not None
        change = replace(change, event=event.model_copy(update={"sequence": number + 1}))
        event_id = f"{str(event.event_id)[:-3]}{number:03}"
        assert change.event is not None
        with transaction(store) as pipe:
            case_store.write(pipe, replace(change, event=None))
            pipe.rpush(keys.case_events(str(event.case_id)), event_id)
            pipe.hset(keys.event(event_id), "json", change.event.model_dump_json())
            outbox.put(pipe, [event_id], "run", lambda *_: None)
        ids.append(event_id)
    return ids


def case_of(store: Store, event_id: str) -> str:
    return lanes.case_id_of(store.hget(keys.event(event_id), "json") or b"")


def couriers(store: Store, clock: Clock, *sinks: ListSink) -> list[Courier]:
    names = [one.name for one in sinks]
    return [Courier(store, one, names, ALWAYS, clock=clock.reading(), draw=lambda: 0.5) for one in sinks]


def send(store: Store, clock: Clock, event_ids: list[str], *sinks: ListSink) -> None:
    [lacking] = reads.together(store, lanes.reading_lacking(event_ids, [one.name for one in sinks]))
    with transaction(store) as pipe:
        lanes.put(pipe, lacking, clock.at)


def until_idle(courier: Courier) -> None:
    while courier.step():
        pass


def test_an_event_leaves_the_outbox_when_the_last_sink_has_taken_it(store: Store) -> None:
    clock, one, two = Clock(), ListSink("one"), ListSink("two")
    [event_id] = a_case(store)
    send(store, clock, [event_id], one, two)
    first, second = couriers(store, clock, one, two)
    until_idle(first)
    assert (len(one.taken), len(two.taken), outbox.event_ids(store)) == (1, 0, [event_id])
    until_idle(second)
    assert (len(one.taken), len(two.taken), outbox.event_ids(store)) == (1, 1, [])
    until_idle(first)
    assert len(one.taken) == 1


def test_the_events_of_a_case_come_in_order_whichever_of_their_jobs_comes_first(store: Store) -> None:
    clock, sink = Clock(), ListSink("one")
    ids = a_case(store, events=250)
    send(store, clock, ids[::-1], sink)
    [courier] = couriers(store, clock, sink)
    until_idle(courier)
    assert sink.sequences(case_of(store, ids[0])) == list(range(1, 251))
    assert (outbox.event_ids(store), lanes.waiting_ids(store, [sink.name])) == ([], set())


def test_an_event_that_is_refused_holds_up_its_case_and_no_other(store: Store) -> None:
    clock = Clock()
    bad, good = a_case(store, "bad", 3), a_case(store, "good", 3)
    bad_case = case_of(store, bad[0])
    sink = ListSink("one", lambda one: "no" if str(one.case_id) == bad_case and one.sequence == 2 else None)
    other = ListSink("two")
    send(store, clock, [*bad, *good], sink, other)
    courier, second = couriers(store, clock, sink, other)
    until_idle(courier)
    until_idle(second)
    assert (sink.sequences(bad_case), sink.sequences(case_of(store, good[0]))) == ([1], [1, 2, 3])
    assert other.sequences(bad_case) == [1, 2, 3]
    assert sink.asked[bad_case] == 2
    clock.at += 0.9
    until_idle(courier)
    assert sink.asked[bad_case] == 2  # its second has not passed
    clock.at += 0.2
    until_idle(courier)
    assert sink.asked[bad_case] == 3
    sink.refuses = lambda _: None
    clock.at += 1.9
    until_idle(courier)
    assert sink.sequences(bad_case) == [1]
    clock.at += 0.2
    until_idle(courier)
    assert (sink.sequences(bad_case), outbox.event_ids(store)) == ([1, 2, 3], [])
    assert not list(lanes.all_failing(store, sink.name))


def test_a_sink_that_is_down_gets_one_event_at_a_time_and_all_of_them_when_it_is_back(store: Store) -> None:
    clock, sink = Clock(), ListSink("one", lambda _: "connection refused")
    ids = [a_case(store, f"case {number}")[0] for number in range(20)]
    send(store, clock, ids, sink)
    [courier] = couriers(store, clock, sink)
    until_idle(courier)
    assert sink.asked.total() == backoff.EVENTS_OF_A_SINK_THAT_IS_DOWN
    state = sink_states.state_of(store, sink.name)
    assert state is not None
    assert (state.is_down, state.reason, state.since) == (True, "connection refused", START)
    for _ in range(200):
        clock.at += 30
        until_idle(courier)
    assert sink.asked.total() <= 3 + 200 / 1.5 + 10  # once a minute, less a quarter
    asked = sink.asked.total()
    sink.refuses = lambda _: None
    clock.at += 75
    until_idle(courier)
    assert (sink.asked.total(), len(sink.taken), outbox.event_ids(store)) == (asked + 20, 20, [])
    assert sink_states.state_of(store, sink.name) == sink_states.SinkState(added_at=START)


def test_a_sink_that_says_it_is_gone_for_good_is_shown_at_once_and_asked_seldom(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    clock, sink = Clock(), ListSink("one", lambda _: "410", refusal=SinkGone)
    send(store, clock, [a_case(store, f"case {number}")[0] for number in range(20)], sink)
    [courier] = couriers(store, clock, sink)
    until_idle(courier)
    assert sink.asked.total() == 1
    [stands] = standing.sinks(store, [sink.name])
    assert (stands.word, stands.waiting, stands.next_at) == (SinkWord.GONE, 20, START + backoff.LONGEST_SECONDS)
    assert caplog.text.count("gone for good") == 1
    assert [one.state for one in services.delivery_checks([stands])] == ["fail"]
    for _ in range(3):
        clock.at += backoff.LONGEST_SECONDS
        until_idle(courier)
    assert sink.asked.total() == 4
    assert caplog.text.count("gone for good") == 1
    sink.refuses = lambda _: None
    clock.at += backoff.LONGEST_SECONDS
    until_idle(courier)
    assert (len(sink.taken), outbox.event_ids(store)) == (20, [])
    assert standing.sinks(store, [sink.name])[0].word is SinkWord.WELL


def test_an_operator_has_a_sink_that_was_gone_tried_at_once(store: Store) -> None:
    clock, sink = Clock(), ListSink("one", lambda _: "410", refusal=SinkGone)
    send(store, clock, a_case(store), sink)
    [courier] = couriers(store, clock, sink)
    until_idle(courier)
    sink.refuses = lambda _: None
    until_idle(courier)
    assert not sink.taken
    lanes.make_due(store, sink.name, clock.at)
    until_idle(courier)
    assert len(sink.taken) == 1


def test_an_event_is_parked_after_three_days_with_what_comes_after_it_and_delivered_when_told(store: Store) -> None:
    clock, sink = Clock(), ListSink("one", lambda one: "no" if one.sequence == 1 else None)
    ids = a_case(store, events=2)
    send(store, clock, ids, sink)
    [courier] = couriers(store, clock, sink)
    until_idle(courier)
    clock.at += backoff.PARKED_AFTER_SECONDS - 60  # test_backoff.py goes through all that lies between
    until_idle(courier)
    while (due := lanes.due(store, sink.name, ids[0])) != lanes.NEVER:
        assert due is not None
        clock.at = due
        until_idle(courier)
    assert clock.at == START + backoff.PARKED_AFTER_SECONDS
    failing = lanes.failing(store, sink.name, ids[0])
    assert failing is not None
    assert (failing.is_parked, failing.reason, failing.since) == (True, "no", START)
    assert (lanes.due(store, sink.name, ids[1]), sink.taken) == (lanes.NEVER, [])
    other = a_case(store, "other")
    send(store, clock, other, sink)
    sink.refuses = lambda _: None
    until_idle(courier)
    assert (len(sink.taken), sorted(outbox.event_ids(store))) == (1, ids)
    assert lanes.make_due(store, sink.name, clock.at) == 2
    until_idle(courier)
    assert (sink.sequences(case_of(store, ids[0])), outbox.event_ids(store)) == ([1, 2], [])


def test_a_fault_of_a_sink_ends_no_courier(store: Store) -> None:
    def fails(_: Event) -> str | None:
        raise ZeroDivisionError("of the sink")

    clock, sink = Clock(), ListSink("one", fails)
    [event_id] = a_case(store)
    send(store, clock, [event_id], sink)
    [courier] = couriers(store, clock, sink)
    until_idle(courier)
    failing = lanes.failing(store, sink.name, event_id)
    assert failing is not None
    assert failing.reason == "the sink failed: ZeroDivisionError"


def test_an_event_that_cannot_be_read_holds_up_its_case_alone(store: Store) -> None:
    clock, sink = Clock(), ListSink("one")
    [bad], [good] = a_case(store, "bad"), a_case(store, "good")
    store.hset(keys.event(bad), "json", f'{{"case_id": "{case_of(store, bad)}"}}')
    store.hset(keys.event("broken"), "json", "no JSON")
    send(store, clock, [bad, good, "gone", "broken"], sink)
    [courier] = couriers(store, clock, sink)
    until_idle(courier)
    assert (len(sink.taken), outbox.event_ids(store)) == (1, [bad])
    [broken] = [one for one in standing.failed(store, [sink.name]) if one.failing.is_parked]
    assert (broken.event_id, broken.case_id, broken.next_at) == ("broken", None, None)
    failing = lanes.failing(store, sink.name, bad)
    assert failing is not None
    assert "cannot be read" in failing.reason
    assert lanes.waiting_ids(store, [sink.name]) == {bad, "broken"}


def test_two_couriers_at_once_keep_the_order_of_a_case_and_deliver_each_event_once(store: Store) -> None:
    clock, sink = Clock(), ListSink("one")
    ids = [event_id for name in "abcdef" for event_id in a_case(store, name, 20)]
    send(store, clock, ids, sink)

    def deliver() -> None:
        with Redis.from_url(url_of(store)) as own:
            [courier] = couriers(own, clock, sink)
            while outbox.event_ids(own):
                until_idle(courier)
                clock.at += claiming.TAKEN_SECONDS

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cases = {case_of(store, event_id) for event_id in ids}
    assert [sink.sequences(case_id) for case_id in cases] == [list(range(1, 21))] * 6


def test_a_courier_whose_lease_is_over_marks_what_was_taken_and_goes_no_further(store: Store) -> None:
    clock = Clock()
    ids = a_case(store, events=2)
    sink = ListSink("one")

    def loses_its_lease(_: Event) -> str | None:
        store.set(lanes.lane_key(sink.name, case_of(store, ids[0])), "another courier's")
        return None

    sink.refuses = loses_its_lease
    send(store, clock, ids, sink)
    [courier] = couriers(store, clock, sink)
    courier.step()
    assert (len(sink.taken), outbox.event_ids(store)) == (1, [ids[1]])
    assert store.get(lanes.lane_key(sink.name, case_of(store, ids[0]))) == b"another courier's"


def test_an_event_is_on_disk_before_the_sink_gets_it_and_one_wait_serves_many(store: Store) -> None:
    clock, sink = Clock(), ListSink("one")
    ids = [a_case(store, f"case {number}")[0] for number in range(10)]
    send(store, clock, ids, sink)
    sink.refuses = lambda event: store.echo(f"delivers {event.event_id}") and None
    [courier] = couriers(store, clock, sink)
    with monitored(store) as commands:
        until_idle(courier)
    waits = [place for place, said in enumerate(commands) if said.startswith("WAITAOF 1 0")]
    delivered = [place for place, said in enumerate(commands) if said.startswith("ECHO delivers")]
    assert (len(waits), len(delivered)) == (1, 10)
    assert waits[0] < delivered[0]


@pytest.mark.parametrize("is_first_delivered_before", [False, True])
def test_the_clock_of_a_case_is_that_of_its_first_delivery(store: Store, is_first_delivered_before: bool) -> None:
    clock, sink = Clock(), ListSink("one")
    ids = a_case(store, events=2)
    case_id = case_of(store, ids[0])
    assert progress.clocks_of(store, [case_id]) == {case_id: progress.DeliveryClocks()}
    before = NOON - timedelta(days=1)
    if is_first_delivered_before:  # by an earlier release, which wrote it nowhere else
        store.hset(keys.event(ids[0]), "jsonl:/events", format_time(before))
        assert progress.clocks_of(store, [case_id])[case_id].first_delivered_at == before
    send(store, clock, ids, sink)
    [courier] = couriers(store, clock, sink)
    until_idle(courier)
    first = progress.clocks_of(store, [case_id])[case_id].first_delivered_at
    assert first is not None
    assert (first == before) is is_first_delivered_before
    marks: list[Any] = store.hmget(keys.event(ids[0]), sink.name)
    assert is_first_delivered_before or format_time(first).encode() == marks[0]


@pytest.mark.parametrize(("refusal", "taken"), [(EventRefused, 1), (NotDelivered, 0)])
def test_a_sink_that_refuses_one_event_and_names_a_time_gets_the_others_at_once(
    store: Store, refusal: type[NotDelivered], taken: int
) -> None:
    clock = Clock()
    [one], [other] = a_case(store, "a"), a_case(store, "b")
    sink = ListSink("a", lambda event: "no" if case_of(store, one) == str(event.case_id) else None, refusal)
    sink.retry_after = timedelta(hours=1)
    [courier] = couriers(store, clock, sink)
    send(store, clock, [one], sink)
    until_idle(courier)
    send(store, clock, [other], sink)
    until_idle(courier)
    assert len(sink.taken) == taken
    clock.at += backoff.LONGEST_SECONDS
    until_idle(courier)
    assert len(sink.taken) == 1
