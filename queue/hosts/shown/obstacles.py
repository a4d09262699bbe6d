"""Says what keeps a host that is due from being visited: a job, schedulers, workers, the budget, the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from orbweaver.model import now
from orbweaver.queue import queues
from orbweaver.queue.fleet.shown import job_list, worker_list
from orbweaver.queue.fleet.shown.job_list import JobState
from orbweaver.queue.fleet.shown.worker_list import WorkerState
from orbweaver.queue.hosts import scheduler_sign, spending
from orbweaver.queue.hosts.counting import BudgetPlan
from orbweaver.queue.hosts.dispatch import JOBS_A_PLACE
from orbweaver.queue.hosts.host_clock import Held, HostClock
from orbweaver.queue.queues import QueueName
from orbweaver.queue.runs import run_lock
from orbweaver.store import keys
from orbweaver.store.connection import Store

# The due times follow the clock of the server; a difference of so much is worth a line.
CLOCKS_APART: Final = timedelta(minutes=1)


class Obstacle(NamedTuple):
    """The obstacle that keeps a host from being visited: one stable word for scripts, and a line for people."""

    word: str
    line: str


@dataclass(frozen=True)
class Fleet:
    """The things that due hosts wait for, at one moment of the server's clock.

    `places` are those of the recrawl workers that take jobs, `idle` says why others take none. `busy` counts the jobs
    that have or wait for a place, `ready` the hosts that are due. `left` is the rest of the budget. `parked` says of
    jobs that are parked why. `clocks_apart` is how much the server's clock is before this machine's.
    """

    places: int
    idle: tuple[str, ...]
    busy: int
    ready: int
    left: float
    silence: str | None
    has_job: frozenset[str]
    parked: dict[str, str]
    runs: tuple[str, ...]
    clocks_apart: timedelta


def fleet_of(store: Store, plan: BudgetPlan, at: datetime, *, machine_time: datetime | None = None) -> Fleet:
    """Look at what the hosts wait for; `machine_time` is this machine's clock, by default now."""
    workers = [one for one in worker_list.workers(store, at) if QueueName.RECRAWL in one.queues]
    with store.pipeline(transaction=True) as pipe:
        queues.look_at_jobs(store, pipe, QueueName.RECRAWL)
        seen = queues.jobs_seen(pipe.execute())
    parked = job_list.jobs(store, [QueueName.RECRAWL], [JobState.FAILED])
    return Fleet(
        places=sum(one.at_once or 1 for one in workers if one.takes_jobs),
        idle=tuple(one.reason or "" for one in workers if one.state is WorkerState.NOT_IN_FORCE),
        busy=len(seen.under_way),
        ready=int(store.zcard(keys.ready())),
        left=spending.left(store, plan.policy.budget, at),
        silence=scheduler_sign.silence(scheduler_sign.last(store), at),
        has_job=seen.under_way,
        parked={one.job_id: one.reason or "" for one in parked},
        runs=tuple(filter(None, (run_lock.run_in_words(store), run_lock.service(store)))),
        clocks_apart=at - (machine_time or now()),
    )


def of_its_job(name: str, fleet: Fleet) -> Obstacle | None:
    """Return the recrawl job of somebody else that a host has, which no scheduler has noted in its lease. Pure."""
    job_id = queues.recrawl_job_id(name)
    if job_id in fleet.parked:
        mend = f"a worker ends it within a minute or so, else `orbweaver jobs discard {job_id}` removes it"
        return Obstacle("job-parked", f"its recrawl job is parked ({fleet.parked[job_id]}): {mend}")
    if job_id in fleet.has_job:
        by = f" ({'; '.join(fleet.runs)})" if fleet.runs else ""
        return Obstacle("job-of-another-run", f"another run has its recrawl job{by}: it is visited when that is done")
    return None


def of_the_clock(fleet: Fleet) -> Obstacle | None:
    """Return that the clocks are apart. Pure."""
    if abs(fleet.clocks_apart) < CLOCKS_APART:
        return None
    seconds = fleet.clocks_apart.total_seconds()
    how = f"{abs(seconds):,.0f} s {'ahead of' if seconds > 0 else 'behind'} that of this machine"
    return Obstacle("clock", f"the clock of the store's server is {how}: hosts are due by the server's")


def of_the_last_try(clock: HostClock) -> Obstacle | None:
    """Return why the last scheduler that had the host gave it back. Pure."""
    words = {
        Held.BUSY: "the last time that it was due another run had its recrawl job: tried again soon",
        Held.UNREADABLE: "the last time that it was due its record could not be read: tried again every hour",
    }
    # That a host asked to be left alone the due time itself says.
    said = words.get(Held(clock.held)) if clock.held in set(Held) else None
    return None if said is None else Obstacle("given-back", said)


def of_the_fleet(clock: HostClock, fleet: Fleet, *, is_asked_for: bool) -> tuple[Obstacle, ...]:
    """Return what a host that is due waits for, all of it. Pure."""
    found = []
    if fleet.silence is not None:
        found.append(Obstacle("no-scheduler", fleet.silence))
    if not fleet.places:
        if fleet.idle:
            found.append(Obstacle("workers-not-in-force", f"no recrawl worker takes jobs: {fleet.idle[0]}"))
        else:
            start = "start `orbweaver run`, or `orbweaver worker recrawl`"
            found.append(Obstacle("no-worker", f"no recrawl worker is alive: {start}"))
    elif fleet.busy >= JOBS_A_PLACE * fleet.places:
        said = f"{fleet.busy:,} jobs for {fleet.places:,} places; {fleet.ready:,} hosts are due"
        found.append(Obstacle("workers-full", f"all workers are busy: {said}"))
    if not is_asked_for and fleet.left < clock.cost:
        ask = "`orbweaver recrawl` asks for a visit all the same"
        found.append(
            Obstacle(
                "budget-spent", f"the budget is spent: {fleet.left:.2f} is left; {fleet.ready:,} hosts are due; {ask}"
            )
        )
    return tuple(found) or (Obstacle("next-look", "the next look of a scheduler sends it to the workers"),)
