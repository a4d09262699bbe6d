"""Says in which state a host is and why it is, or is not, being crawled: for people, and as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from orbweaver.model import format_time
from orbweaver.queue import queues
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.hosts import counting, dispatch, due, spending
from orbweaver.queue.hosts.counting import BudgetPlan, Shares
from orbweaver.queue.hosts.due import NEVER, Lease
from orbweaver.queue.hosts.host_clock import Held, scheduled
from orbweaver.queue.hosts.host_store import KnownHost
from orbweaver.queue.queues import QueueName
from orbweaver.queue.schedule import due_time
from orbweaver.queue.schedule.explanation import Cause, DueTime
from orbweaver.queue.schedule.rates import Prior, rate_of
from orbweaver.queue.schedule.scheduled_host import ScheduledHost
from orbweaver.store import keys
from orbweaver.store.connection import Store


class HostState(StrEnum):
    """The state of a host, as `hosts list` shows it."""

    UNDER_WAY = "under-way"
    READY = "ready"
    WAITING = "waiting"
    PAUSED = "paused"
    RETIRED = "retired"
    EXPIRED = "expired"
    NOT_DUE = "not-due"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Situation:
    """The state of a host, when it is due (None: not, or it is under way), and why, a line for each rule."""

    state: HostState
    due_at: datetime | None
    reasons: tuple[str, ...]
    rate: float | None = None


@dataclass(frozen=True)
class Fleet:
    """Hosts wait for these: places of workers, jobs that have them, hosts that are due, and the rest of the budget."""

    places: int
    jobs: int
    ready: int
    left: float


def fleet_of(store: Store, plan: BudgetPlan, at: datetime) -> Fleet:
    """Look at what the hosts wait for."""
    return Fleet(
        places=dispatch.places(store),
        jobs=queues.waiting_jobs(store, QueueName.RECRAWL),
        ready=int(store.zcard(keys.ready())),
        left=spending.left(store, plan.policy.budget, at),
    )


def situations(
    store: Store, hosts: Sequence[KnownHost], plan: BudgetPlan, shares: Shares, at: datetime
) -> list[Situation]:
    """Return the situation of each host, in order."""
    fleet = fleet_of(store, plan, at)
    names = [one.name for one in hosts]
    times, priors = due.due_times(store, names), counting.priors_of(store, names, shares)
    with store.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.zscore(keys.ready(), name)
        ready = [score is not None for score in pipe.execute()]
    leases = {one.name: one for one in due.leases(store)}
    return [
        _situation(store, host, due_at, is_ready, leases.get(host.name), prior, fleet, plan, shares, at)
        for host, due_at, is_ready, prior in zip(hosts, times, ready, priors, strict=True)
    ]


def told_of(
    host: KnownHost, prior: Prior, plan: BudgetPlan, shares: Shares, at: datetime
) -> tuple[ScheduledHost, DueTime] | str:
    """Return what the schedule decides about a host now; words when it cannot."""
    if host.record is None:
        return host.unreadable or "its record cannot be read"
    try:
        known = scheduled(host.name, dispatch.current(host.clock, host.record, at), prior, host.record)
        return known, due_time.due(known, plan.policy, shares.allotment, at)
    except ScheduleRefused as error:
        return str(error)


def _situation(
    store: Store,
    host: KnownHost,
    due_at: float | None,
    is_ready: bool,
    lease: Lease | None,
    prior: Prior,
    fleet: Fleet,
    plan: BudgetPlan,
    shares: Shares,
    at: datetime,
) -> Situation:
    told = told_of(host, prior, plan, shares, at)
    if isinstance(told, str):
        return Situation(HostState.UNREADABLE, None, (told,))
    known, decided = told
    rate, reasons = rate_of(known.evidence, known.prior), tuple(decided.explanation.text.splitlines())
    if lease is not None:
        return Situation(HostState.UNDER_WAY, None, (_in_work(store, lease),), rate)
    if decided.at is None:
        return Situation(_kept_by(host, decided), None, reasons, rate)
    held = _held(host)
    if (is_ready or (due_at is not None and due_at <= at.timestamp())) and decided.at <= at:
        return Situation(HostState.READY, decided.at, (*reasons, *held, *_waits_for(host, fleet)), rate)
    stored = None if due_at is None or due_at == NEVER else datetime.fromtimestamp(due_at, UTC)
    if host.clock.last_visit is None and stored is None:
        held = (*held, "the next scheduler that counts all hosts gives it its due time")
    return Situation(HostState.WAITING, stored or decided.at, (*reasons, *held), rate)


def _kept_by(host: KnownHost, decided: DueTime) -> HostState:
    cause = decided.explanation.cause
    if cause is Cause.AUTHORITY:
        return HostState.EXPIRED
    if cause is Cause.PAUSE:
        is_retired = host.record is not None and host.record.retired_at is not None
        return HostState.RETIRED if is_retired else HostState.PAUSED
    return HostState.NOT_DUE


def _in_work(store: Store, lease: Lease) -> str:
    if lease.recrawl_id is None:
        return "a scheduler is about to enqueue its recrawl"
    job_id = queues.recrawl_job_id(lease.name)
    if queues.is_with_a_worker(store, QueueName.RECRAWL, job_id):
        return f"a worker recrawls it: recrawl {lease.recrawl_id}"
    return f"its recrawl {lease.recrawl_id} waits in the queue, or its files wait for their answers"


def _held(host: KnownHost) -> tuple[str, ...]:
    words = {
        Held.BUSY: "the last time that it was due its host had a recrawl job of another run: tried again soon",
        Held.UNREADABLE: "the last time that it was due its record could not be read: tried again every hour",
    }
    return (words[Held(host.clock.held)],) if host.clock.held in set(Held) else ()


def _waits_for(host: KnownHost, fleet: Fleet) -> tuple[str, ...]:
    if not fleet.places:
        return ("no recrawl worker takes jobs: start one with `orbweaver worker recrawl`",)
    if fleet.jobs >= 2 * fleet.places:
        return (f"all workers are busy: {fleet.jobs} jobs for {fleet.places} places; {fleet.ready} hosts are due",)
    if host.clock.asked_at is None and fleet.left < host.clock.cost:
        return (f"the budget is spent: {fleet.left:.2f} is left; {fleet.ready} hosts are due",)
    return ("the next tick of a scheduler sends it to the workers: is `orbweaver scheduler` running?",)


def moment_in_words(moment: datetime | None) -> str | None:
    """Return a moment as JSON has it."""
    return None if moment is None else format_time(moment)
