"""Sightings on their way to a verdict: batches with a match job, batches that wait, and the unanswered."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from orbweaver.model import Noun, Sighting
from orbweaver.queue import queues
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read
from pydantic import ValidationError
from redis.client import Pipeline
from redis.exceptions import WatchError

# Sightings that are asked about in one job; also what a match job holds in memory.
ASKED_AT_ONCE = 200
# Released batches that get their jobs in one transaction: ten thousand would block the store for 0.3 s.
RELEASED_AT_ONCE = 100


class Batch(Noun):
    """Sightings of one run that are asked about in one job.

    `place` is where they stand in the order of asking, kept however often they wait; `failures` counts how often a
    service that was healthy could not answer for them. `recrawl_id` names the recrawl that found them, None where they
    were kept from an earlier one.
    """

    run_id: str
    sightings: tuple[Sighting, ...]
    place: int = 0
    failures: int = 0
    recrawl_id: str | None = None


def add(
    store: Store,
    pipe: Pipeline,
    run_id: str,
    sightings: Sequence[Sighting],
    *,
    replaces: Batch | None = None,
    recrawl_id: str | None = None,
) -> str:
    """Queue a batch and its match job on an open transaction; returns the batch's id.

    One that replaces another takes over its place and its failures.
    """
    batch_id = uuid4().hex
    batch = Batch(
        run_id=run_id,
        sightings=tuple(sightings),
        place=int(store.incr(keys.batch_order())) if replaces is None else replaces.place,
        failures=0 if replaces is None else replaces.failures,
        recrawl_id=recrawl_id if replaces is None else replaces.recrawl_id,
    )
    pipe.set(keys.batch(batch_id), batch.model_dump_json())
    pipe.sadd(keys.batches(), batch_id)
    pipe.sadd(keys.run_batches(run_id), batch_id)
    queues.enqueue_match(store, pipe, batch_id)
    return batch_id


def read(reading: Store | Pipeline, batch_id: str) -> Batch | None:
    """Read a batch; None when it has been answered already. A pipeline must be watching it."""
    return _understood(reading.get(keys.batch(batch_id)))


def reading(batch_id: str) -> Read[tuple[Batch | None, int]]:
    """Return the read of a batch, None when it has been answered already, and of how often batches were let go."""

    def ask(pipe: Pipeline) -> None:
        pipe.get(keys.releases())
        pipe.get(keys.batch(batch_id))

    return Read(ask, lambda answers: (_understood(answers[1]), int(answers[0] or 0)))


def _understood(stored: bytes | str | None) -> Batch | None:
    return None if stored is None else Batch.model_validate_json(stored)


def settle(
    pipe: Pipeline, batch_id: str, batch: Batch, waiting: Collection[str] = (), *, is_released: bool = False
) -> None:
    """Queue the end of a batch on the transaction that writes its verdicts.

    The sightings whose ids are in `waiting` stay. With these alone the batch waits until a service is healthy again;
    when it `is_released` already, it waits for its next job only.
    """
    left = tuple(one for one in batch.sightings if one.sighting_id in waiting)
    if left:
        pipe.set(keys.batch(batch_id), batch.model_copy(update={"sightings": left}).model_dump_json())
        pipe.zadd(keys.released_batches() if is_released else keys.waiting_batches(), {batch_id: batch.place})
        drop_answered(pipe, left)  # the batch itself keeps them now
        return
    pipe.delete(keys.batch(batch_id))
    pipe.srem(keys.batches(), batch_id)
    pipe.srem(keys.run_batches(batch.run_id), batch_id)
    pipe.zrem(keys.waiting_batches(), batch_id)
    pipe.zrem(keys.released_batches(), batch_id)


def waiting_count(store: Store) -> int:
    """Return how many batches wait until a service is healthy."""
    return int(store.zcard(keys.waiting_batches()))


def release(pipe: Pipeline) -> None:
    """Queue on an open transaction that every waiting batch is let go: `enqueue_released` gives them their jobs."""
    both = [keys.released_batches(), keys.waiting_batches()]
    pipe.zunionstore(keys.released_batches(), both, aggregate="MIN")
    pipe.delete(keys.waiting_batches())
    pipe.incr(keys.releases())


def enqueue_released(store: Store) -> None:
    """Enqueue the oldest released batches before all other jobs, unless such jobs are next in the queue already.

    So they are asked about in their order, also when there are too many for one transaction. To be called after every
    match job, and now and then.
    """
    while store.exists(keys.released_batches()):
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.released_batches())
            oldest = pipe.execute_command("ZRANGE", keys.released_batches(), 0, RELEASED_AT_ONCE - 1)
            if not oldest or queues.is_further_asking_next(store):
                return
            pipe.multi()
            pipe.zrem(keys.released_batches(), *oldest)
            asking = uuid4().hex
            for batch_id in reversed(oldest):  # each goes to the front, so the oldest goes last
                queues.enqueue_match(store, pipe, text(batch_id), asking=asking)
            try:
                pipe.execute()
            except WatchError:
                continue
            return


@dataclass(frozen=True)
class BatchUnderSettlement:
    """A batch to which its verdicts are written: an AnswerTarget of queue.matching.settlement.

    The sightings whose ids are in `staying` are asked about again when a service is healthy: at once, when batches
    were let go since the `releases` that were counted before they were asked about.
    """

    batch_id: str
    batch: Batch
    staying: frozenset[str] = frozenset()
    releases: int = 0
    is_released: bool = False

    @property
    def watched(self) -> tuple[str, ...]:
        """The batch's key, gone once it is settled, and the count of releases."""
        return keys.batch(self.batch_id), keys.releases()

    def reading(self) -> Read[BatchUnderSettlement | None]:
        """Return the read of how it stands: None when it is settled, else knowing whether it is let go already."""

        def ask(pipe: Pipeline) -> None:
            pipe.exists(keys.batch(self.batch_id))
            pipe.get(keys.releases())

        def understand(answers: Sequence[Any]) -> BatchUnderSettlement | None:
            is_there, releases = answers
            return replace(self, is_released=int(releases or 0) != self.releases) if is_there else None

        return Read(ask, understand)

    def asked_again(self, sighting_ids: Collection[str]) -> BatchUnderSettlement:
        """Return it with more that stays, and gets its next job at once."""
        return replace(self, staying=self.staying | frozenset(sighting_ids), is_released=True)

    def end(self, pipe: Pipeline) -> None:
        """Queue its end, or that it waits with the sightings that stay."""
        settle(pipe, self.batch_id, self.batch, self.staying, is_released=self.is_released)


