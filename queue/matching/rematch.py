"""Asks again about every retained sighting when a list has changed; nothing is fetched from the web for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from orbweaver import settings as orbweaver_settings
from orbweaver.model import DigestSet, Verdict, VerdictResult
from orbweaver.queue.errors import Unreadable
from orbweaver.queue.matching import recall, settlement
from orbweaver.queue.matching.answer_changes import AnsweredSighting
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force, list_versions, retained, sweeps
from orbweaver.queue.records.list_versions import Versions
from orbweaver.queue.records.retained import Retained
from orbweaver.queue.records.sweeps import Slice, SliceBudget, SliceResult, SweepName
from orbweaver.store import keys
from orbweaver.store.connection import Store

if TYPE_CHECKING:
    from redis.client import Pipeline

Ask = Callable[[Sequence[DigestSet]], list[Verdict]]

# Digest sets in one question, which is what network services take at once, unless one shard has more.
ASKED_AT_ONCE = 1_000
# Shards that one question may be about, when they are small.
SHARDS_AT_ONCE = 256
# Matches that are written in one transaction.
SETTLED_AT_ONCE = 200


def start_if_due(
    store: Store, versions: Mapping[str, str], built: Mapping[str, datetime] = list_versions.NO_TIMES
) -> bool:
    """Start what is due, given the list version of each service that answers now; True when anything is asked again.

    A version that is new makes every retained sighting (rematch) and every case (recall) due; one that is late makes
    nothing due. `built` is when the lists were built, where services say it. Without a new one, what could not be
    answered, or was left by a killed worker, goes on. Cheap when nothing is due: meant to be called every minute.
    """
    started = _start(store, versions, built, only_if_new=True)
    if not started:
        started = [sweeps.start(store, name) for name in (SweepName.RECALL, SweepName.REMATCH)]
    return any(started)


def start_if_new(store: Store, versions: Mapping[str, str], built: Mapping[str, datetime], known: Versions) -> None:
    """Note of which lists answers are: when one is new, everything is asked again. No question when none is.

    `known` is the record as it was just read.
    """
    _start(store, versions, built, only_if_new=True, known=known)


def start(store: Store, versions: Mapping[str, str]) -> None:
    """Make everything due, whatever was asked before, and start."""
    _start(store, versions, list_versions.NO_TIMES, only_if_new=False)


def work(
    store: Store, token: str, ask: Ask, *, retention: timedelta, budget: SliceBudget = sweeps.USUAL_BUDGET
) -> None:
    """Do one slice of the rematch: `ask` gives a verdict for each digest set, in order."""

    def do(ours: Slice, shards: list[str]) -> int | None:
        return _ask_again(store, ours, retained.first_few(store, shards, ASKED_AT_ONCE), ask, retention)

    sweeps.work(store, SweepName.REMATCH, token, do, most=SHARDS_AT_ONCE, budget=budget)


def _start(
    store: Store,
    versions: Mapping[str, str],
    built: Mapping[str, datetime],
    *,
    only_if_new: bool,
    known: Versions | None = None,
) -> list[bool]:
    """Start both sweeps.

    The versions that are wanted are written with the first sweep, which may be worked on before the second begins.
    That all is begun is written with the second, so that a crash between the two starts both again.
    """
    run_id = uuid4().hex
    record = list_versions.read(store) if known is None else known

    def asked_for(known: Versions) -> dict[str, str]:
        return {
            service: version
            for service, version in versions.items()
            if not (only_if_new and known.is_late(service, version, built.get(service)))
        }

    def is_due() -> bool:
        return not (only_if_new and record.are_begun(asked_for(record)))

    def is_still_due(pipe: Pipeline) -> bool:
        nonlocal record
        pipe.watch(keys.list_versions(), keys.in_force())  # a run may want others meanwhile
        record = list_versions.read(pipe)
        if not only_if_new:
            return True  # a run decides, and its own process may have other settings than its workers
        return is_due() and not in_force.differing(pipe, orbweaver_settings.load(), [QueueName.MATCH])

    def mark_cases(pipe: Pipeline) -> None:
        recall.mark_all(pipe)
        list_versions.want(pipe, record, asked_for(record), built)

    def mark_retained(pipe: Pipeline) -> None:
        # By now the versions are wanted: what is retained from now on was asked about in these lists.
        if shards := retained.occupied(store):
            pipe.zadd(keys.sweep_due(SweepName.REMATCH), dict.fromkeys(shards, 0))
        list_versions.begin(pipe, record, asked_for(record))

    if not is_due():
        return []
    return [
        sweeps.start(store, SweepName.RECALL, mark_cases, run_id=run_id, only_if=is_still_due),
        sweeps.start(store, SweepName.REMATCH, mark_retained, run_id=run_id, only_if=is_still_due),
    ]


def _ask_again(store: Store, ours: Slice, shards: list[str], ask: Ask, retention: timedelta) -> int | None:
    by_shard = retained.read(store, shards, since=retained.oldest_kept(retention))
    matches: list[AnsweredSighting] = []
    unknown: Counter[str] = Counter()
    everything = [(shard, one) for shard, ones in zip(shards, by_shard, strict=True) for one in ones]
    for begin in range(0, len(everything), ASKED_AT_ONCE):
        asked = everything[begin : begin + ASKED_AT_ONCE]
        verdicts = ask([one.digests for _, one in asked])
        for (shard, one), verdict in zip(asked, verdicts, strict=True):
            if verdict.result is VerdictResult.UNKNOWN:
                unknown[shard] += 1
            elif verdict.result is VerdictResult.MATCH:
                matches += _answers(one, verdict)
    while len(matches) > SETTLED_AT_ONCE:
        some, matches = matches[:SETTLED_AT_ONCE], matches[SETTLED_AT_ONCE:]
        settlement.settle(store, ours.run_id, SliceResult(ours), some, retention=retention)
    ended = SliceResult(
        ours,
        done=[shard for shard in shards if shard not in unknown],
        unanswered=list(unknown),
        counts={"asked": len(everything), "unknown": unknown.total()},
    )
    settlement.settle(store, ours.run_id, ended, matches, retention=retention)
    return None if everything and unknown.total() == len(everything) else len(everything)


def _answers(one: Retained, verdict: Verdict) -> list[AnsweredSighting]:
    try:
        return [(one.sighting(), verdict)]
    except Unreadable:
        return []  # its digests are there and the rest is not: a recrawl finds the file again
