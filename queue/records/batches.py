"""Sightings on their way to a verdict: batches with a match job, batches that wait, and the unanswered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from orbweaver.model import Noun, Sighting
from orbweaver.queue import queues
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from redis.client import Pipeline
from redis.exceptions import WatchError

# Sightings that are asked about in one job; also what a match job holds in memory.
ASKED_AT_ONCE = 200
# Released batches that get their jobs in one transaction: ten thousand would block the store for 0.3 s.
RELEASED_AT_ONCE = 100


class Batch(Noun):
    """Sightings of one run that are asked about in one job.

    `place` is where they stand in the order of asking, kept however often they wait; `failures` counts how often a
    service that was healthy could not answer for them.
    """

    run_id: str
    sightings: tuple[Sighting, ...]
    place: int = 0
    failures: int = 0


def add(
    store: Store, pipe: Pipeline, run_id: str, sightings: Sequence[Sighting], *, replaces: Batch | None = None
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
    )
    pipe.set(keys.batch(batch_id), batch.model_dump_json())
    pipe.sadd(keys.batches(), batch_id)
    pipe.sadd(keys.run_batches(run_id), batch_id)
    queues.enqueue_match(store, pipe, batch_id)
    return batch_id


def read(store: Store, batch_id: str) -> Batch | None:
    """Read a batch; None when it has been answered already."""
    stored = store.get(keys.batch(batch_id))
    return None if stored is None else Batch.model_validate_json(stored)


def settle(
    pipe: Pipeline, batch_id: str, batch: Batch, waiting: Collection[str] = (), *, is_released: bool = False
) -> None:
    """Queue the end of a batch on the transaction that writes its verdicts.

    The sightings whose ids are in `waiting` stay: reduced to them the batch waits until a service is healthy again, or
    when it `is_released` already for its next job only.
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


def releases(store: Store) -> int:
    """Return how often waiting batches were let go."""
    return int(store.get(keys.releases()) or 0)


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
            found = pipe.execute_command("ZRANGE", keys.released_batches(), 0, RELEASED_AT_ONCE - 1)
            if not found or queues.has_further_turn_next(store):
                return
            pipe.multi()
            pipe.zrem(keys.released_batches(), *found)
            turn = uuid4().hex
            for batch_id in reversed(found):  # each goes to the front, so the oldest goes last
                queues.enqueue_match(store, pipe, text(batch_id), turn=turn)
            try:
                pipe.execute()
            except WatchError:
                continue
            return


@dataclass(frozen=True)
class Waiting:
    """A batch that waits for its verdicts, as what asked for them (queue.matching.settlement).

    The sightings whose ids are in `staying` are asked about again when a service is healthy: at once, when batches
    were let go since the `releases` that were counted before they were asked about.
    """

    batch_id: str
    batch: Batch
    staying: frozenset[str] = frozenset()
    releases: int = 0
    is_released: bool = False

    @property
    def key(self) -> str:
        """The batch's key: gone once it is settled."""
        return keys.batch(self.batch_id)

    def as_it_stands(self, pipe: Pipeline) -> Waiting | None:
        """Return it unless somebody settled it, knowing whether it is let go already."""
        pipe.watch(keys.releases())
        released = int(pipe.get(keys.releases()) or 0) != self.releases
        return replace(self, is_released=released) if pipe.exists(self.key) else None

    def asked_again(self, sighting_ids: Collection[str]) -> Waiting:
        """Return it with more that stays, and gets its next job at once."""
        return replace(self, staying=self.staying | frozenset(sighting_ids), is_released=True)

    def end(self, pipe: Pipeline) -> None:
        """Queue its end, or that it waits with what stays."""
        settle(pipe, self.batch_id, self.batch, self.staying, is_released=self.is_released)


def keep_unanswered(pipe: Pipeline, sightings: Sequence[Sighting]) -> None:
    """Queue keeping sightings whose verdict is unknown: they are asked about again, never dropped."""
    if sightings:
        pipe.hset(keys.unanswered(), mapping={one.sighting_id: one.model_dump_json() for one in sightings})


def drop_answered(pipe: Pipeline, sightings: Sequence[Sighting]) -> None:
    """Queue forgetting that these sightings were once unanswered."""
    if sightings:
        pipe.hdel(keys.unanswered(), *(one.sighting_id for one in sightings))


def ask_again(store: Store, run_id: str) -> int:
    """Enqueue for a run every batch that waits or whose job was lost, and all that is unanswered; returns how many
    sightings.
    """
    asked = 0
    under_way = {queues.batch_of(job_id) for job_id in queues.under_way(store, queues.QueueName.MATCH)}
    for batch_id, batch in _oldest_first(store):
        if batch_id in under_way:
            continue
        with store.pipeline(transaction=True) as pipe:
            pipe.multi()
            settle(pipe, batch_id, batch)
            add(store, pipe, run_id, batch.sightings, replaces=batch)
            pipe.execute()
        asked += len(batch.sightings)
    waiting = [Sighting.model_validate_json(line) for line in store.hvals(keys.unanswered())]
    for start in range(0, len(waiting), ASKED_AT_ONCE):
        with store.pipeline(transaction=True) as pipe:
            pipe.multi()
            add(store, pipe, run_id, waiting[start : start + ASKED_AT_ONCE])
            pipe.execute()
    return asked + len(waiting)


def _oldest_first(store: Store) -> list[tuple[str, Batch]]:
    found = ((text(one), read(store, text(one))) for one in store.smembers(keys.batches()))
    return sorted(((name, batch) for name, batch in found if batch is not None), key=lambda one: one[1].place)
