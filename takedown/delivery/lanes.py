"""Keeps what each sink still has to get: events by the time of their next try, and why those that failed did.

A lane is the events of one case on their way to one sink. It is served in the order of the events, by one courier at a
time (its lease), and a lane that fails waits alone. What a sink has taken is marked in the event itself
(`orbweaver:event:{event_id}`), so an event waits for a sink when it is in the outbox and has no mark of that sink.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read
from orbweaver.takedown.delivery import sink_states
from orbweaver.takedown.delivery.sink_states import SinkState
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

NEVER: Final = float("inf")
# Who delivers a lane has it for so long, and again for so long with each event; a sink must answer within that time.
LEASE_SECONDS: Final = 60
COUNTED_AT_ONCE: Final = 1_000
REASON_CHARACTERS: Final = 300


@dataclass(frozen=True)
class Failing:
    """An event that a sink did not take: how often, since when, when last (seconds since 1970), and why."""

    tries: int
    since: float
    at: float
    reason: str
    is_parked: bool = False


@dataclass(frozen=True)
class Lane:
    """A lane that a courier has: the sink, the case, the event for which it was taken, and the token of the lease."""

    sink: str
    case_id: str
    event_id: str
    token: str


def waiting_key(sink: str) -> str:
    """Return the key of the events that wait for a sink."""
    return keys.sink_waiting(_part(sink))


def lane_key(sink: str, case_id: str) -> str:
    """Return the key of who has a lane."""
    return keys.lane(_part(sink), case_id)


def failures_key(sink: str) -> str:
    """Return the key of the events that a sink did not take."""
    return keys.sink_failures(_part(sink))


def _part(sink: str) -> str:
    """Return the part of a key that stands for a sink, whose name is an address of any length."""
    return sha256(sink.encode()).hexdigest()[:16]


def server_seconds(store: Store) -> float:
    """Return the time by the clock of the store's server: workers of several machines go by it."""
    return _seconds(store.time())


def reading_seconds() -> Read[float]:
    """Return the read of the time by the clock of the store's server."""
    return Read(lambda pipe: pipe.time(), lambda answers: _seconds(answers[0]))


def _seconds(said: tuple[int, int]) -> float:
    seconds, microseconds = said
    return float(seconds) + float(microseconds) / 1e6


def reading_lacking(event_ids: Sequence[str], sinks: Sequence[str]) -> Read[dict[str, list[str]]]:
    """Return the read of which of these sinks have not taken each event."""

    def ask(pipe: Pipeline) -> None:
        for event_id in event_ids:
            pipe.hmget(keys.event(event_id), list(sinks))

    def understand(answers: Sequence[Sequence[bytes | None]]) -> dict[str, list[str]]:
        return {
            event_id: [sink for sink, mark in zip(sinks, marks, strict=True) if mark is None]
            for event_id, marks in zip(event_ids, answers, strict=True)
        }

    return Read(ask, understand)


def put(pipe: Pipeline, lacking_sinks: Mapping[str, Sequence[str]], at: float) -> None:
    """Queue that each of these events waits for its sinks from a time on. Where it waits already it keeps its time."""
    for event_id, sinks in lacking_sinks.items():
        for sink in sinks:
            pipe.zadd(waiting_key(sink), {event_id: at}, nx=True)


def forget_others(store: Store, sinks: Collection[str]) -> None:
    """Forget what other sinks than these still had to get; what they took stays marked in the events."""
    for other in set(sink_states.states(store)) - set(sinks):
        with store.pipeline(transaction=True) as pipe:
            pipe.delete(waiting_key(other), failures_key(other))
            pipe.hdel(keys.sinks(), other)
            pipe.execute()


def case_id_of(stored: bytes | str) -> str:
    """Return the id of the case of a stored event."""
    return str(json.loads(stored)["case_id"])


def failing(store: Store, sink: str, event_id: str) -> Failing | None:
    """Return what is known of an event that a sink did not take; None when it did not fail."""
    stored = store.hget(failures_key(sink), event_id)
    return None if stored is None else Failing(**json.loads(stored))


def due(store: Store, sink: str, event_id: str) -> float | None:
    """Return when an event is tried next at a sink, NEVER when it is parked; None when it does not wait there."""
    return store.zscore(waiting_key(sink), event_id)


def wait(pipe: Pipeline, sink: str, event_id: str, at: float) -> None:
    """Queue that an event waits for a sink, to be tried from a time on."""
    pipe.zadd(waiting_key(sink), {event_id: at})
    pipe.hdel(failures_key(sink), event_id)


def wait_until(store: Store, sink: str, event_ids: Collection[str], at: float) -> None:
    """Have events of a lane wait for another time, as the one before them does; those that wait at all."""
    if event_ids:
        store.zadd(waiting_key(sink), dict.fromkeys(event_ids, at), xx=True)


