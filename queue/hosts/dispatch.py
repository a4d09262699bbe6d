"""Sends hosts that are due to the recrawl workers: no more than these can start soon, and the most urgent first."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import uuid4

from orbweaver.queue import queues
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.hosts import counting, due, host_store, host_waits, spending
from orbweaver.queue.hosts.counting import BudgetPlan, Shares
from orbweaver.queue.hosts.due import NEVER, HostClaim
from orbweaver.queue.hosts.host_clock import Held, HostClock, of_record, scheduled
from orbweaver.queue.hosts.host_record import HostRecord
from orbweaver.queue.hosts.host_store import KnownHost
from orbweaver.queue.hosts.host_waits import HostWait
from orbweaver.queue.hosts.report_weight import weight_of
from orbweaver.queue.queues import IDLE_BECAUSE, RECRAWLS_AT_ONCE, QueuedJobs, QueueName
from orbweaver.queue.records import recrawl_progress, recrawls, runs
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.schedule import due_time
from orbweaver.queue.schedule.explanation import Cause
from orbweaver.queue.schedule.rates import Prior
from orbweaver.store.connection import Store, text
from rq import Worker
from rq.exceptions import DuplicateJobError
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

# So many jobs for each place of a worker: one under way, and one that waits, or a place would be empty until the next
# tick.
JOBS_A_PLACE: Final = 2
# A start takes some 15 ms on a store that waits for its disk at each write: a tick ends, and can be stopped, soon.
STARTED_AT_ONCE: Final = 100
BUSY_AGAIN: Final = timedelta(seconds=30)
UNREADABLE_AGAIN: Final = timedelta(hours=1)
# A job that is in no list of its queue is one that its maker had no time to put there.
_ORPHAN_SECONDS: Final = 60.0


class NotStarted(StrEnum):
    """Why a claimed host was given back without a visit."""

    NOT_DUE = "it is not due after all"
    ASKED = "it asked to be left alone"
    BUSY = "its host has a recrawl job of another run"
    UNREADABLE = "its record cannot be read"
    LOST = "its lease was over"


@dataclass
class Dispatched:
    """The result of one dispatch: the recrawl of each host that was started, and why others were given back."""

    started: dict[str, str] = field(default_factory=dict)
    given_back: dict[str, NotStarted] = field(default_factory=dict)


def places(store: Store) -> int:
    """Return how many recrawls the live recrawl workers, that take jobs, can have under way at once."""
    prefix = Worker.redis_worker_namespace_prefix
    members = store.smembers(WORKERS_BY_QUEUE_KEY % QueueName.RECRAWL.value)
    total = 0
    for worker_key in map(text, members):
        at_once, idle, death = store.hmget(worker_key, RECRAWLS_AT_ONCE, IDLE_BECAUSE, "death")
        is_working = idle is None and death is None and not dead_workers.is_dead(store, worker_key.removeprefix(prefix))
        if is_working:
            total += int(at_once) if at_once is not None and at_once.isdigit() else 1
    return total


def room(store: Store) -> int:
    """Return how many more recrawls can start soon."""
    return max(0, places(store) * JOBS_A_PLACE - queues.waiting_jobs(store, QueueName.RECRAWL))


def dispatch(store: Store, plan: BudgetPlan, shares: Shares, at: datetime) -> Dispatched:
    """Claim the most urgent hosts that the workers can start soon and the budget pays for; enqueue a recrawl of each.

    A host that an operator asked for goes before the budget. Whatever ends in the middle, a host whose recrawl is not
    noted in its claim comes back when its lease ends.
    """
    done = Dispatched()
    most = min(room(store), STARTED_AT_ONCE)
    if not most:
        return done
    paid_for = spending.take(store, plan.policy.budget, shares.cost, most, at)
    claims = due.claim(store, most, unasked=paid_for)
    names = [one.name for one in claims]
    known = {one.name: one for one in host_store.read_hosts(store, names)}
    priors = dict(zip(names, counting.priors_of(store, names, shares), strict=True))
    reports = [one.record.reports if one.record else () for one in known.values()]
    waits = dict(zip(known, host_waits.waits_of(store, reports, at), strict=True))
    spent = 0.0
    for held in claims:
        wait = waits.get(held.name, host_waits.NO_WAIT)
        outcome = _start(store, held, known.get(held.name), priors[held.name], wait, plan, shares, at)
        if isinstance(outcome, NotStarted):
            done.given_back[held.name] = outcome
        else:
            done.started[held.name] = outcome
            spent += known[held.name].clock.cost
    spending.give_back(store, paid_for * shares.cost - spent)
    return done


def _start(
    store: Store,
    held: HostClaim,
    host: KnownHost | None,
    prior: Prior,
    wait: HostWait,
    plan: BudgetPlan,
    shares: Shares,
    at: datetime,
) -> str | NotStarted:
    """Start the recrawl of a claimed host; returns its id, or why there is none."""
    if host is None or host.record is None:
        _give_back(store, held, HostClock() if host is None else host.clock, at + UNREADABLE_AGAIN, Held.UNREADABLE)
        return NotStarted.UNREADABLE
    record, clock = host.record, current(host.clock, host.record, at)
    try:
        known = scheduled(held.name, clock, prior, record, wait.until)
        decided = due_time.due(known, plan.policy, shares.allotment, at)
    except ScheduleRefused:
        _give_back(store, held, clock, at + UNREADABLE_AGAIN, Held.UNREADABLE)
        return NotStarted.UNREADABLE
    if decided.at is None or decided.at > at + timedelta(seconds=1):
        if decided.explanation.cause is Cause.HOST_WAIT:
            _give_back(store, held, clock, decided.at, Held.ASKED)
            return NotStarted.ASKED
        _give_back(store, held, clock, decided.at, None)
        return NotStarted.NOT_DUE
    if _has_job(store, held.name):
        _give_back(store, held, clock, at + BUSY_AGAIN, Held.BUSY)
        return NotStarted.BUSY
    run_id = uuid4().hex
    runs.create(store, run_id)
    recrawl_id = recrawls.create(store, run_id, record.order)
    if not due.note_recrawl(store, held, recrawl_id, run_id):
        recrawls.end(store, recrawl_id, RecrawlState.INTERRUPTED, reason="the scheduler was too slow")
        return NotStarted.LOST
    if not enqueue(store, held.name, record, recrawl_id):
        recrawls.end(store, recrawl_id, RecrawlState.INTERRUPTED, reason="its host has a job of another run")
        _give_back(store, held, clock, at + BUSY_AGAIN, Held.BUSY)
        return NotStarted.BUSY
    return recrawl_id


def current(clock: HostClock, record: HostRecord, at: datetime) -> HostClock:
    """Return a clock with what the record says now: its weight changes with the age of the reports."""
    weight = record.weight if record.weight is not None else weight_of(record.reports, at)
    return dataclasses.replace(clock, **of_record(record, weight))  # type: ignore[arg-type]


def enqueue(store: Store, name: str, record: HostRecord, recrawl_id: str) -> bool:
    """Enqueue the job of a recrawl; False when its host has the job of another one already.

    Another scheduler that saw the lease before the job was there may have put it there (completion).
    """
    try:
        queues.enqueue_recrawl(store, name, recrawl_id, record.scope.limits.max_seconds)
    except DuplicateJobError:
        job = queues.queue_for(store, QueueName.RECRAWL).fetch_job(queues.recrawl_job_id(name))
        if job is not None:
            return list(job.args) == [recrawl_id]
        [status] = recrawl_progress.statuses(store, [recrawl_id])
        return status.state is not RecrawlState.QUEUED  # it was done meanwhile
    return True


def seen_jobs(store: Store) -> QueuedJobs:
    """Return the ids of all recrawl jobs, at one moment."""
    with store.pipeline(transaction=True) as pipe:
        queues.look_at_jobs(store, pipe, QueueName.RECRAWL)
        return queues.jobs_seen(pipe.execute())


def _has_job(store: Store, name: str) -> bool:
    """Whether a host has a recrawl job; one that its maker never put into the queue is removed."""
    job_id = queues.recrawl_job_id(name)
    created_at = store.hget(queues.job_key(job_id), "created_at")
    if created_at is None:
        return bool(store.exists(queues.job_key(job_id)))
    seen = seen_jobs(store)
    if job_id in seen.under_way or job_id in seen.parked or not _is_orphan(created_at):
        return True
    dead_workers.discard(store, QueueName.RECRAWL, job_id)
    return False


def _is_orphan(created_at: bytes | str) -> bool:
    try:
        written = datetime.fromisoformat(created_at.decode() if isinstance(created_at, bytes) else created_at)
    except ValueError:
        return False
    return time.time() - written.replace(tzinfo=written.tzinfo or UTC).timestamp() > _ORPHAN_SECONDS


def _give_back(store: Store, held: HostClaim, clock: HostClock, until: datetime | None, why: Held | None) -> None:
    after = dataclasses.replace(clock, held=why)
    due_at = NEVER if until is None else until.timestamp()
    before = host_store.read_clock(store, held.name)
    setting = host_store.changed(before, after, due_at)
    due.set_due(store, due.setting_script(store), held.name, setting, fence=held.fence)