def keep_unanswered(pipe: Pipeline, sightings: Sequence[Sighting]) -> None:
    """Queue keeping sightings whose verdict is unknown: they are asked about again, never dropped."""
    if sightings:
        pipe.hset(keys.unanswered(), mapping={one.sighting_id: one.model_dump_json() for one in sightings})


def drop_answered(pipe: Pipeline, sightings: Sequence[Sighting]) -> None:
    """Queue forgetting that these sightings were once unanswered."""
    if sightings:
        pipe.hdel(keys.unanswered(), *(one.sighting_id for one in sightings))


def unanswered_among(store: Store, sighting_ids: Sequence[str]) -> set[str]:
    """Return which of these sightings are unanswered, in one round trip."""
    if not sighting_ids:
        return set()
    stored = store.hmget(keys.unanswered(), list(sighting_ids))
    return {one for one, value in zip(sighting_ids, stored, strict=True) if value is not None}


def ask_again(store: Store, run_id: str, *, but_for: Collection[str] = ()) -> int:
    """Enqueue for a run every batch that waits or whose job was lost, and all that is unanswered; returns how many
    sightings. Batches of the runs `but_for` stay theirs.
    """
    asked = 0
    under_way = {queues.batch_of(job_id) for job_id in queues.under_way(store, queues.QueueName.MATCH)}
    for batch_id, batch in _oldest_first(store):
        if batch_id in under_way:
            continue
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.batch(batch_id))
            if not pipe.exists(keys.batch(batch_id)):
                continue  # its answers are there by now
            pipe.multi()
            settle(pipe, batch_id, batch)
            owner = batch.run_id if batch.run_id in but_for else run_id
            add(store, pipe, owner, batch.sightings, replaces=batch)
            with contextlib.suppress(WatchError):
                pipe.execute()
                asked += len(batch.sightings)
    return asked + ask_unanswered(store, run_id)


