"""The forecast: visits of the next seven days, those that are late, and their share of the budget."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.queue.schedule.census import share
from orbweaver.queue.schedule.due_time import due
from orbweaver.queue.schedule.explanation import Cause, DueTime, Explanation
from orbweaver.queue.schedule.forecast import HOURS, Forecast, Load
from orbweaver.queue.schedule.policy import PolicyName, SchedulePolicy
from orbweaver.queue.schedule.scheduled_host import ScheduledHost

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def forecast(hosts: list[tuple[ScheduledHost, timedelta | None]], budget: float, **values: object) -> Forecast:
    policy = SchedulePolicy(budget=budget, name=PolicyName.UNIFORM, **values)  # type: ignore[arg-type]
    made = Forecast(policy, share([host for host, _ in hosts], policy, AT), AT)
    for host, after in hosts:
        told = due(host, policy, made.allotment, AT)
        made.add(host, told if after is None else DueTime(AT + after, told.explanation))
    return made


def test_a_host_is_due_at_its_time_and_then_after_each_interval() -> None:
    made = forecast([(ScheduledHost("a.example", cost=6), DAY / 2)], budget=3)  # every two days

    assert [hour for hour, load in enumerate(made.load()) if load.visits] == [12, 60, 108, 156]
    assert [day.cost for day in made.load_by_day()] == [6, 0, 6, 0, 6, 0, 6]
    assert made.budget_use() == [2, 0, 2, 0, 2, 0, 2]
    assert (made.hosts, made.overdue) == (1, Load(0, 0))


def test_what_is_due_already_is_backlog_until_the_budget_has_paid_for_it() -> None:
    hosts = [(ScheduledHost(f"{number}.example", cost=4), -DAY * number) for number in range(12)]
    made = forecast(hosts, budget=24)  # 48 a round, so every two days

    assert made.overdue == Load(12, 48)
    assert made.longest_overdue_days == 11
    backlog = made.backlog()
    assert len(backlog) == HOURS
    assert backlog[:2] == [47, 46]
    assert backlog[46:48] == [1, 0]
    assert backlog[48] == 47, "all are due again at once"


def test_many_visits_an_hour_are_spread_and_cost_no_more_work() -> None:
    made = forecast([(ScheduledHost("a.example"), timedelta(0))], budget=1e5, floor_days=1e-5)

    assert made.load()[5].visits == pytest.approx(1 / (1e-5 * 24))
    assert made.load_by_day()[3].cost == pytest.approx(1e5)


def test_hosts_that_are_not_due_are_counted_by_what_keeps_them() -> None:
    made = forecast(
        [
            (ScheduledHost("a.example", pause="holiday"), None),
            (ScheduledHost("b.example", pause="holiday"), None),
            (ScheduledHost("c.example", weight=0), None),
            (ScheduledHost("d.example", expires_at=AT), None),
        ],
        budget=1,
    )

    assert made.not_due == {Cause.PAUSE: 2, Cause.WEIGHT: 1, Cause.AUTHORITY: 1}
    assert sum(load.visits for load in made.load()) == 0


def test_without_a_budget_only_what_an_operator_asks_for_is_due_and_only_once() -> None:
    made = forecast(
        [(ScheduledHost("a.example", asked_at=AT + DAY), None), (ScheduledHost("b.example"), None)], budget=0
    )

    assert [day.visits for day in made.load_by_day()] == [0, 1, 0, 0, 0, 0, 0]
    assert made.budget_use()[1] == math.inf
    assert made.not_due == {Cause.BUDGET: 1}
    assert made.backlog()[-1] == 1


@given(
    st.lists(
        st.tuples(st.floats(1, 100), st.integers(-500, 500)),
        min_size=1,
        max_size=20,
    ),
    st.floats(0.1, 1_000),
)
def test_no_forecast_is_more_than_the_budget_beyond_the_first_round(
    facts: list[tuple[float, int]], budget: float
) -> None:
    hosts = [
        (ScheduledHost(f"{number}.example", cost=cost), timedelta(hours=hours))
        for number, (cost, hours) in enumerate(facts)
    ]
    made = forecast(hosts, budget)

    costs = sum(cost for cost, _ in facts)
    spent = made.overdue.cost + sum(load.cost for load in made.load())
    assert spent <= 7 * budget * (1 + 1e-6) + 2 * costs
    assert all(waiting >= 0 for waiting in made.backlog())


def test_a_stored_due_time_goes_before_the_computed_one() -> None:
    policy = SchedulePolicy(budget=1)
    host = ScheduledHost("a.example", ceiling_days=30)
    made = Forecast(policy, share([host] * 9, policy, AT), AT)  # every nine days
    made.add(host, DueTime(AT + 3 * DAY, Explanation(())))

    assert [day.visits for day in made.load_by_day()] == [0, 0, 0, 1, 0, 0, 0]
