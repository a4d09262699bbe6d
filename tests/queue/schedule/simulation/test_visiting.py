"""The simulated fleet spends what it may, finds what it visits, and is the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.queue.schedule.policy import PolicyName, SchedulePolicy
from orbweaver.queue.schedule.rates import NO_EVIDENCE
from orbweaver.queue.schedule.scheduled_host import ScheduledHost
from orbweaver.queue.schedule.simulation.learning import Learning
from orbweaver.queue.schedule.simulation.visiting import Measured, simulate
from orbweaver.queue.schedule.simulation.world import World, last_upload, poisson

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Every:
    """All hosts every so many days, and a failed one after a tenth of a day."""

    def __init__(self, days: float) -> None:
        self.days = days
        self.visited: list[tuple[int, float, bool]] = []
        self.failed: list[float] = []
        self.days_begun: list[float] = []

    def after_visit(self, host: int, now: float, since: float, is_hit: bool) -> float:
        self.visited.append((host, now, is_hit))
        return now + self.days

    def after_failure(self, host: int, now: float) -> float:
        self.failed.append(now)
        return now + 0.1

    def new_day(self, now: float) -> None:
        self.days_begun.append(now)


def world(
    uploads: Sequence[Sequence[float]],
    *,
    budget: float = 1.0,
    days: float = 40.0,
    costs: Sequence[float] | None = None,
    weights: Sequence[float] | None = None,
    outages: Sequence[Sequence[tuple[float, float]]] | None = None,
) -> World:
    hosts = len(uploads)
    return World(
        seed=1,
        budget=budget,
        days=days,
        warm_up=0,
        last_upload=days,
        names=[f"{host}.example" for host in range(hosts)],
        weights=weights or [1.0] * hosts,
        costs=costs or [1.0] * hosts,
        rates=[1.0] * hosts,
        later_rates=[1.0] * hosts,
        uploads=uploads,
        outages=outages or [()] * hosts,
    )


def drawn(rates: Sequence[float], budget: float, days: float, seed: int) -> World:
    source = random.Random(seed)
    uploads = [poisson(source, rate, 0, days) for rate in rates]
    return world(uploads, budget=budget, days=days)


def test_all_policies_make_the_same_number_of_visits_when_the_fleet_never_waits() -> None:
    for interval in (0.01, 3.0, 500.0):
        every = Every(interval)
        measured = simulate(world([[], [], []], budget=2), every)
        assert (measured.visits, measured.spent) == (80, 2)
        assert every.days_begun == [float(day) for day in range(40)]


def test_a_fleet_that_may_wait_spends_no_more_than_its_intervals_need() -> None:
    measured = simulate(world([[], []], budget=100), Every(4), is_idle_allowed=True)

    assert 20 <= measured.visits <= 22
    assert measured.spent < 0.6


def test_a_visit_that_costs_more_takes_more_of_the_budget() -> None:
    measured = simulate(world([[], []], costs=[3, 5], budget=4), Every(1))

    assert measured.visits == 40
    assert measured.spent == pytest.approx(4, rel=0.05)


def test_uploads_are_found_by_the_next_visit_and_weighed() -> None:
    every = Every(10)
    measured = simulate(world([[0.5, 20.5], [21.0]], weights=[1, 3]), every)

    visits = {host: [now for one, now, _ in every.visited if one == host] for host in (0, 1)}
    delays = [
        min(now for now in visits[0] if now >= 0.5) - 0.5,
        min(now for now in visits[0] if now >= 20.5) - 20.5,
        min(now for now in visits[1] if now >= 21) - 21,
    ]
    assert measured.uploads == 3
    assert measured.mean == pytest.approx(sum(delays) / 3)
    assert measured.weighted_mean == pytest.approx((delays[0] + delays[1] + 3 * delays[2]) / 5)
    assert sum(is_hit for *_, is_hit in every.visited) == 3


def test_a_host_that_is_down_fails_and_what_is_gone_for_good_is_no_delay() -> None:
    every = Every(1)
    measured = simulate(
        world([[5.0, 30.0], []], outages=[[(2.0, 4.0), (20.0, 99.0)], []], budget=2), every, is_idle_allowed=True
    )

    assert every.failed
    assert all(2 <= now < 4 or now >= 20 for now in every.failed)
    assert measured.uploads == 1


def test_a_host_that_is_left_out_is_starved_and_its_uploads_count_until_the_end() -> None:
    class Unfair(Every):
        def after_visit(self, host: int, now: float, since: float, is_hit: bool) -> float:
            return now if host == 0 else now + 1e9

    measured = simulate(world([[], [10.0]]), Unfair(1))

    assert (measured.starved, measured.uploads) == (1, 1)
    assert measured.weighted_mean == pytest.approx(30)
    assert measured.longest > 30


def test_nothing_to_visit_or_to_find_is_no_error() -> None:
    assert simulate(world([]), Every(1)).visits == 0
    assert simulate(world([[]]), Every(1)).weighted_mean == 0


def test_the_same_world_and_policy_give_the_same_figures() -> None:
    one = drawn([0.1, 0.5, 0.01] * 10, 10, 60, seed=3)
    hosts = [ScheduledHost(name) for name in one.names]

    first, second = (simulate(one, Learning(SchedulePolicy(budget=10), hosts, AT)) for _ in range(2))
    assert first == second


def test_the_first_visit_of_a_host_is_no_evidence_as_for_the_running_fleet() -> None:
    hosts = [ScheduledHost("new.example"), ScheduledHost("known.example", last_evidence=AT)]
    learning = Learning(SchedulePolicy(budget=1), hosts, AT)
    learning.new_day(0)
    for host in (0, 1):
        learning.after_visit(host, 2.0, 2.0, is_hit=True)

    assert learning.evidence[0] == NO_EVIDENCE
    assert learning.evidence[1].hits == 1


# --- in the long run ---


rates_of_hosts = st.lists(st.sampled_from([0.001, 0.1, 1.0, 5.0]), min_size=5, max_size=12)


def play_freely(rates: Sequence[float], policy: SchedulePolicy, seed: int, days: float = 60) -> Measured:
    """Simulate a fleet that could visit ten times as many hosts, so that only the policy keeps the budget."""
    hosts = [ScheduledHost(f"{number}.example") for number in range(len(rates))]
    return simulate(drawn(rates, policy.budget * 10, days, seed), Learning(policy, hosts, AT), is_idle_allowed=True)


@settings(max_examples=10)
@given(rates_of_hosts, st.sampled_from(PolicyName), st.integers(1, 1_000))
def test_the_budget_holds_in_the_long_run_though_rates_are_learned(
    rates: list[float], name: PolicyName, seed: int
) -> None:
    policy = SchedulePolicy(budget=len(rates) / 2, name=name)
    measured = play_freely(rates, policy, seed)

    # All hosts are new and visited at once; after that, rates change between two counts.
    assert measured.spent <= policy.budget * 1.15 + len(rates) / 60


@settings(max_examples=10)
@given(rates_of_hosts, st.sampled_from([PolicyName.SQUARE_ROOT, PolicyName.UNIFORM]), st.integers(1, 1_000))
def test_no_host_waits_longer_than_the_ceiling(rates: list[float], name: PolicyName, seed: int) -> None:
    policy = SchedulePolicy(budget=len(rates) / 2, name=name)
    measured = play_freely(rates, policy, seed)

    even = 2.0
    ceiling = policy.ceiling_evens * even if name == PolicyName.SQUARE_ROOT else even * (1 + policy.jitter)
    assert measured.longest <= ceiling + even / 10 + 0.1, "and until the fleet has time"


def test_later_uploads_do_not_count() -> None:
    assert last_upload(days=80, warm_up=0) == 70
