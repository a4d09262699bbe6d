"""How often hosts are visited: the square-root law, its neighbours, and what hosts and policies may not be."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.schedule.allotment import allot, interval
from orbweaver.queue.schedule.census import share
from orbweaver.queue.schedule.policy import PolicyName, SchedulePolicy, Tier, back_off_days, jitter_of, jittered
from orbweaver.queue.schedule.quiet_hours import QuietHours
from orbweaver.queue.schedule.rates import Prior, RateEvidence
from orbweaver.queue.schedule.scheduled_host import ScheduledHost, demand_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FREE = SchedulePolicy(budget=10, floor_days=1e-6, ceiling_days=36_500, ceiling_evens=36_500)

evidences = st.builds(RateEvidence, hits=st.floats(0, 100), days=st.floats(0, 1_000))
hosts = st.builds(
    ScheduledHost,
    host=st.sampled_from(["a.example", "b.example", "c.example:8080"]),
    evidence=evidences,
    weight=st.floats(0.01, 100),
    cost=st.floats(1, 1_000),
    visits=st.integers(0, 1_000),
    last_case=st.one_of(st.none(), st.integers(-40, 40).map(lambda days: AT - timedelta(days=days))),
)
policies = st.builds(
    SchedulePolicy,
    budget=st.floats(0.01, 10_000),
    name=st.sampled_from(PolicyName),
    ceiling_evens=st.floats(1, 10),
    hot_factor=st.floats(1, 10),
    jitter=st.floats(0, 0.5),
)


def days_of(host: ScheduledHost, others: list[ScheduledHost], policy: SchedulePolicy) -> float:
    """The interval of a host in a fleet that is shared with others; it takes no part itself."""
    allotment = share(others, policy, AT)
    return interval(allotment, demand_of(host, policy, allotment.even, AT))


@settings(max_examples=40)
@given(st.lists(hosts, min_size=1, max_size=6), policies)
def test_no_fleet_spends_more_than_its_budget(fleet: list[ScheduledHost], policy: SchedulePolicy) -> None:
    allotment = share(fleet, policy, AT)

    needed = math.fsum(host.cost / interval(allotment, demand_of(host, policy, allotment.even, AT)) for host in fleet)
    assert needed <= policy.budget * (1 + 1e-6)
    if policy.name == PolicyName.SQUARE_ROOT and allotment.scale > 0:
        assert needed == pytest.approx(policy.budget, rel=1e-6)


@settings(max_examples=40)
@given(st.lists(hosts, min_size=1, max_size=3), hosts, st.floats(1, 100))
def test_more_weight_or_rate_never_makes_an_interval_longer_and_more_cost_never_shorter(
    fleet: list[ScheduledHost], host: ScheduledHost, factor: float
) -> None:
    policy = SchedulePolicy(budget=10)
    days = days_of(host, fleet, policy)
    hotter = RateEvidence(host.evidence.hits * factor, host.evidence.days)

    assert days_of(replace(host, weight=host.weight * factor), fleet, policy) <= days
    assert days_of(replace(host, evidence=hotter), fleet, policy) <= days
    assert days_of(replace(host, cost=host.cost * factor), fleet, policy) >= days


@settings(max_examples=40)
@given(hosts, policies, st.integers(0, 10**6))
def test_an_interval_is_within_floor_and_ceiling_with_its_jitter(
    host: ScheduledHost, policy: SchedulePolicy, visits: int
) -> None:
    allotment = share([host], policy, AT)
    demand = demand_of(host, policy, allotment.even, AT)

    days = jittered(policy, allotment, demand, host.host, visits)
    assert policy.floor_days <= demand.floor <= days <= demand.ceiling * allotment.stretch


def test_a_host_with_a_hundred_times_the_rate_is_visited_ten_times_as_often() -> None:
    rare = ScheduledHost("rare.example", RateEvidence(0, 999_990), Prior(0.5, 10))
    often = ScheduledHost("often.example", RateEvidence(49.5, 999_990), Prior(0.5, 10))

    assert days_of(rare, [rare, often], FREE) / days_of(often, [rare, often], FREE) == pytest.approx(10)


def test_the_square_root_law_costs_least_of_all_ways_to_spend_the_budget() -> None:
    fleet = [ScheduledHost(f"{n}.example", RateEvidence(n, 100), weight=n + 1, cost=n % 3 + 1) for n in range(20)]
    demands = [demand_of(host, FREE, 1.0, AT) for host in fleet]
    allotment = allot(demands, FREE.budget)

    def cost(intervals: list[float]) -> float:
        rates = [1 / (demand.shape**2 / demand.cost) for demand in demands]  # weight * rate
        return math.fsum(rate * days / 2 for rate, days in zip(rates, intervals, strict=True))

    best = cost([interval(allotment, demand) for demand in demands])
    for power in (0.0, 0.3, 0.8, 1.2, 2.0):  # of the shape: 0 is uniform, 2 proportional
        other = [demand._replace(shape=demand.shape**power) for demand in demands]
        scale = allot(other, FREE.budget)
        assert best < cost([interval(scale, demand) for demand in other])


def test_after_a_case_a_host_of_which_little_is_known_is_hot_for_a_while() -> None:
    policy = SchedulePolicy(budget=10, ceiling_days=36_500, ceiling_evens=1_000, hot_days=14, hot_factor=4)
    new, old = RateEvidence(), RateEvidence(hits=1_000, days=100_000)
    fleet = [ScheduledHost("other.example")]

    def days(evidence: RateEvidence, since: float) -> float:
        return days_of(ScheduledHost("a.example", evidence, last_case=AT - timedelta(days=since)), fleet, policy)

    assert days(new, 15) / days(new, 13) == pytest.approx(2)
    assert 1 < days(old, 15) / days(old, 13) < 1.001
    assert days(new, -5) == days(new, 13), "a case in the future of a clock that jumped back"


def test_uniform_visits_all_hosts_equally_often() -> None:
    policy = SchedulePolicy(budget=4, name=PolicyName.UNIFORM)
    fleet = [ScheduledHost("a.example", weight=1), ScheduledHost("b.example", RateEvidence(9, 1), weight=100)]

    assert [days_of(host, fleet, policy) for host in fleet] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(("budget", "stretched"), [(1_000, 1), (0.1, 11.42857)])
def test_tiers_are_fixed_and_stretched_only_to_keep_the_budget(budget: float, stretched: float) -> None:
    policy = SchedulePolicy(budget=budget, name=PolicyName.TIERS, ceiling_days=36_500)
    fleet = [
        ScheduledHost("a.example", last_case=AT - timedelta(days=13)),
        ScheduledHost("b.example", last_case=AT - timedelta(days=89)),
    ]

    assert [days_of(host, fleet, policy) for host in fleet] == pytest.approx([stretched, 7 * stretched])
    assert days_of(ScheduledHost("c.example"), fleet, policy) == pytest.approx(30 * stretched)


def test_hosts_that_are_not_visited_take_no_part_of_the_budget() -> None:
    policy = SchedulePolicy(budget=1)
    fleet = [
        ScheduledHost("a.example"),
        ScheduledHost("paused.example", pause="holiday"),
        ScheduledHost("expired.example", expires_at=AT),
        ScheduledHost("worthless.example", weight=0),
        ScheduledHost("quiet.example", quiet_hours=QuietHours(0, 1440, "UTC")),
    ]

    assert days_of(fleet[0], fleet, policy) == pytest.approx(1.0)
    assert days_of(fleet[0], fleet[:1], policy) == pytest.approx(1.0)


def test_a_hosts_own_floor_and_ceiling_hold_where_they_are_stricter() -> None:
    policy = SchedulePolicy(budget=10, floor_days=0.5)
    rare, often = RateEvidence(0, 100_000), RateEvidence(100_000, 1)
    fleet = [ScheduledHost(f"{n}.example") for n in range(50)]

    assert days_of(ScheduledHost("a.example", often, floor_days=2.0), fleet, policy) == 2.0
    assert days_of(ScheduledHost("a.example", often, floor_days=0.1), fleet, policy) == 0.5
    assert days_of(ScheduledHost("a.example", rare, ceiling_days=3.0), fleet, policy) == 3.0
    assert days_of(ScheduledHost("a.example", rare, ceiling_days=99.0), fleet, policy) == 10.0
    assert days_of(ScheduledHost("a.example", rare, floor_days=99.0), fleet, policy) == 99.0


# --- jitter and back-off ---


def test_jitter_is_the_same_for_the_same_visit_and_differs_between_visits_and_hosts() -> None:
    factors = [jitter_of(f"{host}.example", visits, 0.1) for host in range(50) for visits in range(50)]

    assert factors == [jitter_of(f"{host}.example", visits, 0.1) for host in range(50) for visits in range(50)]
    assert len(set(factors)) > 2_400
    assert 0.9 <= min(factors) < 0.91
    assert 1.09 < max(factors) <= 1.1
    assert fmean(factors) == pytest.approx(1, abs=0.005)
    assert jitter_of("a.example", 1, 0) == 1


@pytest.mark.parametrize(
    ("failures", "interval_days", "delay"),
    [
        (1, 4.0, 2.0),
        (2, 4.0, 4.0),
        (3, 4.0, 7.0),
        (10**18, 4.0, 7.0),
        (1, 30.0, 15.0),
        (3, 30.0, 30.0),
        (1, 0.01, 1 / 24),
        (5, 0.02, 0.16),
    ],
)
def test_failed_visits_are_tried_again_ever_later(failures: int, interval_days: float, delay: float) -> None:
    assert back_off_days(SchedulePolicy(budget=1), failures, interval_days) == pytest.approx(delay)


# --- what cannot be ---


@pytest.mark.parametrize("weight", [1e-9, -1, math.nan, math.inf])
def test_a_weight_that_cannot_be_is_refused(weight: float) -> None:
    with pytest.raises(ScheduleRefused, match=r"the weight of a\.example is .* or 0 for a host"):
        ScheduledHost("a.example", weight=weight)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cost", 0),
        ("cost", math.nan),
        ("visits", -1),
        ("failures", -1),
        ("floor_days", 0),
        ("ceiling_days", math.inf),
        ("last_visit", datetime(2026, 1, 1)),  # noqa: DTZ001
        ("expires_at", datetime(2026, 1, 1)),  # noqa: DTZ001
    ],
)
def test_a_host_that_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(ScheduleRefused, match=r"a\.example"):
        ScheduledHost("a.example", **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("budget", -1),
        ("budget", math.nan),
        ("floor_days", 0),
        ("floor_days", 61),
        ("ceiling_days", math.inf),
        ("ceiling_evens", 0.9),
        ("half_life_days", 0),
        ("hot_days", -1),
        ("hot_factor", 0.5),
        ("least_delay_days", 0),
        ("most_delay_days", math.nan),
        ("jitter", 0.6),
        ("tiers", ()),
        ("tiers", (Tier(14, 1),)),
        ("tiers", (Tier(math.inf, 1), Tier(14, 1), Tier(math.inf, 1))),
        ("tiers", (Tier(math.inf, 0),)),
    ],
)
def test_a_policy_that_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(ScheduleRefused, match=name.rpartition("_")[0] or "tier|" + name):
        SchedulePolicy(**{"budget": 1.0, name: value})  # type: ignore[arg-type]