def note_failure(pipe: Pipeline, sink: str, event_id: str, failed: Failing, next_at: float) -> None:
    """Queue that a sink did not take an event, and when it is tried again."""
    pipe.hset(failures_key(sink), event_id, json.dumps(asdict(failed)))
    pipe.zadd(waiting_key(sink), {event_id: next_at})


def note_taken(pipe: Pipeline, sink: str, event_id: str) -> None:
    """Queue that an event waits at a sink no longer."""
    pipe.zrem(waiting_key(sink), event_id)
    pipe.hdel(failures_key(sink), event_id)


def renew(pipe: Pipeline, lane: Lane) -> None:
    """Queue that a courier has its lane for LEASE_SECONDS from now on."""
    pipe.expire(lane_key(lane.sink, lane.case_id), LEASE_SECONDS)


def give_back(pipe: Pipeline, lane: Lane) -> None:
    """Queue that a courier has its lane no longer."""
    pipe.delete(lane_key(lane.sink, lane.case_id))


def reading_whether_ours(lane: Lane) -> Read[bool]:
    """Return the read of whether a courier still has its lane."""
    return Read(lambda pipe: pipe.get(lane_key(lane.sink, lane.case_id)), lambda answers: _is_ours(lane, answers[0]))


def _is_ours(lane: Lane, stored: bytes | str | None) -> bool:
    return stored is not None and text(stored) == lane.token


def release(store: Store, lane: Lane) -> None:
    """Give a lane back, unless another courier has it by now: its lease was over."""
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(lane_key(lane.sink, lane.case_id))
        if _is_ours(lane, pipe.get(lane_key(lane.sink, lane.case_id))):
            pipe.multi()
            give_back(pipe, lane)
            with contextlib.suppress(WatchError):
                pipe.execute()


def waiting_ids(store: Store, sinks: Collection[str], *, until: float | None = None) -> set[str]:
    """Return the ids of the events that wait at any of these sinks; with `until`, of those that are due by then."""
    most = NEVER if until is None else until
    return {one for sink in sinks for one in _members(store, sink, most)}


def count_not_put(store: Store, sink: str, event_ids: Sequence[str]) -> int:
    """Return how many of these events a sink is still to get that do not wait for it yet: their jobs are not done."""
    count = 0
    for start in range(0, len(event_ids), COUNTED_AT_ONCE):
        page = list(event_ids[start : start + COUNTED_AT_ONCE])
        scores = store.zmscore(waiting_key(sink), page)
        absent = [one for one, score in zip(page, scores, strict=True) if score is None]
        with store.pipeline(transaction=False) as pipe:
            for event_id in absent:
                pipe.hexists(keys.event(event_id), sink)
            count += sum(not is_taken for is_taken in pipe.execute())
    return count


def next_ids(store: Store, sink: str, number: int) -> list[str]:
    """Return the ids of the events that are due next at a sink."""
    return _members(store, sink, NEVER, number)


def all_failing(store: Store, sink: str) -> Iterator[tuple[str, Failing]]:
    """Yield the events that a sink did not take, in no order."""
    for event_id, stored in store.hscan_iter(failures_key(sink)):
        yield text(event_id), Failing(**json.loads(stored))


def make_due(store: Store, sink: str, at: float, event_ids: Sequence[str] | None = None) -> int:
    """Have events, or all that wait at a sink, be tried now, those that are parked too; returns how many wait there.

    What is known of their failures goes; how the sink itself answers is asked anew.
    """
    waiting = waiting_key(sink)
    ids = _members(store, sink, NEVER) if event_ids is None else list(event_ids)
    scores = store.zmscore(waiting, ids) if ids else []
    there = [one for one, score in zip(ids, scores, strict=True) if score is not None]
    with store.pipeline(transaction=True) as pipe:
        for event_id in there:
            pipe.zadd(waiting, {event_id: at}, xx=True)
            pipe.hdel(failures_key(sink), event_id)
        state = sink_states.state_of(store, sink)
        if state is not None and state.failures:
            sink_states.write_state(pipe, sink, SinkState(added_at=state.added_at))
        pipe.execute()
    return len(there)


def drop(store: Store, sink: str, event_id: str) -> None:
    """Write that an event waits at a sink no longer, which has it, or cannot get it."""
    with store.pipeline(transaction=True) as pipe:
        note_taken(pipe, sink, event_id)
        pipe.execute()


def _members(store: Store, sink: str, until: float, number: int = -1) -> list[str]:
    """Return the events that a sink gets until a time, the next one first; so many of them, -1 for all."""
    found = store.execute_command("ZRANGEBYSCORE", waiting_key(sink), "-inf", until, "LIMIT", 0, number)
    return [text(one) for one in found]
