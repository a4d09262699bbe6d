"""Why is this host not being crawled? `hosts show` and `hosts list --json` have an answer for each reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from host_fleet import add_host, add_worker, end_recrawl, park_job, take_job
from orbweaver import settings
from orbweaver.model import Tally
from orbweaver.queue import queues
from orbweaver.queue.fleet.scheduler import Scheduler
from orbweaver.queue.hosts import counting, due, host_store, scheduler_sign
from orbweaver.queue.hosts.shown import obstacles, situation
from orbweaver.queue.records import paces, recrawl_fence, recrawls
from orbweaver.queue.records.paces import Waited
from orbweaver.queue.schedule.explanation import Cause
from orbweaver.queue.schedule.host_pace import HostPace, after_wait
from orbweaver.store import keys
from orbweaver.store.connection import Store
from recorded_recrawls import recorder

Run = Callable[..., str]
Prepare = Callable[[Store], None]
DAY = 86_400.0


def ready(store: Store, **changes: Any) -> None:
    """A host that is due, in a fleet where nothing keeps it from being visited."""
    add_host(store, **changes)
    scheduler_sign.give(store, due.server_time(store))
    add_worker(store, places=9)


def not_due(store: Store, **changes: Any) -> None:
    ready(store, due_in=DAY, visits=1, last_visit=due.server_time(store).timestamp(), **changes)


def spent(store: Store) -> None:
    ready(store)
    store.hset(keys.budget(), mapping={"left": -4.95, "at": 4e9})  # that of a clock that jumped back: it gives nothing


def unreadable(store: Store) -> None:
    ready(store, slack=-5.0)
    store.set(keys.host("h.test"), '{"version": 99}')


def without_worker(store: Store) -> None:
    ready(store)
    store.delete("rq:workers", "rq:workers:recrawl", "rq:worker:worker")


def with_other_settings(store: Store) -> None:
    ready(store)
    store.hset("rq:worker:worker", queues.IDLE_BECAUSE, "other values of USER_AGENT are in force")


def without_scheduler(store: Store) -> None:
    ready(store)
    store.delete(keys.scheduler())


def with_a_silent_scheduler(store: Store) -> None:
    ready(store)
    scheduler_sign.give(store, due.server_time(store) - timedelta(hours=1))


def full(store: Store) -> None:
    ready(store)
    add_worker(store, places=1)
    for number in range(2):
        queues.enqueue_recrawl(store, f"other{number}.test", "another", 60)


def with_the_job_of_another(store: Store) -> None:
    ready(store)
    queues.enqueue_recrawl(store, "h.test", "another", 60)


def with_a_parked_job(store: Store) -> None:
    with_the_job_of_another(store)
    park_job(store, "h.test", "ValueError: it broke")


def claimed(store: Store) -> None:
    ready(store)
    due.claim(store, 1)


def started(store: Store) -> None:
    ready(store)
    Scheduler(store, settings.load()).tick()


def recrawled(store: Store) -> None:
    started(store)
    take_job(store)


def sliced(store: Store) -> None:
    started(store)
    lease = due.lease_of(store, "h.test")
    assert lease is not None
    recrawl_id = str(lease.recrawl_id)
    attempt = recrawls.begin(store, recrawl_id)
    assert attempt is not None
    record = recorder(store, recrawl_id, str(lease.run_id), attempt)
    record((), (), Tally(pages=9, queued=41))
    recrawl_fence.write_under_fence(store, recrawl_id, attempt, [recrawls.sliced(recrawl_id)])


def answered(store: Store) -> None:
    started(store)
    end_recrawl(store)


def given_back(store: Store) -> None:
    not_due(store, held="busy")


def slowed_down(store: Store) -> None:
    ready(store)
    at = due.server_time(store).timestamp()
    waits = {"h.test": Waited(HostPace(), after_wait(HostPace(), at, 600))}
    paces.ask(store, "worker", {}, [], number=1, places=2, lasts=10, turn=10, waits=waits)


# Rules that are never the last that had a say of a host with a due time, or that have a state of their own.
UNSEEN = {Cause.OPERATOR_LATER.value, Cause.PAUSE.value, Cause.AUTHORITY.value}
# The state, the word for scripts, and a part of what people read.
REASONS: dict[str, tuple[Prepare, str, str, str]] = {
    "not due": (not_due, "waiting", "floor", "floor: not more often than every 1 hour"),
    "paused": (lambda store: ready(store, pause="the police asked"), "paused", "paused", "the police asked"),
    "retired": (
        lambda store: ready(store, retired_at=datetime.now(UTC)),
        "retired",
        "retired",
        "retired, not due",
    ),
    "expired": (
        lambda store: ready(store, authority="J. Doe", expires_at=datetime(2026, 1, 1, tzinfo=UTC)),
        "expired",
        "expired",
        "authority J. Doe, not due: it expires at 2026-01-01 00:00 UTC",
    ),
    "weight 0": (lambda store: not_due(store, weight=0), "not-due", "weight", "weight 0, not due"),
    "quiet hours": (
        lambda store: not_due(store, weight=0, asked_at=4e9, quiet_hours="07:00-08:00 UTC"),
        "waiting",
        "quiet-hours",
        "quiet hours 07:00-08:00 UTC: not before 2096-10-02 08:00 UTC",
    ),
    "asked to wait": (slowed_down, "waiting", "host-asked-to-wait", "the host asked to wait until"),
    "back-off": (lambda store: not_due(store, failures=3), "waiting", "back-off", "failed visits in a row: 3"),
    "asked for later": (
        lambda store: not_due(store, weight=0, asked_at=4e9),
        "waiting",
        "operator",
        "operator: asked for a visit at 2096-10-02",
    ),
    "budget spent": (spent, "ready", "budget-spent", "the budget is spent: -4."),
    "no worker": (without_worker, "ready", "no-worker", "no recrawl worker is alive: start `orbweaver run`"),
    "other settings": (with_other_settings, "ready", "workers-not-in-force", "other values of USER_AGENT are in force"),
    "workers full": (full, "ready", "workers-full", "all workers are busy: 2 jobs for 1 places"),
    "job of another run": (with_the_job_of_another, "ready", "job-of-another-run", "another run has its recrawl job"),
    "job parked": (with_a_parked_job, "ready", "job-parked", "its recrawl job is parked (it broke): "),
    "given back": (given_back, "waiting", "floor", "the last time that it was due another run had its recrawl job"),
    "no scheduler": (
        without_scheduler,
        "ready",
        "no-scheduler",
        "no scheduler looks at the hosts: start `orbweaver run`",
    ),
    "scheduler silent": (
        with_a_silent_scheduler,
        "ready",
        "no-scheduler",
        "no scheduler has looked at the hosts for 3,60",
    ),
    "next look": (ready, "ready", "next-look", "the next look of a scheduler sends it"),
    "claimed": (claimed, "under-way", "claimed", "a scheduler is about to enqueue its recrawl"),
    "queued": (started, "under-way", "queued", "waits in the queue for a worker"),
    "under way": (recrawled, "under-way", "recrawled", "worker worker recrawls it"),
    "sliced": (sliced, "under-way", "sliced", "1 slice of it is over, and 41 URLs wait for the next"),
    "answers": (answered, "under-way", "answers", "its files wait for their answers"),
    "unreadable": (unreadable, "unreadable", "unreadable", "is of version 99, and this release reads"),
}


@pytest.mark.parametrize(("prepare", "state", "word", "said"), REASONS.values(), ids=REASONS)
def test_each_reason_is_said_in_a_line_and_in_a_word(
    run: Run, store: Store, prepare: Prepare, state: str, word: str, said: str
) -> None:
    prepare(store)
    [line] = run("hosts", "list", "--json").splitlines()
    listed = json.loads(line)
    shown = json.loads(run("hosts", "show", "h.test", "--json"))
    assert (listed["state"], listed["cause"]) == (shown["state"], shown["cause"]) == (state, word)
    assert any(said in why for why in shown["why"]), shown["why"]
    assert listed["why"] == shown["why"]
    people = " ".join(run("hosts", "show", "h.test").split())
    assert said in people
    assert run("hosts", "list", "--host-state", state).splitlines()[-1] == "1 host"


def test_each_word_is_explained_to_operators() -> None:
    page = (Path(__file__).parents[4] / "docs" / "operators.md").read_text()
    words = {word for _, _, word, _ in REASONS.values()} | {cause.value for cause in Cause} - UNSEEN
    assert [word for word in sorted(words) if f"`{word.replace(', ', '-').replace(' ', '-')}`" not in page] == []


@pytest.mark.parametrize(("hours", "said"), [(3, "10,800 s behind"), (-3, "10,800 s ahead of")])
def test_a_store_whose_clock_is_another_is_said(store: Store, hours: float, said: str) -> None:
    not_due(store)
    plan, at = counting.plan_of(settings.load()), due.server_time(store)
    fleet = obstacles.fleet_of(store, plan, at, machine_time=at + timedelta(hours=hours))
    shares = counting.provisional(plan.policy, 1)
    [told] = situation.situations(store, host_store.read_hosts(store, ["h.test"]), plan, shares, at, fleet)
    assert any(f"the clock of the store's server is {said}" in line for line in told.reasons)


def test_who_has_the_job_of_a_host_is_said(run: Run, store: Store) -> None:
    with_the_job_of_another(store)
    store.set(keys.run_lock(), "a lock that an older release wrote")
    assert "another run, of an older release" in run("hosts", "show", "h.test")
