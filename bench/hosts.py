"""Measures the schedule of many hosts in a store: memory a host, claims, completions, and ticks of a scheduler.

`python -m bench.hosts [--hosts N ...] [--write-docs]`, some minutes for a million. All hosts are due at once, which is
the worst: each claim makes hosts ready and takes the most urgent of them. The store is the embedded one as it is used,
but while it is filled it does not wait for its disk.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from orbweaver import settings
from orbweaver.model import Report, Scope, ScopeKind, now
from orbweaver.queue import queues
from orbweaver.queue.fleet import processes
from orbweaver.queue.fleet.scheduler import Scheduler, Tick
from orbweaver.queue.hosts import due, host_store
from orbweaver.queue.hosts.host_clock import HostClock, packed
from orbweaver.queue.hosts.host_record import HostRecord
from orbweaver.queue.hosts.host_store import VisitRecord
from orbweaver.queue.queues import KERNEL, PROCESS_START, QueueName
from orbweaver.queue.records import recrawls
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.store import embedded, keys
from orbweaver.store.connection import Store
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from bench.crawl import documents, tables

SIZES = (10_000, 100_000, 1_000_000)
FILLED_AT_ONCE = 5_000
CLAIMED_AT_ONCE = 1_000
ROUNDS = 20
TICKS = 5
DAY = 86_400.0
MOST_BYTES = 400
MOST_MILLISECONDS = 50


class Timed(NamedTuple):
    """The times of rounds of something: the median and the slowest in milliseconds, and the server's CPU of one."""

    median: float
    slowest: float
    server: float


@dataclass(frozen=True)
class Figures:
    """The measurements with so many hosts."""

    hosts: int
    bytes_a_host: float
    with_record: float
    claim: Timed
    idle_claim: Timed
    completions: float
    starting: Timed
    started: int
    completing: Timed
    completed: int


def name_of(number: int) -> str:
    """Return a host name of 40 characters."""
    return f"img{number % 50:02d}.a-host-of-the-bench{number:07d}.example"


def clock_of(generator: random.Random, at: float) -> HostClock:
    """Return the clock of a host that was visited some times."""
    last = at - generator.uniform(1, 30) * DAY
    return HostClock(
        weight=generator.lognormvariate(0, 0.5),
        cost=1.0,
        hits=generator.uniform(0, 3),
        days=generator.uniform(1, 90),
        visits=generator.randrange(2, 200),
        last_visit=last,
        last_evidence=last,
        outcome="finished",
        slack=generator.uniform(0.1, 30) * DAY,
    )


def fill(store: Store, count: int) -> None:
    """Put hosts into the store, all of them due."""
    generator, at = random.Random(count), due.server_time(store).timestamp()
    for start in range(0, count, FILLED_AT_ONCE):
        with store.pipeline(transaction=False) as pipe:
            for number in range(start, min(start + FILLED_AT_ONCE, count)):
                pipe.hset(keys.host_clock(name_of(number)), mapping=dict(packed(clock_of(generator, at))))
                pipe.zadd(keys.due(), {name_of(number): round(at - generator.uniform(0, 10 * DAY), 3)})
            pipe.execute()


def used(store: Store) -> int:
    return int(store.info("memory")["used_memory"])


def cpu(store: Store) -> float:
    info = store.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def timed(store: Store, act: Callable[[], object], rounds: int) -> Timed:
    milliseconds = []
    before = cpu(store)
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        milliseconds.append((time.perf_counter() - began) * 1000)
    return Timed(statistics.median(milliseconds), max(milliseconds), (cpu(store) - before) / rounds * 1000)


def record_of(name: str) -> HostRecord:
    scope = Scope(kind=ScopeKind.HOST, name=name, authority="A hotline")
    report = Report(url=f"https://{name}/albums/1/", report_id="R-2026-000001", source="web form", received_at=now())
    return HostRecord(name=name, scope=scope, reports=(report,), added_at=now())


