"""Forgets retained sightings whose time is over, once a day: the store's hash fields cannot expire by themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orbweaver.model import now
from orbweaver.queue.records import retained, sweeps
from orbweaver.queue.records.sweeps import Slice, SliceResult, SweepName
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

EVERY = timedelta(days=1)
SHARDS_AT_ONCE = 256
READ_AT_ONCE = 10_000


def start_if_due(store: Store) -> bool:
    """Start forgetting when the last time began a day ago, or go on with it; True when a job was started."""
    key = keys.sweep(SweepName.FORGET)

    def is_due(reading: Store | Pipeline) -> bool:
        began_at = reading.hget(key, "began_at")
        return began_at is None or now() - datetime.fromisoformat(text(began_at)) >= EVERY

    def mark(pipe: Pipeline) -> None:
        if shards := retained.occupied(store):
            pipe.zadd(keys.sweep_due(SweepName.FORGET), dict.fromkeys(shards, 0))

    if is_due(store):
        return sweeps.start(store, SweepName.FORGET, mark, only_if=is_due)
    return sweeps.start(store, SweepName.FORGET)


def work(store: Store, token: str, *, retention: timedelta) -> None:
    """Do one slice: delete the sightings that are older than `retention`."""

    def do(ours: Slice, shards: list[str]) -> int:
        few = retained.first_few(store, shards, READ_AT_ONCE)
        oldest = retained.oldest_kept(retention)
        expired, read = retained.with_expired(store, few, before=oldest)
        _end(store, ours, [shard for shard in few if shard not in expired])
        for shard in expired:
            _forget(store, ours, shard, oldest)
        return read

    sweeps.work(store, SweepName.FORGET, token, do, most=SHARDS_AT_ONCE)


def _end(store: Store, ours: Slice, shards: Sequence[str]) -> None:
    """Note shards that have nothing to forget."""
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(ours.key)
        if ours.is_open(pipe):
            pipe.multi()
            SliceResult(ours, done=shards).end(pipe)
            with contextlib.suppress(WatchError):  # the sweep began anew: they are looked at again
                pipe.execute()


def _forget(store: Store, ours: Slice, shard: str, oldest: datetime) -> None:
    """Delete the old sightings of a shard, and none that came meanwhile."""
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(ours.key, keys.retained(shard))
            if not ours.is_open(pipe):
                return
            forgotten = retained.forget(pipe, shard, before=oldest)
            SliceResult(ours, done=[shard], counts={"forgotten": forgotten}).end(pipe)
            try:
                pipe.execute()
            except WatchError:
                continue  # a sighting came meanwhile
            return
