"""Looks after the re-checks that are under way: gives one that has lost its job another, and judges one that is over.

Nobody else judges. Two processes that judge the same re-check do no harm: the first one to write forgets it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from orbweaver.queue import queues
from orbweaver.queue.hosts import dispatch
from orbweaver.queue.queues import QueuedJobs
from orbweaver.queue.records import recheck_sightings, recrawl_progress, recrawls, runs
from orbweaver.queue.records.recrawls import ENDED, RecrawlRecord, RecrawlState
from orbweaver.queue.removal import judging, under_way
from orbweaver.queue.removal.observations import RecheckRecords
from orbweaver.queue.removal.under_way import RecheckUnderWay
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import CaseChange
from orbweaver.takedown.removal import recheck_times
from orbweaver.takedown.removal.course import Cadence
from pydantic import ValidationError
from rq.exceptions import DuplicateJobError

log = logging.getLogger("orbweaver.scheduler")

JUDGED_AT_ONCE: Final = 100
# The files of a re-check get so long for their answers; then they count as unanswered.
ANSWERS_WAITED_FOR: Final = timedelta(minutes=10)
# One that no worker has begun for so long is given up, and its cases are due again.
LONGEST_UNDER_WAY: Final = timedelta(days=1)
# Its cases say what came of it.
KEPT_SECONDS: Final = 3_600


@dataclass
class Judged:
    """The changes of cases that were written, and how many re-checks are still under way."""

    changes: list[CaseChange] = field(default_factory=list)
    rechecks: int = 0
    under_way: int = 0


def complete(store: Store, cadence: Cadence, at: datetime) -> Judged:
    """Judge the re-checks that are over, at most some at once."""
    done = Judged()
    rechecks = under_way.read_all(store)
    jobs = dispatch.seen_jobs(store) if rechecks else QueuedJobs(frozenset(), frozenset())  # before the states
    states = recrawl_progress.statuses(store, [one.recrawl_id for one in rechecks])
    for recheck, status in zip(rechecks, states, strict=True):
        try:
            is_over = status.state in ENDED or not _keep_under_way(store, recheck, status.state, jobs, at)
            is_judged = is_over and done.rechecks < JUDGED_AT_ONCE and _judge(store, recheck, cadence, at, done)
        except ValidationError:
            log.warning("a record of a re-check cannot be read: its cases are due again when their lease ends")
            with store.pipeline(transaction=True) as pipe:
                under_way.forget(pipe, recheck.host)
                pipe.execute()
        else:
            done.under_way += not is_judged
    return done


def _judge(store: Store, recheck: RecheckUnderWay, cadence: Cadence, at: datetime, done: Judged) -> bool:
    """Judge one re-check that is over; False while its files wait for their answers."""
    record = recrawls.read(store, recheck.recrawl_id)
    [times] = recrawl_progress.times(store, [recheck.recrawl_id])
    ended_at = min(times.ended_at or at, at)
    waiting = int(store.scard(keys.run_batches(recheck.run_id)))
    if waiting and at - ended_at < ANSWERS_WAITED_FOR:
        return False
    if record is None or record.order.recheck is None:
        with store.pipeline(transaction=True) as pipe:  # the store has lost it: its cases are due again
            under_way.forget(pipe, recheck.host)
            recheck_times.set_due(pipe, recheck.host, dict.fromkeys(recheck.case_ids, at))
            pipe.execute()
        return True
    plan = record.order.recheck
    records = RecheckRecords(
        plan=plan,
        ended_at=ended_at,
        reported=recrawls.reported(store, recheck.recrawl_id) if record.state is RecrawlState.FINISHED else {},
        seen=recheck_sightings.read(store, recheck.recrawl_id),
        skips=recrawls.skips(store, recheck.recrawl_id) if record.tally.skipped else (),
        why_not=_why_not(record),
    )
    matched = case_store.read_many(store, runs.case_ids(store, recheck.run_id))
    known = {one.newest_url for one in matched if one.sha256 not in plan.digests.get(one.newest_url, ())}
    unanswered = {one.url for one in runs.unknown(store, recheck.run_id)}
    done.changes += judging.judge_recheck(
        store, recheck, records, cadence, known_urls=known, unanswered_urls=unanswered
    )
    done.rechecks += 1
    with store.pipeline(transaction=False) as pipe:
        recrawls.keep_for(pipe, recheck.recrawl_id, KEPT_SECONDS)
        runs.keep_for(pipe, recheck.run_id, KEPT_SECONDS)
        pipe.execute()
    return True


def _why_not(record: RecrawlRecord) -> str:
    if record.state is RecrawlState.FINISHED:
        return "the re-check reached its time before it had an answer" if record.stopped_by else ""
    return f"the re-check did not come to its end: {record.reason or record.state}"


def _keep_under_way(
    store: Store, recheck: RecheckUnderWay, state: RecrawlState, jobs: QueuedJobs, at: datetime
) -> bool:
    """Have a re-check that has not ended go on, with another job where it has lost its own.

    False when it has ended meanwhile, or is ended by this: it is too old, or was begun and has no job any more.
    """
    record = recrawls.read(store, recheck.recrawl_id)
    if record is None:
        return False
    name = record.order.scope.name
    job_id = queues.recrawl_job_id(name)
    is_too_old = at - recheck.made_at > LONGEST_UNDER_WAY
    if (job_id in jobs.under_way or job_id in jobs.parked) and not is_too_old:
        return True  # the upkeep of the fleet ends a parked one
    if state is RecrawlState.QUEUED and not is_too_old:
        try:
            queues.enqueue_recrawl(store, name, recheck.recrawl_id, record.order.scope.limits.max_seconds)
        except DuplicateJobError:
            return True  # the job came meanwhile, or that of another recrawl of the host did
        return True
    if job_id in dispatch.seen_jobs(store).under_way and not is_too_old:
        return True
    [status] = recrawl_progress.statuses(store, [recheck.recrawl_id])  # it may have ended since
    if status.state not in ENDED:
        recrawls.end(store, recheck.recrawl_id, RecrawlState.FAILED, reason="its job is gone")
    return False