def add_records(store: Store, names: Sequence[str]) -> float:
    """Give hosts a record with one report and the ten visits that are kept; returns what that takes, bytes a host."""
    before = used(store)
    visit = VisitRecord(
        ended_at=now(), outcome="finished", pages=44, files=120, bytes_read=10**7, seconds=12.5, recrawl_id="0" * 32,
        run_id="1" * 32,
    ).model_dump_json(exclude_defaults=True)  # fmt: skip
    with store.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.set(keys.host(name), record_of(name).model_dump_json())
            pipe.rpush(keys.host_visits(name), *[visit] * due.VISITS_KEPT)
        pipe.execute()
    return (used(store) - before) / len(names)


def add_worker(store: Store, places: int) -> None:
    """Register a worker that takes any number of jobs and does none."""
    key = "rq:worker:bench"
    store.sadd(REDIS_WORKER_KEYS, key)
    store.sadd(WORKERS_BY_QUEUE_KEY % QueueName.RECRAWL.value, key)
    own = os.getpid()
    alive = {"pid": own, PROCESS_START: processes.start_of(own) or 0, KERNEL: processes.kernel()}
    store.hset(key, mapping={**alive, queues.RECRAWLS_AT_ONCE: places})


def end_recrawls(store: Store) -> int:
    """End all recrawls that are under way, as workers do; returns how many."""
    queue = queues.queue_for(store, QueueName.RECRAWL)
    noted = [one for one in due.leases(store) if one.recrawl_id is not None]
    for lease in noted:
        recrawls.end(store, str(lease.recrawl_id), RecrawlState.FINISHED)
    with store.pipeline(transaction=False) as pipe:
        pipe.delete(queue.key)
        for lease in noted:
            pipe.delete(queues.job_key(queues.recrawl_job_id(lease.name)))
        pipe.execute()
    return len(noted)


def complete_all(store: Store, held: Sequence[due.HostClaim]) -> float:
    """Complete claimed hosts by the script alone, pipelined; returns how many a second."""
    script, at = due.setting_script(store), due.server_time(store).timestamp()
    before = HostClock()
    after = replace(before, visits=9, last_visit=at, last_evidence=at, hits=1.5, days=20.0, slack=DAY)
    visit = VisitRecord(ended_at=now(), outcome="finished").model_dump_json(exclude_defaults=True)
    setting = replace(host_store.changed(before, after, at + DAY), visit=visit, totals={"finished": 1.0})
    began = time.perf_counter()
    for start in range(0, len(held), 500):
        with store.pipeline(transaction=False) as pipe:
            for one in held[start : start + 500]:
                due.set_due(pipe, script, one.name, setting, fence=one.fence, day="2026-01-01")
            pipe.execute()
    return len(held) / (time.perf_counter() - began)


