"""Says in which state a host is and why it is, or is not, being crawled: for people, and as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from orbweaver.model import format_time
from orbweaver.queue import queues
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.hosts import counting, dispatch, due, host_waits
from orbweaver.queue.hosts.counting import BudgetPlan, Shares
from orbweaver.queue.hosts.due import NEVER, Lease
from orbweaver.queue.hosts.host_clock import HostClock, scheduled
from orbweaver.queue.hosts.host_store import KnownHost
from orbweaver.queue.hosts.host_waits import HostWait
from orbweaver.queue.hosts.shown import obstacles
from orbweaver.queue.hosts.shown.obstacles import Fleet
from orbweaver.queue.hosts.visit_outcome import VisitOutcome, ending_of
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawls
from orbweaver.queue.schedule import due_time
from orbweaver.queue.schedule.explanation import Cause, DueTime
from orbweaver.queue.schedule.rates import Prior, rate_of
from orbweaver.queue.schedule.scheduled_host import ScheduledHost
from orbweaver.settings import Settings
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
    """The state of a host, when it is due (None: not, or it is under way), and why, a line for each reason.

    `cause` is one stable word for the reason that decides, for scripts.
    """

    state: HostState
    due_at: datetime | None
    cause: str
    reasons: tuple[str, ...]
    rate: float | None = None


@dataclass(frozen=True)
class HostOnlooker:
    """One look at the hosts of a store: all that their situations depend on besides themselves, at one moment."""

    store: Store
    plan: BudgetPlan
    shares: Shares
    at: datetime
    fleet: Fleet

    def situations(self, hosts: Sequence[KnownHost]) -> list[Situation]:
        """Return the situation of each host, in order. Raises RedisError."""
        return situations(self.store, hosts, self.plan, self.shares, self.at, self.fleet)


def look(store: Store, settings: Settings) -> HostOnlooker:
    """Look at what hosts wait for now, by the clock of the server. Raises RedisError."""
    plan, at = counting.plan_of(settings), due.server_time(store)
    shares = counting.read(store, plan) or counting.provisional(plan.policy, due.counts(store).hosts)
    return HostOnlooker(store, plan, shares, at, obstacles.fleet_of(store, plan, at))


def situations(
    store: Store, hosts: Sequence[KnownHost], plan: BudgetPlan, shares: Shares, at: datetime, fleet: Fleet | None = None
) -> list[Situation]:
    """Return the situation of each host, in order; `fleet` is what was seen of it, by default it is looked at now."""
    fleet = obstacles.fleet_of(store, plan, at) if fleet is None else fleet
    names = [one.name for one in hosts]
    times, priors = due.due_times(store, names), counting.priors_of(store, names, shares)
    with store.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.zscore(keys.ready(), name)
        ready = [score is not None for score in pipe.execute()]
    leases = {one.name: one for one in due.leases(store)}
    waits = host_waits.waits_of(store, [one.record.reports if one.record else () for one in hosts], at)
    return [
        _situation(store, host, due_at, is_ready, leases.get(host.name), prior, wait, fleet, plan, shares, at)
        for host, due_at, is_ready, prior, wait in zip(hosts, times, ready, priors, waits, strict=True)
    ]


def told_of(
    host: KnownHost, prior: Prior, wait: HostWait, plan: BudgetPlan, shares: Shares, at: datetime
) -> tuple[ScheduledHost, DueTime] | str:
    """Return what the schedule decides about a host now; words when it cannot."""
    if host.record is None:
        return host.unreadable or "its record cannot be read"
    try:
        known = scheduled(host.name, dispatch.current(host.clock, host.record, at), prior, host.record, wait.until)
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
    wait: HostWait,
    fleet: Fleet,
    plan: BudgetPlan,
    shares: Shares,
    at: datetime,
) -> Situation:
    told = told_of(host, prior, wait, plan, shares, at)
    if isinstance(told, str):
        return Situation(HostState.UNREADABLE, None, "unreadable", (told,))
    known, decided = told
    slowed = host_waits.in_words(wait, at)
    pace = () if slowed is None else (slowed,)
    rate, reasons = rate_of(known.evidence, known.prior), (*decided.explanation.text.splitlines(), *pace)
    if lease is not None:
        word, lines = _in_work(store, lease, fleet)
        return Situation(HostState.UNDER_WAY, None, word, (*lines, *pace), rate)
    if decided.at is None:
        state = _kept_by(host, decided)
        cause = state.value if state is not HostState.NOT_DUE else _word(decided)
        return Situation(state, None, cause, reasons, rate)
    found = list(filter(None, (obstacles.of_its_job(host.name, fleet), obstacles.of_the_last_try(host.clock))))
    clock = obstacles.of_the_clock(fleet)
    if (is_ready or (due_at is not None and due_at <= at.timestamp())) and decided.at <= at:
        found += [
            *obstacles.of_the_fleet(host.clock, fleet, is_asked_for=decided.is_asked_for),
            *([clock] if clock else []),
        ]
        return Situation(HostState.READY, decided.at, found[0].word, (*reasons, *(one.line for one in found)), rate)
    stored = None if due_at is None or due_at == NEVER else datetime.fromtimestamp(due_at, UTC)
    others = [one.line for one in (*found, *([clock] if clock else []))]
    if host.clock.last_visit is None and stored is None:
        others.append("the next scheduler that counts all hosts gives it its due time")
    is_left_alone = decided.explanation.cause is Cause.HOST_WAIT
    due_then = decided.at if stored is None or is_left_alone else stored
    return Situation(HostState.WAITING, due_then, _word(decided), (*reasons, *others), rate)


def _word(decided: DueTime) -> str:
    """Return the rule that set the due time, or keeps the host from having one, as one word."""
    return decided.explanation.cause.value.replace(", ", "-").replace(" ", "-")


def _kept_by(host: KnownHost, decided: DueTime) -> HostState:
    cause = decided.explanation.cause
    if cause is Cause.AUTHORITY:
        return HostState.EXPIRED
    if cause is Cause.PAUSE:
        is_retired = host.record is not None and host.record.retired_at is not None
        return HostState.RETIRED if is_retired else HostState.PAUSED
    return HostState.NOT_DUE


def _in_work(store: Store, lease: Lease, fleet: Fleet) -> tuple[str, tuple[str, ...]]:
    """Return where the visit of a host is that a scheduler has claimed: a word, and lines."""
    if lease.recrawl_id is None:
        return "claimed", ("a scheduler is about to enqueue its recrawl",)
    job_id, recrawl = queues.recrawl_job_id(lease.name), f"recrawl {lease.recrawl_id}"
    record = recrawls.read(store, lease.recrawl_id)
    ending = None if record is None else ending_of(record)
    slices = (ending.reason or "",) if ending is not None and ending.outcome is VisitOutcome.SLICED else ()
    if job_id in fleet.parked:
        obstacle = obstacles.of_its_job(lease.name, fleet)
        assert obstacle is not None
        return obstacle.word, (obstacle.line,)
    if (worker := queues.worker_of(store, QueueName.RECRAWL, job_id)) is not None:
        return "recrawled", (f"worker {worker} recrawls it: {recrawl}", *slices)
    if job_id not in fleet.has_job:
        return "answers", (f"its {recrawl} is over; its files wait for their answers, and a scheduler for these",)
    if not fleet.places:
        waits = obstacles.of_the_fleet(HostClock(), fleet, is_asked_for=True)
        return waits[0].word, (f"its {recrawl} waits in the queue", *(one.line for one in waits))
    if slices:
        return "sliced", (f"its {recrawl} waits in the queue behind others", *slices)
    return "queued", (f"its {recrawl} waits in the queue for a worker",)


def moment_in_words(moment: datetime | None) -> str | None:
    """Return a moment as JSON has it."""
    return None if moment is None else format_time(moment)
