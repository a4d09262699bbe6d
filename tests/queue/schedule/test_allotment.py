"""The budget is spent, and no host is visited more often than its floor or less often than its ceiling."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.schedule.allotment import Allotment, Demand, allot, interval

NEARLY = 1e-6

shapes = st.floats(1e-4, 1e4)
costs = st.floats(1e-2, 1e4)
unbound = st.builds(Demand, shapes, costs, st.just(1e-12), st.just(1e12))
demands = st.builds(
    lambda shape, cost, floor, span: Demand(shape, cost, floor, floor * span),
    shapes,
    costs,
    st.floats(1e-3, 10),
    st.one_of(st.just(1.0), st.floats(1, 1e4)),
)
budgets = st.floats(1e-2, 1e6)


def spent(allotment: Allotment, hosts: list[Demand]) -> float:
    return math.fsum(host.cost / interval(allotment, host) for host in hosts)


@given(st.lists(unbound, min_size=1, max_size=8), budgets)
def test_the_budget_is_spent_when_no_bound_binds(hosts: list[Demand], budget: float) -> None:
    allotment = allot(hosts, budget)

    assert spent(allotment, hosts) == pytest.approx(budget, rel=NEARLY)
    # The closed form: kappa = sum(cost / shape) / B.
    assert allotment.scale == pytest.approx(math.fsum(host.cost / host.shape for host in hosts) / budget, rel=NEARLY)


@given(st.lists(demands, min_size=1, max_size=8), budgets)
def test_the_budget_is_spent_within_the_bounds(hosts: list[Demand], budget: float) -> None:
    allotment = allot(hosts, budget)

    most = math.fsum(host.cost / host.floor for host in hosts)
    assert spent(allotment, hosts) == pytest.approx(min(budget, most), rel=NEARLY)
    assert allotment.spent == pytest.approx(spent(allotment, hosts), rel=NEARLY)
    for host in hosts:
        assert host.floor <= interval(allotment, host) <= host.ceiling * allotment.stretch


@given(st.lists(demands, min_size=1, max_size=8), budgets)
def test_ceilings_are_stretched_only_when_the_budget_cannot_pay_for_them(hosts: list[Demand], budget: float) -> None:
    allotment = allot(hosts, budget)
    least = math.fsum(host.cost / host.ceiling for host in hosts)

    assert (allotment.stretch > 1) == (budget < least)
    if allotment.stretch > 1:
        assert allotment.stretch == pytest.approx(least / budget)


@given(st.lists(demands, min_size=1, max_size=5), budgets)
def test_more_budget_never_makes_an_interval_longer(hosts: list[Demand], budget: float) -> None:
    less, more = allot(hosts, budget), allot(hosts, budget * 1.5)

    for host in hosts:
        assert interval(more, host) <= interval(less, host) * (1 + NEARLY)


@pytest.mark.parametrize(
    ("hosts", "budget", "intervals"),
    [
        # Two hosts of shapes 1 and 3: kappa = (1 + 1/3) / 4.
        ([Demand(1, 1, 0.01, 60), Demand(3, 1, 0.01, 60)], 4, [1 / 3, 1.0]),
        # The first is kept at its floor, and what it does not use goes to the second.
        ([Demand(1, 1, 0.5, 60), Demand(3, 1, 0.01, 60)], 4, [0.5, 0.5]),
        # The second is kept at its ceiling, and the first pays for it.
        ([Demand(1, 1, 0.01, 60), Demand(3, 1, 0.01, 0.8)], 4, [1 / 2.75, 0.8]),
        # Costs: one visit to the second takes ten.
        ([Demand(1, 1, 0.01, 60), Demand(1, 10, 0.01, 60)], 11, [1.0, 1.0]),
        # More than all floors need, and less than all ceilings need.
        ([Demand(1, 1, 0.5, 60), Demand(3, 1, 0.5, 60)], 100, [0.5, 0.5]),
        ([Demand(1, 1, 0.5, 10), Demand(3, 1, 0.5, 20)], 0.05, [30.0, 60.0]),
    ],
)
def test_what_each_host_gets(hosts: list[Demand], budget: float, intervals: list[float]) -> None:
    allotment = allot(hosts, budget)

    assert [interval(allotment, host) for host in hosts] == pytest.approx(intervals)


def test_without_a_budget_nothing_is_visited() -> None:
    host = Demand(1, 1, 0.5, 60)
    allotment = allot([host], 0)

    assert not allotment.has_budget
    assert interval(allotment, host) == allotment.even == math.inf


def test_a_least_scale_leaves_budget_over() -> None:
    host = Demand(7, 1, 0.01, 60)

    assert interval(allot([host], 100, least_scale=1), host) == 7
    assert allot([host], 100, least_scale=1).spent == pytest.approx(1 / 7)
    assert interval(allot([host], 0.1, least_scale=1), host) == pytest.approx(10)


def test_nobody_to_visit_is_no_error() -> None:
    assert allot([], 10).spent == 0


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (Demand(0, 1, 1, 2), "shape"),
        (Demand(math.nan, 1, 1, 2), "shape"),
        (Demand(1, 0, 1, 2), "cost"),
        (Demand(1, -1, 1, 2), "cost"),
        (Demand(1, 1, 0, 2), "floor"),
        (Demand(1, 1, 1, math.inf), "ceiling"),
        (Demand(1, 1, 1, math.nan), "ceiling"),
        (Demand(1, 1, 3, 2), "above its ceiling"),
    ],
)
def test_a_demand_that_cannot_be_is_refused(host: Demand, said: str) -> None:
    with pytest.raises(ScheduleRefused, match=said):
        allot([host], 1)


@pytest.mark.parametrize("budget", [-1, math.nan, math.inf])
def test_a_budget_that_cannot_be_is_refused(budget: float) -> None:
    with pytest.raises(ScheduleRefused, match="budget"):
        allot([], budget)
