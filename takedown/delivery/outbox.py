"""The outbox: every event that waits for its delivery, by its id, until all sinks in force have taken it.

An event comes into it with the case that causes it, in one transaction with a job that sends on their way all events
that were not sent yet. The jobs are the caller's: `enqueue` queues one on that transaction, which has its name from an
event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read

if TYPE_CHECKING:
    from redis.client import Pipeline

GIVEN_AT_ONCE = 1_000
SENT_AT_ONCE = 500
_GIVE = Path(__file__).with_name("give_events.lua").read_text()
Enqueue = Callable[["Pipeline", str], None]


def put(pipe: Pipeline, event_ids: Sequence[str], run_id: str, enqueue: Enqueue) -> None:
    """Queue on an open transaction that events wait for their delivery, and one job for all of them.

    `run_id` is that of the run that counts them among its own: the one that caused them, or that took them over.
    """
    if event_ids:
        pipe.hset(keys.undelivered(), mapping=dict.fromkeys(event_ids, run_id))
        send(pipe, event_ids, enqueue)


def send(pipe: Pipeline, event_ids: Sequence[str], enqueue: Enqueue) -> None:
    """Queue on an open transaction that a job sends events on their way."""
    pipe.sadd(keys.unsent(), *event_ids)
    enqueue(pipe, event_ids[0])


def reading_unsent() -> Read[list[str]]:
    """Return the read of the ids of events that are to be sent on their way, SENT_AT_ONCE at most."""
    return Read(
        lambda pipe: pipe.srandmember(keys.unsent(), SENT_AT_ONCE), lambda answers: [text(one) for one in answers[0]]
    )


def note_sent(pipe: Pipeline, event_ids: Sequence[str]) -> None:
    """Queue that events are on their way."""
    if event_ids:
        pipe.srem(keys.unsent(), *event_ids)


def put_again(pipe: Pipeline, event_id: str, run_id: str) -> None:
    """Queue that an event waits for its delivery again; one that waits already stays its run's. It needs no job."""
    pipe.hsetnx(keys.undelivered(), event_id, run_id)


def run_of(reading: Store | Pipeline, event_id: str) -> str | None:
    """Return the id of the run that counts a waiting event among its own; None when the event does not wait.

    A pipeline must be watching (its reads are immediate then).
    """
    stored = reading.hget(keys.undelivered(), event_id)
    return None if stored is None else text(stored)


def reading_run_of(event_id: str) -> Read[str | None]:
    """Return the read of the run that counts a waiting event among its own; None when the event does not wait."""
    return Read(
        lambda pipe: pipe.hget(keys.undelivered(), event_id),
        lambda answers: None if answers[0] is None else text(answers[0]),
    )


def are_waiting(store: Store, event_ids: Sequence[str]) -> list[bool]:
    """Return whether each of these events waits for its delivery, in one round trip."""
    return [one is not None for one in store.hmget(keys.undelivered(), list(event_ids))] if event_ids else []


def give(store: Store, event_ids: Sequence[str], run_id: str) -> int:
    """Have a run count these events among its own, those that still wait; returns how many."""
    script = store.register_script(_GIVE)
    given = 0
    for start in range(0, len(event_ids), GIVEN_AT_ONCE):
        given += int(script(keys=[keys.undelivered()], args=[run_id, *event_ids[start : start + GIVEN_AT_ONCE]]))
    return given


def take_out(pipe: Pipeline, *event_ids: str) -> None:
    """Queue that events wait no longer."""
    pipe.hdel(keys.undelivered(), *event_ids)


def event_ids(store: Store) -> list[str]:
    """Return the ids of all events that wait for their delivery."""
    return [text(one) for one in store.hkeys(keys.undelivered())]


def event_ids_of(store: Store, run_id: str) -> list[str]:
    """Return the ids of a run's events that wait for their delivery."""
    return [text(event_id) for event_id, of in store.hgetall(keys.undelivered()).items() if text(of) == run_id]


def runs_of(store: Store, event_ids: Sequence[str]) -> dict[str, str]:
    """Return the id of the run of each of these events that waits."""
    found: dict[str, str] = {}
    for start in range(0, len(event_ids), GIVEN_AT_ONCE):
        asked = list(event_ids[start : start + GIVEN_AT_ONCE])
        runs = store.hmget(keys.undelivered(), asked)
        found |= {event_id: text(of) for event_id, of in zip(asked, runs, strict=True) if of is not None}
    return found


def count_of(store: Store, run_id: str) -> int:
    """Return how many events of a run wait for their delivery."""
    return sum(text(of) == run_id for of in store.hvals(keys.undelivered()))
