"""How deliveries stand, for operators: what each sink still has to get, what it did not take, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases.changes import are_for_engine
from orbweaver.takedown.delivery import lanes, outbox, sink_states
from orbweaver.takedown.delivery.lanes import NEVER, Failing
from orbweaver.takedown.errors import DeliveryUnknown

READ_AT_ONCE: Final = 500
# So many characters of an id are shown to people; it has so many.
SHORTEST_ID: Final = 8
WHOLE_ID: Final = 36


class SinkWord(StrEnum):
    """How a sink answers: it takes events, did not take some, is down, or says that it is gone for good.

    The last two are asked from time to time.
    """

    WELL = "well"
    FAILING = "failing"
    DOWN = "down"
    GONE = "gone"


@dataclass(frozen=True)
class SinkStanding:
    """How far a sink is: `waiting` events, of them `failed` ones and `parked` ones; those behind included.

    Those that no takedown worker has looked at yet wait, too.
    `since` is its first failure after its last yes, `next_at` until when it gets nothing. Seconds since 1970.
    """

    sink: str
    word: SinkWord
    waiting: int
    failed: int
    parked: int
    added_at: float | None = None
    since: float | None = None
    next_at: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class FailedDelivery:
    """An event that a sink did not take, and when it is tried again (seconds since 1970); None: it is parked."""

    sink: str
    event_id: str
    case_id: str | None
    failing: Failing
    next_at: float | None


@dataclass(frozen=True)
class SinkProgress:
    """An event at one sink: when the sink took it (RFC 3339), or when it is tried; neither where it is not sent."""

    sink: str
    taken_at: str | None
    next_at: float | None
    is_parked: bool
    reason: str | None


@dataclass(frozen=True)
class EventProgress:
    """An event of a case and how far each sink has it."""

    event_id: str
    sequence: int
    kind: str
    recorded_at: str | None
    is_for_engine: bool
    sinks: tuple[SinkProgress, ...]


def sinks(store: Store, names: Sequence[str]) -> list[SinkStanding]:
    """Return how deliveries to these sinks stand."""
    states, undelivered = sink_states.states(store), outbox.event_ids(store)
    found = []
    for name in names:
        state = states.get(name)
        word = SinkWord.WELL
        if state is not None and state.failures:
            word = SinkWord.GONE if state.is_gone else SinkWord.DOWN if state.is_down else SinkWord.FAILING
        with store.pipeline(transaction=True) as pipe:
            pipe.zcard(lanes.waiting_key(name))
            pipe.zcount(lanes.waiting_key(name), NEVER, NEVER)
            pipe.hlen(lanes.failures_key(name))
            waiting, parked, failed = pipe.execute()
        waiting += lanes.count_not_put(store, name, undelivered)
        if state is None:
            found.append(SinkStanding(name, word, waiting, failed, parked))
        else:
            next_at = state.next_at if state.failures else None
            found.append(
                SinkStanding(name, word, waiting, failed, parked, state.added_at, state.since, next_at, state.reason)
            )
    return found


def failed(store: Store, names: Sequence[str]) -> Iterator[FailedDelivery]:
    """Yield the events that these sinks did not take, the parked ones and then those that failed longest first."""
    for name in names:
        known = sorted(lanes.all_failing(store, name), key=lambda one: (not one[1].is_parked, one[1].since))
        for start in range(0, len(known), READ_AT_ONCE):
            page = known[start : start + READ_AT_ONCE]
            with store.pipeline(transaction=False) as pipe:
                for event_id, _ in page:
                    pipe.hget(keys.event(event_id), "json")
                    pipe.zscore(lanes.waiting_key(name), event_id)
                answers = pipe.execute()
            for place, (event_id, failing) in enumerate(page):
                stored, due = answers[2 * place : 2 * place + 2]
                try:
                    case_id = None if stored is None else lanes.case_id_of(stored)
                except (ValueError, KeyError, TypeError):
                    case_id = None  # it cannot be read: its reason says so
                yield FailedDelivery(name, event_id, case_id, failing, None if due == NEVER else due)


def of_case(store: Store, named: str, names: Sequence[str]) -> tuple[str, list[EventProgress]]:
    """Return the id of the case that is named, and how far its events are.

    It is named by its id, or at least 8 characters of its beginning, or by the id of an event of it.

    Raises DeliveryUnknown.
    """
    stored = store.hget(keys.event(named), "json")
    case_id = _whole_id(store, named) if stored is None else lanes.case_id_of(stored)
    event_ids = [text(one) for one in store.lrange(keys.case_events(case_id), 0, -1)]
    if not event_ids:
        raise DeliveryUnknown(f"no case and no event has the id {named[:80]}")
    waiting = outbox.are_waiting(store, event_ids)
    stored_events = []
    for event_id, waits in zip(event_ids, waiting, strict=True):
        stored, *marks = store.hmget(keys.event(event_id), "json", *names)
        if stored is not None:
            stored_events.append((event_id, json.loads(stored), marks, waits))
    are_told = are_for_engine([event["type"] for _, event, _, _ in stored_events])
    progress = []
    for (event_id, event, marks, waits), is_told in zip(stored_events, are_told, strict=True):
        at_sinks = tuple(
            _at_sink(store, name, event_id, mark, waits=waits) for name, mark in zip(names, marks, strict=True)
        )
        recorded_at = event.get("recorded_at")
        progress.append(EventProgress(event_id, event["sequence"], event["type"], recorded_at, is_told, at_sinks))
    return case_id, progress


def _whole_id(store: Store, named: str) -> str:
    """Return the id that begins so; raises DeliveryUnknown where several do."""
    if SHORTEST_ID <= len(named) < WHOLE_ID and set(named) <= set("0123456789abcdef-"):
        found = [text(member) for member, _ in store.zscan_iter(keys.cases(), match=f"{named}*")]
        if len(set(found)) > 1:
            raise DeliveryUnknown(f"{named} begins the ids of several cases: give the whole id")
        return found[0] if found else named
    return named


def _at_sink(store: Store, sink: str, event_id: str, mark: bytes | str | None, *, waits: bool) -> SinkProgress:
    if mark is not None or not waits:
        return SinkProgress(sink, None if mark is None else text(mark), None, is_parked=False, reason=None)
    due, failing = lanes.due(store, sink, event_id), lanes.failing(store, sink, event_id)
    next_at = None if due in {None, NEVER} else due
    return SinkProgress(sink, None, next_at, due == NEVER, None if failing is None else failing.reason)
