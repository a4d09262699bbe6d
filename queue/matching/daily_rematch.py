"""Asks again by time, for services that do not say when their list changes (EOKM, TCAP): once a day about everything
retained, a little at each check of their health.

A round goes from shard to shard. Its next step begins when nothing else is asked again, so a service that is slow or
down stretches the round and is asked no more at once.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from orbweaver.model import format_time, now
from orbweaver.queue.records import retained, sweeps
from orbweaver.queue.records.sweeps import SweepName
from orbweaver.store import keys
from orbweaver.store.connection import Store, text

if TYPE_CHECKING:
    from redis.client import Pipeline

EVERY = timedelta(days=1)
# Retained files in one step, unless one shard has more. A step a minute is 1.4 million files a day.
FILES_AT_ONCE = 1_000


class _Round(NamedTuple):
    """The last round: when it began, None before the first, and how many shards it has gone through."""

    began_at: datetime | None
    place: int


def go_on_if_due(store: Store) -> bool:
    """Begin a round a day after the last began, or the next step of this one; True when anything is asked again.

    Cheap when nothing is due: meant to be called at every check of a service that names no list version.
    """
    while True:
        last = _read(store)
        is_over = last.place >= len(retained.SHARDS)
        if is_over and last.began_at is not None and now() - last.began_at < EVERY:
            return False
        step = _Round(now(), 0) if is_over or last.began_at is None else last
        shards = retained.first_few(store, list(retained.SHARDS[step.place :]), FILES_AT_ONCE)
        step = step._replace(place=step.place + len(shards))
        if any(retained.count(store, shards)):
            return _start(store, last, step, shards)
        _write(store, step)  # nothing to ask about; done twice it is harmless


def _start(store: Store, last: _Round, step: _Round, shards: list[str]) -> bool:
    due = keys.sweep_due(SweepName.REMATCH)

    def is_free(pipe: Pipeline) -> bool:
        # A slice that works has its shards among what is due; another worker may have taken this step meanwhile.
        return not pipe.zcount(due, "-inf", time.time()) and _read(pipe) == last

    def mark(pipe: Pipeline) -> None:
        pipe.zadd(due, dict.fromkeys(shards, 0))
        _write(pipe, step)

    return sweeps.start(store, SweepName.REMATCH, mark, only_if=is_free)


def _read(reading: Store | Pipeline) -> _Round:
    began_at, place = reading.hmget(keys.timed_round(), "began_at", "place")
    return _Round(None if began_at is None else datetime.fromisoformat(text(began_at)), int(place or 0))


def _write(writing: Store | Pipeline, step: _Round) -> None:
    assert step.began_at is not None
    writing.hset(keys.timed_round(), mapping={"began_at": format_time(step.began_at), "place": step.place})
