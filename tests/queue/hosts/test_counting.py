"""All hosts are counted in steps; what was decided by another budget or clock is moved on the way."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from host_fleet import add_host
from orbweaver import settings
from orbweaver.model import Report
from orbweaver.queue.hosts import counting, due, host_store
from orbweaver.queue.hosts.counting import BudgetPlan, HostCount
from orbweaver.queue.hosts.host_clock import scheduled
from orbweaver.queue.hosts.report_weight import LEAST, MOST, weight_of
from orbweaver.queue.schedule.allotment import interval
from orbweaver.queue.schedule.census import share
from orbweaver.queue.schedule.policy import PolicyName, SchedulePolicy
from orbweaver.queue.schedule.rates import Prior
from orbweaver.queue.schedule.scheduled_host import demand_of
from orbweaver.store import keys
from orbweaver.store.connection import Store

DAY = 86_400.0
PLAN = BudgetPlan(SchedulePolicy(budget=4, jitter=0))


def counted(store: Store, plan: BudgetPlan, shares: counting.Shares | None = None, most: int = 3) -> int:
    at = due.server_time(store)
    count, moved = HostCount(plan, shares), 0
    while not count.is_over:
        moved += count.step(store, at, most=most)
    return moved


def test_the_settings_make_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counting.plan_of(settings.load()) == BudgetPlan(SchedulePolicy(budget=10_000), "visits")
    given = {"SCHEDULE_BUDGET": "50", "SCHEDULE_POLICY": "uniform", "SCHEDULE_UNIT": "requests"}
    plan = counting.plan_of(settings.load(given))
    assert (plan.policy.budget, plan.policy.name, plan.unit) == (50, PolicyName.UNIFORM, "requests")


def test_a_count_in_steps_shares_the_budget_as_a_count_at_once(store: Store) -> None:
    for number in range(20):
        add_host(store, f"h{number}.group.test", due_in=DAY, hits=number / 2, days=60.0, visits=3, last_visit=1e9)
    counted(store, PLAN)
    shares = counting.read(store, PLAN)
    assert shares is not None
    hosts = [scheduled(name, host_store.read_clock(store, name)) for name in host_store.names(store)]
    whole = share(hosts, PLAN.policy, due.server_time(store))
    assert shares.hosts == 20
    assert shares.allotment.spent == pytest.approx(whole.spent, rel=0.02)
    assert shares.allotment.scale == pytest.approx(whole.scale, rel=0.02)
    [of_group, other] = counting.priors_of(store, ["new.group.test", "elsewhere.example"], shares)
    assert of_group.rate > other.rate or of_group.rate == pytest.approx(other.rate, rel=0.2)
    assert other == shares.prior


def test_the_shares_of_another_plan_do_not_count(store: Store) -> None:
    add_host(store)
    counted(store, PLAN)
    assert counting.read(store, PLAN) is not None
    assert counting.read(store, BudgetPlan(PLAN.policy, "requests")) is None
    assert counting.read(store, BudgetPlan(SchedulePolicy(budget=5))) is None
    store.hset(keys.schedule(), "scale", "nothing")
    assert counting.read(store, PLAN) is None


def test_a_larger_budget_brings_due_times_nearer_and_no_budget_takes_them_away(store: Store) -> None:
    at = due.server_time(store).timestamp()
    add_host(store, due_in=50 * DAY, visits=1, last_visit=at)
    counted(store, PLAN)
    assert counted(store, PLAN, counting.read(store, PLAN)) == 1
    [sooner] = due.due_times(store, ["h.test"])
    assert sooner == pytest.approx(at + DAY / 4, abs=60)
    none = BudgetPlan(SchedulePolicy(budget=0))
    counted(store, none, counting.provisional(none.policy, 1))
    assert due.counts(store).never == 1
    counted(store, PLAN, counting.provisional(PLAN.policy, 1))
    assert due.counts(store).never == 0


def test_a_visit_in_the_future_of_a_clock_that_jumped_keeps_no_host_waiting(store: Store) -> None:
    at = due.server_time(store).timestamp()
    add_host(store, due_in=400 * DAY, visits=1, last_visit=at + 399 * DAY)
    assert counted(store, PLAN, counting.provisional(PLAN.policy, 1)) == 1
    [again] = due.due_times(store, ["h.test"])
    assert again == pytest.approx(at + DAY / 4, abs=60)


def test_a_plan_of_shorter_days_shares_the_budget_alike(store: Store) -> None:
    """All that goes by days is a thousandth of itself: so are the intervals, whatever a host has shown."""
    for number in range(6):
        add_host(store, f"h{number}.test", due_in=DAY, visits=1, last_visit=1e9, weight=1.0 + number)
    counted(store, PLAN)
    usual = counting.read(store, PLAN)
    policy = SchedulePolicy(budget=4_000, jitter=0, floor_days=1 / 24_000, ceiling_days=0.06, half_life_days=0.06)
    short = BudgetPlan(policy, prior=Prior(0.5, 0.01))
    counted(store, short)
    shares = counting.read(store, short)
    assert usual is not None
    assert shares is not None
    assert shares.prior.rate == pytest.approx(1_000 * usual.prior.rate)
    at = due.server_time(store)
    for name in host_store.names(store):
        clock = host_store.read_clock(store, name)
        days, other = (
            interval(one.allotment, demand_of(scheduled(name, clock, one.prior), plan.policy, one.allotment.even, at))
            for one, plan in ((usual, PLAN), (shares, short))
        )
        assert other == pytest.approx(days / 1_000)
    one_host = (counting.provisional(PLAN.policy, 6), counting.provisional(policy, 6, short.prior))
    assert one_host[1].allotment.even == pytest.approx(one_host[0].allotment.even / 1_000)
    assert one_host[1].allotment.scale == pytest.approx(one_host[0].allotment.scale / 1_000**0.5)


def test_a_due_time_is_moved_unless_it_is_nearer_than_the_plan_says(store: Store) -> None:
    at = due.server_time(store).timestamp()
    add_host(store, due_in=100, visits=1, last_visit=at)
    counted(store, PLAN)
    shares = counting.read(store, PLAN)
    assert counted(store, PLAN, shares) == 0
    assert counted(store, dataclasses.replace(PLAN, near=timedelta(0)), shares) == 1


def test_the_weight_of_reports_grows_with_number_and_class_and_fades(store: Store) -> None:
    now = due.server_time(store)

    def report(days: float = 0, classification: str | None = None) -> Report:
        at = now.fromtimestamp(now.timestamp() - days * DAY, now.tzinfo)
        return Report(url="http://h.test/", received_at=at, classification=classification)

    assert weight_of([], now) == weight_of([report()], now) == pytest.approx(1)
    assert weight_of([report()] * 4, now) == pytest.approx(2)
    assert weight_of([report(180)], now) == pytest.approx(0.5**0.5)
    assert weight_of([report(classification="Baseline")], now) == pytest.approx(2**0.5)
    assert weight_of([report(classification="ignore")], now) < weight_of([report(classification="moon")], now)
    assert weight_of([report(36_000)], now) == LEAST
    assert weight_of([report(-10)], now) == pytest.approx(1)  # of a clock that is fast
    assert weight_of([report()] * 90_000, now) == MOST