def ask_unanswered(store: Store, run_id: str) -> int:
    """Enqueue for a run all sightings that are unanswered; returns how many.

    From then on their batches keep them, so another process that does the same at once finds nothing any more.
    """
    sighting_ids = [text(one) for one in store.hkeys(keys.unanswered())]
    few = (sighting_ids[start : start + ASKED_AT_ONCE] for start in range(0, len(sighting_ids), ASKED_AT_ONCE))
    return sum(_ask_about(store, run_id, some) for some in few)


def _ask_about(store: Store, run_id: str, sighting_ids: Sequence[str]) -> int:
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.unanswered())
            sightings = _readable(pipe.hmget(keys.unanswered(), list(sighting_ids)))
            if not sightings:
                return 0
            pipe.multi()
            drop_answered(pipe, sightings)
            add(store, pipe, run_id, sightings)
            try:
                pipe.execute()
            except WatchError:
                continue  # a match job has kept another one
            return len(sightings)


def _readable(stored: Sequence[bytes | str | None]) -> list[Sighting]:
    """Return the sightings that are there; a value that cannot be read stays where it is, and holds up no other."""
    sightings = []
    for line in stored:
        if line is not None:
            with contextlib.suppress(ValidationError):
                sightings.append(Sighting.model_validate_json(line))
    return sightings


def release_without_job(store: Store, *, are_parked_due: bool) -> list[str]:
    """Let every batch go that has no job and waits for none; returns the ids of parked jobs of theirs.

    A batch whose job is parked is one of them when `are_parked_due`. `enqueue_released` gives them their jobs.
    """
    with store.pipeline(transaction=True) as pipe:  # at one moment: a batch comes, waits and is let go with its job
        pipe.smembers(keys.batches())
        pipe.zrange(keys.waiting_batches(), 0, -1)
        pipe.zrange(keys.released_batches(), 0, -1)
        queues.look_at_jobs(store, pipe, queues.QueueName.MATCH)
        batch_ids, waiting, released, *jobs = pipe.execute()
    seen = queues.jobs_seen(jobs)
    are_parked = set() if are_parked_due else {queues.batch_of(one) for one in seen.parked}
    cared_for = {text(one) for one in (*waiting, *released)} | {queues.batch_of(one) for one in seen.under_way}
    left = {text(one) for one in batch_ids} - cared_for - are_parked
    let_go = {one for one in left if _release_one(store, one)}
    return [one for one in seen.parked if queues.batch_of(one) in let_go]


def _release_one(store: Store, batch_id: str) -> bool:
    """Let a batch go, and leave it to its run; False when it has been answered meanwhile, or cannot be read."""
    with store.pipeline(transaction=True) as pipe, contextlib.suppress(WatchError, ValidationError):
        pipe.watch(keys.batch(batch_id))
        batch = read(pipe, batch_id)
        if batch is not None:
            pipe.multi()
            pipe.zadd(keys.released_batches(), {batch_id: batch.place})
            pipe.execute()
            return True
    return False


def _oldest_first(store: Store) -> list[tuple[str, Batch]]:
    stored = ((text(one), read(store, text(one))) for one in store.smembers(keys.batches()))
    return sorted(((name, batch) for name, batch in stored if batch is not None), key=lambda one: one[1].place)
