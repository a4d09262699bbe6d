"""Looks after the hosts that are under way: renews their leases, and turns a recrawl that has ended into a visit.

Nobody else completes, and the recrawl itself knows nothing of leases. Two schedulers that complete the same visit do no
harm: the fence of the lease lets one of them write.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from orbweaver.queue import queues
from orbweaver.queue.errors import HostUnreadable, ScheduleRefused
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.hosts import counting, day_totals, dispatch, due, host_clock, host_store, host_waits, spending
from orbweaver.queue.hosts.counting import BudgetPlan, Shares
from orbweaver.queue.hosts.due import LEASE_SECONDS, NEVER, Lease
from orbweaver.queue.hosts.host_clock import HostClock, scheduled
from orbweaver.queue.hosts.host_store import VisitRecord
from orbweaver.queue.hosts.visit_outcome import VisitEnding, VisitOutcome, ending_of, seen_in, slowed
from orbweaver.queue.queues import QueuedJobs, QueueName
from orbweaver.queue.records import recrawl_progress, recrawls, runs
from orbweaver.queue.records.recrawl_progress import RecrawlTimes
from orbweaver.queue.records.recrawls import ENDED, RecrawlRecord, RecrawlState
from orbweaver.queue.schedule import due_time
from orbweaver.queue.schedule.visits import HostVisit, after_visit
from orbweaver.store import keys
from orbweaver.store.connection import Store

log = logging.getLogger("orbweaver.scheduler")

# The files of a visit get so long for their answers; then it counts as it is, and the files stay unknown.
ANSWERS_WAITED_FOR: Final = timedelta(minutes=10)
STOPPED_AGAIN: Final = timedelta(seconds=30)
# A recrawl that found nothing new is of little use later: its history says what came of it.
UNREMARKABLE_KEPT_SECONDS: Final = 3 * 24 * 3600
COMPLETED_AT_ONCE: Final = 500


@dataclass
class Completed:
    """The result of a look at the leases: the outcome of each visit that is over, and how many are still under way."""

    outcomes: dict[str, VisitOutcome] = field(default_factory=dict)
    under_way: int = 0


def complete(store: Store, plan: BudgetPlan, shares: Shares, at: datetime) -> Completed:
    """Renew the leases of visits that are under way, and complete those that are over."""
    done = Completed()
    leases = due.leases(store)
    _shorten_those_of_another_clock(store, leases, at)
    visited = [one for one in leases if one.recrawl_id is not None and one.run_id is not None]
    jobs = dispatch.seen_jobs(store)  # before the states: a job ends after its recrawl
    ids = [str(one.recrawl_id) for one in visited]
    statuses, times = recrawl_progress.statuses(store, ids), recrawl_progress.times(store, ids)
    waiting = _batches_waiting(store, visited)
    renewed = []
    for lease, status, when, batches in zip(visited, statuses, times, waiting, strict=True):
        is_over = status.state in ENDED or not _keep_under_way(store, lease, status.state, when, jobs)
        is_answered = not batches or at - (when.ended_at or at) > ANSWERS_WAITED_FOR
        if is_over and is_answered and len(done.outcomes) < COMPLETED_AT_ONCE:
            outcome = _complete(store, lease, when, plan, shares, at)
            if outcome is not None:
                done.outcomes[lease.name] = outcome
        else:
            renewed.append(lease.claim)
    done.under_way = len(due.renew(store, renewed))
    return done


def _shorten_those_of_another_clock(store: Store, leases: Sequence[Lease], at: datetime) -> None:
    """Shorten leases that end later than any that is given: the clock has jumped back since."""
    latest = at.timestamp() + 2 * LEASE_SECONDS
    due.renew(store, [one.claim for one in leases if one.ends_at > latest])


def _batches_waiting(store: Store, leases: Sequence[Lease]) -> list[int]:
    with store.pipeline(transaction=False) as pipe:
        for lease in leases:
            pipe.scard(keys.run_batches(str(lease.run_id)))
        return [int(count) for count in pipe.execute()]


def _keep_under_way(store: Store, lease: Lease, state: RecrawlState, when: RecrawlTimes, jobs: QueuedJobs) -> bool:
    """Have a recrawl that has not ended go on, with another job where it has lost its own.

    False when it has ended meanwhile, or is ended by this: it was begun and has no job any more, or no record.
    """
    job_id = queues.recrawl_job_id(lease.name)
    if job_id in jobs.under_way or job_id in jobs.parked:  # the upkeep of the fleet ends a parked one
        return True
    if when.created_at is None:
        return False  # its record is gone
    recrawl_id = str(lease.recrawl_id)
    if state is RecrawlState.QUEUED:
        record = recrawls.read(store, recrawl_id)
        if record is not None:
            # Its scheduler ended before it had put the job there, or somebody withdrew it, perhaps between two slices.
            host = host_store.read_record_of(store, lease.name)
            if host is not None:
                dispatch.enqueue(store, lease.name, host, record.recrawl_id)
            return True
    # Its job may have been put there, and begun, after the look at the jobs and before that at its state. From its
    # beginning on it is among them until its recrawl has ended.
    if job_id in dispatch.seen_jobs(store).under_way:
        return True
    [status] = recrawl_progress.statuses(store, [recrawl_id])  # it may have ended since
    if status.state not in ENDED:
        recrawls.end(store, recrawl_id, RecrawlState.FAILED, reason="its job is gone")
        dead_workers.discard_parked(store, QueueName.RECRAWL, job_id)
    return False


def _complete(
    store: Store, lease: Lease, when: RecrawlTimes, plan: BudgetPlan, shares: Shares, at: datetime
) -> VisitOutcome | None:
    """Write the visit of a host, what is known then, and when it is due next; None when the fence is an old one."""
    recrawl_id, run_id = str(lease.recrawl_id), str(lease.run_id)
    record = recrawls.read(store, recrawl_id)
    if record is None:
        ending = VisitEnding(VisitOutcome.CRASHED, "the store has lost its recrawl")
    else:
        ending = ending_of(record, recrawls.reported(store, recrawl_id).values())
    new_cases = len(runs.new_case_ids(store, run_id))
    began_at, ended_at = when.created_at or at, min(when.ended_at or at, at)
    slowed_visits = 0 if record is None else _slowed_visits(store, lease.name, record, began_at, at)
    ending = slowed(ending, slowed_visits)
    before = host_store.read_clock(store, lease.name)
    seen = seen_in(ending.outcome, has_new=new_cases > 0)
    visit = HostVisit(began_at, ended_at, seen, cost=_cost(record, plan))
    after, due_at = _next(store, lease.name, before, visit, ending.outcome, plan, shares, at)
    written = VisitRecord(
        ended_at=ended_at,
        outcome=ending.outcome,
        reason=None if ending.reason is None else ending.reason[:300],
        cases=runs.case_count(store, run_id),
        new_cases=new_cases,
        unknown=runs.unknown_count(store, run_id) + sum(_batches_waiting(store, [lease])),
        seconds=round((ended_at - began_at).total_seconds(), 1),
        recrawl_id=recrawl_id,
        run_id=run_id,
        asked_at=_fulfilled(before, began_at),
        is_slowed=slowed_visits > 0,
        **({} if record is None else _counts(record)),
    )
    setting = dataclasses.replace(
        host_store.changed(before, after, due_at),
        visit=written.model_dump_json(exclude_defaults=True),
        totals=_totals(written, visit.cost, at),
    )
    script = due.setting_script(store)
    if not due.set_due(store, script, lease.name, setting, fence=lease.fence, day=f"{at:%Y-%m-%d}"):
        return None
    with store.pipeline(transaction=False) as pipe:
        spending.give_back(pipe, before.cost - visit.cost)
        if not new_cases:
            recrawls.keep_for(pipe, recrawl_id, UNREMARKABLE_KEPT_SECONDS)
            runs.keep_for(pipe, run_id, UNREMARKABLE_KEPT_SECONDS)
        pipe.execute()
    return ending.outcome


def _fulfilled(clock: HostClock, began_at: datetime) -> datetime | None:
    """Return the wish that a visit which began then has fulfilled: none that is for later."""
    if clock.asked_at is None or clock.asked_at > began_at.timestamp():
        return None
    return datetime.fromtimestamp(clock.asked_at, began_at.tzinfo)


def _slowed_visits(store: Store, name: str, record: RecrawlRecord, began_at: datetime, at: datetime) -> int:
    """Return in how many visits in a row, this one the last, the host said that it has too many requests."""
    [wait] = host_waits.waits_of(store, [record.order.reports], at)
    if wait.asked_at < began_at.timestamp():
        return 0
    before = [one.is_slowed for one in host_store.visits(store, name)]
    return 1 + next((count for count, is_slowed in enumerate(before) if not is_slowed), len(before))


def _next(
    store: Store,
    name: str,
    before: HostClock,
    visit: HostVisit,
    outcome: VisitOutcome,
    plan: BudgetPlan,
    shares: Shares,
    at: datetime,
) -> tuple[HostClock, float]:
    """Return the clock of a host after a visit, and when it is due next."""
    if outcome is VisitOutcome.STOPPED:
        # The same visit goes on, so nothing is learned; dispatch decides by the clock that was.
        return dataclasses.replace(before, outcome=outcome, held=None), (at + STOPPED_AGAIN).timestamp()
    [prior] = counting.priors_of(store, [name], shares)
    try:
        record = host_store.read_record_of(store, name)
        clock = before if record is None else dispatch.current(before, record, at)
        known = after_visit(scheduled(name, clock, prior, record), visit, plan.policy)
        decided = due_time.due(known, plan.policy, shares.allotment, at)
    except (HostUnreadable, ScheduleRefused) as error:
        log.warning("a host is visited again in %s: %s", dispatch.UNREADABLE_AGAIN, error)
        later = at + dispatch.UNREADABLE_AGAIN
        return dataclasses.replace(before, outcome=outcome, held=host_clock.Held.UNREADABLE), later.timestamp()
    due_at = NEVER if decided.at is None else decided.at.timestamp()
    slack = 0.0 if due_at == NEVER else max(0.0, due_at - at.timestamp())
    if decided.is_asked_for:
        slack = due.ASKED_SLACK
    return dataclasses.replace(host_clock.after(clock, known, outcome), slack=slack), due_at


def _cost(record: RecrawlRecord | None, plan: BudgetPlan) -> float:
    """Return what a visit took of the budget."""
    if plan.unit == "visits" or record is None:
        return 1.0
    return max(1.0, float(record.tally.pages + record.tally.files + record.tally.failures))


def _counts(record: RecrawlRecord) -> dict[str, int]:
    tally = record.tally
    return {
        "pages": tally.pages,
        "files": tally.files,
        "failures": tally.failures,
        "skipped": tally.skipped,
        "bytes_read": tally.bytes_read,
        "slices": record.slices + 1,
    }


def _totals(visit: VisitRecord, cost: float, at: datetime) -> dict[str, float]:
    requests = visit.pages + visit.files + visit.failures
    totals = {"cost": cost, "requests": requests, "bytes": visit.bytes_read, "new_cases": visit.new_cases}
    of_hour = {"visits": 1, "files": visit.files, "new_cases": visit.new_cases}
    return {
        visit.outcome: 1,
        **{name: count for name, count in totals.items() if count},
        **{day_totals.of_hour(at, name): count for name, count in of_hour.items() if count},
    }
