"""All hosts are counted in bounded memory, and what comes out is as if each had been looked at by itself."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.queue.schedule import census
from orbweaver.queue.schedule.allotment import interval
from orbweaver.queue.schedule.census import Census, share
from orbweaver.queue.schedule.policy import SchedulePolicy
from orbweaver.queue.schedule.rates import DEFAULT_PRIOR, RateEvidence, pooled_prior
from orbweaver.queue.schedule.scheduled_host import ScheduledHost, demand_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = SchedulePolicy(budget=10)

fleets = st.lists(
    st.builds(
        ScheduledHost,
        host=st.just("a.example"),
        evidence=st.builds(RateEvidence, hits=st.floats(0, 100), days=st.floats(0, 1_000)),
        weight=st.floats(0.01, 100),
        cost=st.floats(1, 1_000),
        floor_days=st.one_of(st.none(), st.just(2.0)),
        ceiling_days=st.one_of(st.none(), st.just(20.0)),
    ),
    min_size=1,
    max_size=30,
)


@given(fleets, st.floats(0.1, 10_000))
def test_hosts_that_are_counted_together_spend_the_budget_as_if_each_were_counted_alone(
    fleet: list[ScheduledHost], budget: float
) -> None:
    policy = SchedulePolicy(budget=budget)
    allotment = share(fleet, policy, AT)

    demands = [demand_of(host, policy, allotment.even, AT) for host in fleet]
    spent = math.fsum(demand.cost / interval(allotment, demand) for demand in demands)
    assert allotment.even == pytest.approx(math.fsum(host.cost for host in fleet) / budget)
    # Only hosts within 1 % of a bound may be taken to be on the other side of it.
    assert spent == pytest.approx(allotment.spent, rel=0.01)
    assert spent <= budget * 1.01


def test_many_hosts_are_a_small_count() -> None:
    fleet = (
        ScheduledHost("a.example", RateEvidence(number % 977, 100), weight=1 + number % 7) for number in range(9_999)
    )
    counted = Census(POLICY)
    for host in fleet:
        counted.add(host, AT)

    assert counted.hosts == 9_999
    assert len(counted._sums) < 1_000


def test_a_group_has_a_prior_by_what_its_hosts_showed_and_a_small_one_that_of_all() -> None:
    counted = Census(POLICY)
    for _ in range(3):
        counted.add(ScheduledHost("a.bad.example", RateEvidence(10, 100)), AT, "bad.example")
        counted.add(ScheduledHost("a.quiet.example", RateEvidence(0, 100)), AT, "quiet.example")
        counted.add(ScheduledHost("a.paused.example", RateEvidence(99, 1), pause="holiday"), AT, "paused.example")
    for _ in range(2):
        counted.add(ScheduledHost("a.small.example", RateEvidence(10, 100)), AT, "small.example")
    counted.add(ScheduledHost("ungrouped.example", RateEvidence(50, 100)), AT)

    general = pooled_prior(100, 900, DEFAULT_PRIOR)
    assert counted.general_prior() == general
    assert counted.priors() == {
        "bad.example": pooled_prior(30, 300, general),
        "quiet.example": pooled_prior(0, 300, general),
    }


def test_no_more_groups_are_kept_than_the_bound_and_the_largest_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "MOST_GROUPS", 10)
    counted = Census(POLICY)
    for number in range(100):
        counted.add(ScheduledHost("a.example"), AT, f"{number}.example")
        counted.add(ScheduledHost("a.large.example"), AT, "large.example")
        assert len(counted._groups) <= 10

    assert set(counted.priors()) == {"large.example"}


def test_without_hosts_there_is_nothing_to_spend() -> None:
    counted = Census(POLICY)

    assert counted.allotment().spent == 0
    assert counted.priors() == {}
    assert counted.general_prior() == DEFAULT_PRIOR
