"""The scheduler's tick and loop: it goes round, waits for a store that is away, and two of them do no harm."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from builders import an_order, started_worker, url_of
from host_fleet import add_host, add_worker, end_recrawl, jobs
from orbweaver import settings
from orbweaver.queue.fleet import scheduler
from orbweaver.queue.fleet.scheduler import Scheduler
from orbweaver.queue.hosts import counting, due, host_store
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.counting import BudgetPlan
from orbweaver.queue.schedule.policy import SchedulePolicy
from orbweaver.store.connection import Store
from orbweaver_command import eventually
from redis.exceptions import ConnectionError as RedisConnectionError
from synthetic_host import SyntheticHost

DAY = 86_400.0


def a_scheduler(store: Store, **environment: str) -> Scheduler:
    return Scheduler(store, settings.load({"SCHEDULE_BUDGET": "1", **environment}))


def test_a_host_goes_round(store: Store) -> None:
    add_host(store)
    add_worker(store)
    ticking = a_scheduler(store)
    assert ticking.tick().dispatched.started.keys() == {"h.test"}
    assert ticking.tick().completed.under_way == 1
    end_recrawl(store)
    done = ticking.tick()
    assert done.completed.outcomes == {"h.test": "finished"}
    assert done.text == "1 finished"
    [again] = due.due_times(store, ["h.test"])
    assert again is not None
    assert again - due.server_time(store).timestamp() == pytest.approx(DAY, rel=0.2)
    assert ticking.tick().text == ""


def test_two_schedulers_start_each_host_once_and_complete_each_visit_once(store: Store) -> None:
    for number in range(20):
        add_host(store, f"h{number}.test")
    add_worker(store, places=30)
    both = [a_scheduler(store, SCHEDULE_BUDGET="1000") for _ in range(2)]

    def tick_at_once() -> None:
        threads = [threading.Thread(target=one.tick) for one in both]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    tick_at_once()
    leases = due.leases(store)
    assert sorted(jobs(store)) == sorted(str(one.recrawl_id) for one in leases)
    assert len(leases) == 20
    for number in range(20):
        end_recrawl(store, f"h{number}.test")
    tick_at_once()
    assert [len(host_store.visits(store, f"h{number}.test")) for number in range(20)] == [1] * 20
    assert due.leases(store) == []


def test_a_scheduler_that_died_leaves_its_hosts_to_the_next(store: Store) -> None:
    add_host(store)
    add_worker(store)
    [held] = due.claim(store, 1, seconds=0)  # and then it died
    assert a_scheduler(store).tick().dispatched.started.keys() == {"h.test"}
    lease = due.lease_of(store, "h.test")
    assert lease is not None
    assert lease.fence > held.fence


def test_a_store_that_is_away_is_waited_for_and_said_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ticking, stop, ticks = a_scheduler(store), threading.Event(), 0

    def server_time(store: Store) -> object:
        nonlocal ticks
        ticks += 1
        if ticks <= 3:
            raise RedisConnectionError("away")
        stop.set()
        return original(store)

    original = due.server_time
    monkeypatch.setattr(due, "server_time", server_time)
    monkeypatch.setattr(scheduler, "TICK_SECONDS", 0)
    ticking.run(stop)
    assert [record.message for record in caplog.records] == [
        "the store does not answer (away): the scheduler waits for it",
        "the store answers again",
    ]


def test_a_store_with_many_hosts_is_counted_in_small_steps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "COUNTED_AT_ONCE", 5)
    monkeypatch.setattr(scheduler, "COUNTED_A_TICK", 5)
    for number in range(40):
        add_host(store, f"h{number}.test", due_in=DAY)
    ticking = a_scheduler(store)
    ticking.tick()
    plan = counting.plan_of(settings.load({"SCHEDULE_BUDGET": "1"}))
    assert counting.read(store, plan) is None
    ticks = 0
    while counting.read(store, plan) is None:
        ticking.tick()
        ticks += 1
    assert ticks > 3


def test_a_plan_that_is_given_goes_before_that_of_the_settings(store: Store) -> None:
    add_host(store, due_in=DAY)
    plan = BudgetPlan(SchedulePolicy(budget=7), counted_every=timedelta(0))
    ticking = Scheduler(store, settings.load(), plan)
    ticking.tick()
    counts = []
    for _ in range(2):
        ticking.tick()
        shares = counting.read(store, plan)
        assert shares is not None
        counts.append(shares.counted_at)
    assert counts[0] != counts[1]  # it is counted at each tick


def test_hosts_are_visited_by_processes_until_these_are_told_to_stop(store: Store) -> None:
    page = b"<html><body><p>nothing here</p></body></html>"
    open_here = {"SANDBOX": "off", "ALLOW_ADDRESSES": "127.0.0.0/8"}
    environment = {**os.environ, "STORE_URL": url_of(store), **open_here}
    with SyntheticHost({"/": ("text/html", page)}) as host, started_worker(store, "recrawl", **open_here) as worker:
        order = an_order(host.host)
        Operator(store, counting.plan_of(settings.load())).enter(order)
        command = [sys.executable, "-P", "-m", "orbweaver.cli", "scheduler"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            try:
                eventually(lambda: host_store.visits(store, host.host))
            finally:
                process.terminate()
                _, said = process.communicate()
        assert process.returncode == 0
        assert "1 finished" in said
        assert host.host not in said
        worker.terminate()
        assert worker.wait() == 0
    [visit] = host_store.visits(store, host.host)
    assert (visit.outcome, visit.pages) == ("finished", 1)
    assert due.counts(store) == (1, 0, 0, 0)
