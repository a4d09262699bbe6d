"""One verification run: which recrawls it has, what it matched, and what still waits."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from orbweaver.model import Sighting, format_time, now
from orbweaver.queue.records import batches
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.delivery import outbox
from redis.client import Pipeline

KEPT_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Unknown:
    """A sighting that nobody could answer, and why."""

    url: str
    reason: str


def create(store: Store, run_id: str) -> None:
    """Write a new run's record."""
    with store.pipeline(transaction=True) as pipe:
        pipe.hset(keys.run(run_id), mapping={"created_at": format_time(now())})
        pipe.expire(keys.run(run_id), KEPT_SECONDS)
        pipe.execute()


def keep_for(pipe: Pipeline, run_id: str, seconds: int) -> None:
    """Queue that a run is forgotten after so many seconds from now; what waits for verdicts stays."""
    for key in (keys.run(run_id), keys.run_recrawls(run_id), keys.run_cases(run_id), keys.run_new_cases(run_id)):
        pipe.expire(key, seconds)


def note_over(store: Store, run_id: str) -> None:
    """Write that the run is over: workers, whosever they are, end its recrawls in order, and begin none any more."""
    store.hset(keys.run(run_id), "over_at", format_time(now()))
    store.expire(keys.run(run_id), KEPT_SECONDS)


def note_declared(store: Store, run_id: str) -> None:
    """Write that the run's settings are in force and that it has workers, for others to use, too."""
    store.hset(keys.run(run_id), "declared_at", format_time(now()))
    store.expire(keys.run(run_id), KEPT_SECONDS)


def has_declared(store: Store, run_id: str) -> bool:
    """Whether the settings in force are this run's."""
    return bool(store.hexists(keys.run(run_id), "declared_at"))


def is_over(store: Store, run_id: str) -> bool:
    """Whether the run is over, because all was done or because it was stopped."""
    return bool(store.hexists(keys.run(run_id), "over_at"))


def over(store: Store, run_ids: Collection[str]) -> frozenset[str]:
    """Return which of these runs are over, in one round trip."""
    asked = sorted(run_ids)
    with store.pipeline(transaction=False) as pipe:
        for run_id in asked:
            pipe.hexists(keys.run(run_id), "over_at")
        return frozenset(run_id for run_id, is_over in zip(asked, pipe.execute(), strict=True) if is_over)


def recrawl_ids(store: Store, run_id: str) -> list[str]:
    """Return the ids of the run's recrawls, in the order of its reports."""
    return [text(one) for one in store.lrange(keys.run_recrawls(run_id), 0, -1)]


def note_answers(
    pipe: Pipeline,
    run_id: str,
    *,
    matched_case_ids: Sequence[str],
    new_case_ids: Sequence[str],
    unknown: Sequence[tuple[Sighting, str]],
    answered: Sequence[Sighting],
    not_raised: int = 0,
) -> None:
    """Queue the consequences of a batch's verdicts for its run; a sighting answered after all is unknown no longer.

    `not_raised` counts the matches that opened no case, because people rejected their files.
    """
    if not_raised:
        pipe.hincrby(keys.run(run_id), "not_raised", not_raised)
        pipe.expire(keys.run(run_id), KEPT_SECONDS)
    if matched_case_ids:
        pipe.sadd(keys.run_cases(run_id), *matched_case_ids)
        pipe.expire(keys.run_cases(run_id), KEPT_SECONDS)
    if new_case_ids:
        pipe.sadd(keys.run_new_cases(run_id), *new_case_ids)
        pipe.expire(keys.run_new_cases(run_id), KEPT_SECONDS)
    if answered:
        pipe.hdel(keys.run_unknown(run_id), *(one.sighting_id for one in answered))
    if unknown:
        pipe.hset(
            keys.run_unknown(run_id),
            mapping={one.sighting_id: json.dumps([one.url, reason]) for one, reason in unknown},
        )
        pipe.expire(keys.run_unknown(run_id), KEPT_SECONDS)


def case_ids(store: Store, run_id: str) -> list[str]:
    """Return the ids of the cases that the run's sightings matched."""
    return sorted(text(one) for one in store.smembers(keys.run_cases(run_id)))


def case_count(store: Store, run_id: str) -> int:
    """Return how many cases the run's sightings matched."""
    return int(store.scard(keys.run_cases(run_id)))


def new_case_ids(store: Store, run_id: str) -> frozenset[str]:
    """Return the ids of the cases that this run opened."""
    return frozenset(text(one) for one in store.smembers(keys.run_new_cases(run_id)))


def unknown(store: Store, run_id: str) -> list[Unknown]:
    """Return the sightings without an answer: explicit unknowns, and those of batches that are not asked about yet."""
    by_sighting = {
        text(sighting_id): Unknown(*json.loads(value))
        for sighting_id, value in store.hgetall(keys.run_unknown(run_id)).items()
    }
    for batch_id in store.smembers(keys.run_batches(run_id)):
        batch = batches.read(store, text(batch_id))
        for sighting in batch.sightings if batch is not None else ():
            by_sighting.setdefault(sighting.sighting_id, Unknown(sighting.url, "not asked yet"))
    return sorted(by_sighting.values(), key=lambda one: one.url)


def unknown_count(store: Store, run_id: str) -> int:
    """Return how many of the run's sightings were asked about and not answered."""
    return int(store.hlen(keys.run_unknown(run_id)))


def not_raised(store: Store, run_id: str) -> int:
    """Return how many matches of the run opened no case, because people rejected their files."""
    return int(store.hget(keys.run(run_id), "not_raised") or 0)


def waiting(store: Store, run_id: str) -> tuple[int, int]:
    """Return how many of the run's batches wait for verdicts and how many of its events for their delivery."""
    return int(store.scard(keys.run_batches(run_id))), outbox.count_of(store, run_id)
