"""Due hosts go to the workers: as many as these can start, within the budget, and never one that may not be visited."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from builders import an_order
from host_fleet import add_host, add_worker, jobs
from orbweaver.queue import queues
from orbweaver.queue.hosts import counting, dispatch, due, host_store, spending
from orbweaver.queue.hosts.counting import BudgetPlan
from orbweaver.queue.hosts.dispatch import Dispatched, NotStarted
from orbweaver.queue.hosts.due import ASKED_SLACK
from orbweaver.queue.queues import IDLE_BECAUSE, QueueName
from orbweaver.queue.records import recrawls
from orbweaver.queue.schedule.policy import SchedulePolicy
from orbweaver.store import keys
from orbweaver.store.connection import Store
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

HOUR = 3600.0
PLAN = BudgetPlan(SchedulePolicy(budget=1_000))


def dispatched(store: Store, plan: BudgetPlan = PLAN) -> Dispatched:
    shares = counting.provisional(plan.policy, due.counts(store).hosts)
    return dispatch.dispatch(store, plan, shares, due.server_time(store))


def test_without_a_live_worker_nothing_is_claimed(store: Store) -> None:
    add_host(store)
    assert dispatched(store).started == {}
    add_worker(store, "match-worker", queue="match")
    add_worker(store, "idle")
    store.hset("rq:worker:idle", IDLE_BECAUSE, "other settings are in force")
    add_worker(store, "dead")
    store.delete("rq:worker:dead")
    assert dispatched(store).started == {}
    assert due.counts(store).leased == 0


def test_no_more_is_claimed_than_the_workers_can_start_soon(store: Store) -> None:
    for number in range(12):
        add_host(store, f"h{number}.test")
    add_worker(store)
    assert len(dispatched(store).started) == 2  # one under way, and one that waits
    assert dispatched(store).started == {}
    add_worker(store, "of this release", places=3)
    assert len(dispatched(store).started) == 6
    assert due.counts(store).leased == len(jobs(store)) == 8


def test_a_started_host_has_a_recrawl_of_its_order_and_its_lease_says_which(store: Store) -> None:
    add_host(store)
    add_worker(store)
    [recrawl_id] = dispatched(store).started.values()
    record = recrawls.read(store, recrawl_id)
    lease = due.lease_of(store, "h.test")
    assert record is not None
    assert lease is not None
    assert record.order == an_order("h.test")
    assert (lease.recrawl_id, lease.run_id) == (recrawl_id, record.run_id)
    assert jobs(store) == [recrawl_id]


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_in": -1},
        {"pause": "asked by the police"},
        {"weight": 0.0},
        {"quiet_hours": "00:00-24:00 UTC"},
        {"retired_in": -1},
    ],
)
def test_a_host_that_may_not_be_visited_is_not_and_has_no_due_time(store: Store, changes: dict[str, object]) -> None:
    # Its clock does not say so: the record decides, whoever wrote it, at the moment of the visit.
    now = due.server_time(store)
    times = {"expires_in": "expires_at", "retired_in": "retired_at"}
    given = {
        times.get(key, key): now + timedelta(days=value) if key in times else value for key, value in changes.items()
    }  # type: ignore[arg-type]
    add_host(store, **given)
    add_worker(store)
    assert dispatched(store).given_back == {"h.test": NotStarted.NOT_DUE}
    assert (jobs(store), due.counts(store).never) == ([], 1)


def test_a_host_is_not_visited_in_its_quiet_hours_and_is_due_after_them(store: Store) -> None:
    now = due.server_time(store)
    begin, end = now - timedelta(hours=1), now + timedelta(hours=2)
    add_host(store, quiet_hours=f"{begin:%H:%M}-{end:%H:%M}")
    add_worker(store)
    assert dispatched(store).given_back == {"h.test": NotStarted.NOT_DUE}
    [again] = due.due_times(store, ["h.test"])
    assert again == end.replace(second=0, microsecond=0).timestamp()


def test_without_a_budget_only_what_an_operator_asks_for_is_visited(store: Store) -> None:
    now = due.server_time(store).timestamp()
    add_host(store, "due.test")
    add_host(store, "asked.test", asked_at=now - 1, slack=ASKED_SLACK)
    add_worker(store, places=5)
    none = BudgetPlan(SchedulePolicy(budget=0))
    assert dispatched(store, none).started.keys() == {"asked.test"}
    assert due.is_ready(store, "due.test")


def test_the_budget_of_a_day_is_spent_and_no_more(store: Store) -> None:
    for number in range(8):
        add_host(store, f"h{number}.test")
    add_worker(store, places=50)
    few = BudgetPlan(SchedulePolicy(budget=5))
    assert len(dispatched(store, few).started) == 5
    assert dispatched(store, few).started == {}
    later = due.server_time(store) + timedelta(hours=12)
    assert spending.left(store, 5, later) == pytest.approx(2.5, abs=0.01)
    assert spending.left(store, 5, later + timedelta(days=30)) == 5
    assert spending.left(store, 5, later - timedelta(days=300)) == pytest.approx(0, abs=0.01)  # a clock that jumped


def test_a_host_with_a_job_of_another_run_is_given_back_for_a_moment_and_it_is_said(store: Store) -> None:
    add_host(store)
    add_worker(store)
    queues.enqueue_recrawl(store, "h.test", "of a verify", 60)
    assert dispatched(store).given_back == {"h.test": NotStarted.BUSY}
    assert jobs(store) == ["of a verify"]
    assert host_store.read_clock(store, "h.test").held == "busy"
    [again] = due.due_times(store, ["h.test"])
    assert again is not None
    assert 20 < again - due.server_time(store).timestamp() <= 30


def test_a_job_that_its_maker_never_put_into_the_queue_holds_up_no_host(store: Store) -> None:
    add_host(store)
    add_worker(store)
    queues.enqueue_recrawl(store, "h.test", "lost", 60)
    job_id = queues.recrawl_job_id("h.test")
    store.lrem(queues.queue_for(store, QueueName.RECRAWL).key, 1, job_id)
    store.hset(queues.job_key(job_id), "created_at", "2026-01-01T00:00:00.000000Z")
    assert dispatched(store).started.keys() == {"h.test"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("a", "nan"),
        ("l", "-1e300"),
        ("s", "inf"),
        ("k", "1e18"),
        ("e", "nan"),
        ("t", "nan"),
        ("t", "inf"),
        ("h", "nan"),
    ],
)
def test_a_number_that_no_clock_can_have_keeps_no_other_host_from_its_visit(
    store: Store, field: str, value: str
) -> None:
    for name in ("odd.test", "other.test"):
        add_host(store, name)
    add_worker(store, places=2)
    store.hset(keys.host_clock("odd.test"), field, value)
    assert "other.test" in dispatched(store).started
    assert due.counts(store).ready == 0


def test_a_record_that_cannot_be_read_is_put_off_and_costs_no_other_host_its_visit(store: Store) -> None:
    add_host(store, "later-release.test", slack=-1.0)
    add_host(store, "lost.test", slack=-1.0)
    add_host(store, "h.test")
    store.set(keys.host("later-release.test"), '{"version": 99}')
    store.delete(keys.host("lost.test"))
    add_worker(store, places=5)
    done = dispatched(store)
    assert done.given_back == dict.fromkeys(("later-release.test", "lost.test"), NotStarted.UNREADABLE)
    assert done.started.keys() == {"h.test"}
    assert host_store.read_clock(store, "later-release.test").held == "unreadable"


@contextlib.contextmanager
def cut_at(store: Store, number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lose the store at the given command or transaction of this process."""
    counted = 0
    original = type(store.connection_pool).get_connection

    def get_connection(pool: object, *arguments: object, **named: object) -> object:
        nonlocal counted
        counted += 1
        if counted == number:
            raise RedisConnectionError("cut")
        return original(pool, *arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(type(store.connection_pool), "get_connection", get_connection)
        yield


def test_wherever_the_store_is_lost_in_a_dispatch_no_host_is_lost_or_visited_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, is_cut = 0, True
    while is_cut:
        number += 1
        store.flushall()
        add_host(store)
        add_worker(store)
        is_cut = False
        with cut_at(store, number, monkeypatch), contextlib.suppress(RedisError):
            is_cut = True
            dispatched(store)
            is_cut = False
        lease = due.lease_of(store, "h.test")
        assert due.counts(store).hosts == 1
        assert len(jobs(store)) <= 1
        if jobs(store):
            assert lease is not None
            assert jobs(store) == [lease.recrawl_id]
    assert number > 10  # it was cut at each of its commands


def test_a_job_that_another_scheduler_has_put_there_for_the_same_recrawl_is_no_other_run_s(store: Store) -> None:
    """It saw the lease before the job was there: completion puts it there (test_completion)."""
    add_host(store)
    record = host_store.read_record_of(store, "h.test")
    assert record is not None
    ours, others = (recrawls.create(store, "run", record.order) for _ in range(2))
    assert dispatch.enqueue(store, "h.test", record, ours)
    assert dispatch.enqueue(store, "h.test", record, ours)
    assert not dispatch.enqueue(store, "h.test", record, others)
    assert jobs(store) == [ours]
