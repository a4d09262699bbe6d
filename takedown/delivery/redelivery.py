"""Has events delivered again for operators: those that failed, that a new sink never got, or all of a case."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases.changes import are_for_engine
from orbweaver.takedown.delivery import lanes, outbox
from redis.exceptions import WatchError

# Whose events are that an operator sent again: no run counts them.
OPERATOR: Final = "operator"
PAGE: Final = 500


def retry(store: Store, sinks: Sequence[str], event_ids: Sequence[str] | None = None) -> int:
    """Have everything that waits for these sinks tried now, or only these events; returns how many deliveries.

    What is parked is tried, too, and a sink that is down is asked at once.
    """
    at = lanes.server_seconds(store)
    return sum(lanes.make_due(store, sink, at, event_ids) for sink in sinks)


def send_again(store: Store, sink: str, case_id: str, *, is_all: bool) -> int:
    """Have a sink get the events of a case once more, in their order; returns how many.

    With `is_all` all of them, else those from the first on that the sink never got: the order of a case is kept, so
    what comes after it is repeated.
    """
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.case_events(case_id))
            event_ids = [text(one) for one in pipe.lrange(keys.case_events(case_id), 0, -1)]
            if event_ids:
                pipe.watch(*map(keys.event, event_ids))
            events = _events_for_engine(store, sink, event_ids)
            missing = (place for place, (_, is_taken) in enumerate(events) if not is_taken)
            first = 0 if is_all else next(missing, len(events))
            wanted = [event_id for event_id, _ in events[first:]]
            pipe.multi()
            at = lanes.server_seconds(store)
            for event_id in wanted:
                pipe.hdel(keys.event(event_id), sink)
                outbox.put_again(pipe, event_id, OPERATOR)
                lanes.wait(pipe, sink, event_id, at)
            try:
                pipe.execute()
            except WatchError:
                continue
            return len(wanted)


def cases_with_missing(store: Store, sink: str) -> Iterator[str]:
    """Yield the ids of the cases of which a sink never got an event that is for the engine, oldest first."""
    for case_id in _case_ids(store):
        event_ids = [text(one) for one in store.lrange(keys.case_events(case_id), 0, -1)]
        if not all(is_taken for _, is_taken in _events_for_engine(store, sink, event_ids)):
            yield case_id


def _events_for_engine(store: Store, sink: str, event_ids: Sequence[str]) -> list[tuple[str, bool]]:
    """Return the ids of those events of a case that the engine gets, in order, each with whether a sink took it.

    What was pseudonymised says nothing to an engine, and is left out.
    """
    with store.pipeline(transaction=False) as pipe:
        for event_id in event_ids:
            pipe.hmget(keys.event(event_id), "json", sink, "pseudonymised_at")
        answers = pipe.execute()
    events = [
        (event_id, json.loads(stored)["type"], mark is not None, pseudonymised_at is not None)
        for event_id, (stored, mark, pseudonymised_at) in zip(event_ids, answers, strict=True)
        if stored is not None
    ]
    are_told = are_for_engine([kind for _, kind, _, _ in events])
    return [
        (event_id, is_taken)
        for (event_id, _, is_taken, is_pseudonymised), is_told in zip(events, are_told, strict=True)
        if is_told and not is_pseudonymised
    ]


def _case_ids(store: Store) -> Iterator[str]:
    start = 0
    while page := store.execute_command("ZRANGE", keys.cases(), start, start + PAGE - 1):
        yield from map(text, page)
        start += PAGE
