"""Sightings on their way to a verdict: batches that wait for their match job, and the ones nobody could answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from orbweaver.model import Noun, Sighting
from orbweaver.queue import queues
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from redis.client import Pipeline

# Sightings that are asked about in one job; also what a match job holds in memory.
ASKED_AT_ONCE = 200


class Batch(Noun):
    """Sightings of one run that are asked about in one job."""

    run_id: str
    sightings: tuple[Sighting, ...]


def add(store: Store, pipe: Pipeline, run_id: str, sightings: Sequence[Sighting]) -> str:
    """Queue a batch and its match job on an open transaction; returns the batch's id."""
    batch_id = uuid4().hex
    batch = Batch(run_id=run_id, sightings=tuple(sightings))
    pipe.set(keys.batch(batch_id), batch.model_dump_json())
    pipe.sadd(keys.batches(), batch_id)
    pipe.sadd(keys.run_batches(run_id), batch_id)
    queues.enqueue_match(store, pipe, batch_id)
    return batch_id


def read(store: Store, batch_id: str) -> Batch | None:
    """Read a batch; None when it has been answered already."""
    stored = store.get(keys.batch(batch_id))
    return None if stored is None else Batch.model_validate_json(stored)


def settle(pipe: Pipeline, batch_id: str, batch: Batch) -> None:
    """Queue the end of a batch on the transaction that writes its verdicts."""
    pipe.delete(keys.batch(batch_id))
    pipe.srem(keys.batches(), batch_id)
    pipe.srem(keys.run_batches(batch.run_id), batch_id)


@dataclass(frozen=True)
class Waiting:
    """A batch that waits for its verdicts, as what asked for them (queue.settlement)."""

    batch_id: str
    batch: Batch

    @property
    def key(self) -> str:
        """The batch's key: gone once it is settled."""
        return keys.batch(self.batch_id)

    def is_open(self, pipe: Pipeline) -> bool:
        """Whether nobody settled it yet."""
        return bool(pipe.exists(self.key))

    def end(self, pipe: Pipeline) -> None:
        """Queue its end."""
        settle(pipe, self.batch_id, self.batch)


def keep_unanswered(pipe: Pipeline, sightings: Sequence[Sighting]) -> None:
    """Queue keeping sightings whose verdict is unknown: they are asked about again, never dropped."""
    if sightings:
        pipe.hset(keys.unanswered(), mapping={one.sighting_id: one.model_dump_json() for one in sightings})


def drop_answered(pipe: Pipeline, sightings: Sequence[Sighting]) -> None:
    """Queue forgetting that these sightings were once unanswered."""
    if sightings:
        pipe.hdel(keys.unanswered(), *(one.sighting_id for one in sightings))


def ask_again(store: Store, run_id: str) -> int:
    """Enqueue everything unanswered, and every batch whose job was lost, for a run; returns the sightings."""
    asked = 0
    for batch_id in sorted(text(one) for one in store.smembers(keys.batches())):
        batch = read(store, batch_id)
        if batch is None or queues.is_alive(store, queues.QueueName.MATCH, queues.match_job_id(batch_id)):
            continue
        with store.pipeline(transaction=True) as pipe:
            pipe.multi()
            settle(pipe, batch_id, batch)
            add(store, pipe, run_id, batch.sightings)
            pipe.execute()
        asked += len(batch.sightings)
    waiting = [Sighting.model_validate_json(line) for line in store.hvals(keys.unanswered())]
    for start in range(0, len(waiting), ASKED_AT_ONCE):
        with store.pipeline(transaction=True) as pipe:
            pipe.multi()
            add(store, pipe, run_id, waiting[start : start + ASKED_AT_ONCE])
            pipe.execute()
    return asked + len(waiting)