def measure(count: int, folder: str | None) -> Figures:
    """Measure with so many hosts."""
    with tempfile.TemporaryDirectory(dir=folder) as path, embedded.running(Path(path)) as store:
        store.config_set("appendfsync", "no")
        store.config_set("auto-aof-rewrite-percentage", 0)
        empty = used(store)
        fill(store, count)
        of_schedule = (used(store) - empty) / count
        sample = [name_of(number) for number in range(0, count, max(1, count // 2_000))]
        with_record = add_records(store, sample)
        store.config_set("appendfsync", "always")
        held: list[due.HostClaim] = []
        claim = timed(store, lambda: held.extend(due.claim(store, CLAIMED_AT_ONCE)), min(ROUNDS, count // 2_000))
        assert len(held) == len({one.name for one in held}) == min(ROUNDS, count // 2_000) * CLAIMED_AT_ONCE
        completions = complete_all(store, held)
        assert not due.leases(store)
        idle = timed(store, lambda: due.claim(store, 0, made_ready=0), ROUNDS)
        starting, started, completing, completed = _ticks(store, count)
        return Figures(
            hosts=count,
            bytes_a_host=of_schedule,
            with_record=with_record,
            claim=claim,
            idle_claim=idle,
            completions=completions,
            starting=starting,
            started=started,
            completing=completing,
            completed=completed,
        )


def _ticks(store: Store, count: int) -> tuple[Timed, int, Timed, int]:
    """Time ticks of a scheduler: those that start recrawls, and those that complete as many."""
    add_worker(store, 10_000)
    due_next = [*store.zrange(keys.ready(), 0, -1), *store.zrange(keys.due(), 0, 20_000)]
    with store.pipeline(transaction=False) as pipe:
        for name in (one.decode() for one in due_next):
            pipe.set(keys.host(name), record_of(name).model_dump_json())
        pipe.execute()
    ticking = Scheduler(store, settings.load({"SCHEDULE_BUDGET": str(count)}))
    ticking.tick()
    end_recrawls(store)
    done: list[Tick] = []
    starts, ends, started, completed = [], [], 0, 0
    for _ in range(TICKS):
        store.hset(keys.budget(), "left", count)
        starts.append(timed(store, lambda: done.append(ticking.tick()), 1))
        started = len(done[-1].dispatched.started)
        end_recrawls(store)
        store.delete("rq:worker:bench")
        ends.append(timed(store, lambda: done.append(ticking.tick()), 1))
        completed = len(done[-1].completed.outcomes)
        add_worker(store, 10_000)
    return _middle(starts), started, _middle(ends), completed


def _middle(several: Sequence[Timed]) -> Timed:
    return Timed(
        statistics.median(one.median for one in several),
        max(one.slowest for one in several),
        statistics.median(one.server for one in several),
    )


def table_of(figures: Sequence[Figures]) -> str:
    """Return the table: a column for each number of hosts."""

    def row(what: str, show: Callable[[Figures], str]) -> tuple[str, ...]:
        return (what, *(show(one) for one in figures))

    def three(show: Callable[[Figures], Timed]) -> Callable[[Figures], str]:
        return lambda one: f"{show(one).median:.1f} ({show(one).slowest:.1f}; {show(one).server:.1f})"

    rows = [
        row("memory of the schedule, bytes a host", lambda one: f"{one.bytes_a_host:.0f}"),
        row("record with one report, and ten visits, bytes a host besides", lambda one: f"{one.with_record:.0f}"),
        row(f"claim of {CLAIMED_AT_ONCE:,}, ms", three(lambda one: one.claim)),
        row("claims a second", lambda one: f"{CLAIMED_AT_ONCE / one.claim.median * 1000:,.0f}"),
        row("claim when nobody may be claimed, ms", three(lambda one: one.idle_claim)),
        row("completions a second, pipelined, one client", lambda one: f"{one.completions:,.0f}"),
        row(f"tick that starts {figures[-1].started} recrawls, ms", three(lambda one: one.starting)),
        row(f"tick that completes {figures[-1].completed} visits, ms", three(lambda one: one.completing)),
    ]
    return tables.table(("what", *(f"{one.hosts:,} hosts" for one in figures)), rows)


def aims_of(figures: Sequence[Figures]) -> str:
    """Return whether the aims are met with the most hosts."""
    most = figures[-1]
    return "\n".join(
        f"- {what}: {found}, {'met' if is_met else 'not met'}."
        for what, found, is_met in (
            (f"at most {MOST_BYTES} bytes a host", f"{most.bytes_a_host:.0f}", most.bytes_a_host <= MOST_BYTES),
            (
                f"a claim of {CLAIMED_AT_ONCE:,} under {MOST_MILLISECONDS} ms at {most.hosts:,} hosts",
                f"{most.claim.median:.1f} ms",
                most.claim.median < MOST_MILLISECONDS,
            ),
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.hosts", description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=SIZES, help="numbers of hosts, at least 2,000")
    parser.add_argument("--folder", help="for the store (default: /tmp)")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    given = parser.parse_args()
    figures = []
    for count in given.hosts:
        figures.append(measure(count, given.folder))
        print(table_of(figures[-1:]), flush=True)
    text = f"{table_of(figures)}\n\nAims:\n\n{aims_of(figures)}"
    print(f"\n{text}")
    if given.write_docs:
        documents.put("figures of bench.hosts", f"Measured {documents.machine()}; one run.\n\n{text}")


if __name__ == "__main__":
    main()
