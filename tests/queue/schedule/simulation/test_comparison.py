"""The settings of the policy are compared on a store's own hosts, in bounded work whatever the hosts are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.schedule.policy import PolicyName, SchedulePolicy
from orbweaver.queue.schedule.rates import RateEvidence
from orbweaver.queue.schedule.scheduled_host import ScheduledHost
from orbweaver.queue.schedule.simulation import comparison
from orbweaver.queue.schedule.simulation.comparison import Comparison, compare

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def fleet(count: int, **facts: object) -> list[ScheduledHost]:
    """Hosts of which one in ten has many uploads, and of which that is known."""
    return [
        ScheduledHost(
            f"{number}.example",
            RateEvidence(80, 100) if number % 10 == 0 else RateEvidence(0, 200),
            last_visit=AT,
            last_evidence=AT,
            **facts,  # type: ignore[arg-type]
        )
        for number in range(count)
    ]


def ratio(compared: Comparison, name: PolicyName) -> float:
    return next(one.ratio.mean for one in compared.results if one.name == name)


def test_the_policies_are_compared_on_the_hosts_as_they_are_known() -> None:
    compared = compare(fleet(100), SchedulePolicy(budget=20), AT, seeds=2)

    assert (compared.hosts, compared.simulated, compared.seeds) == (100, 100, 2)
    assert [one.name for one in compared.results] == list(PolicyName)
    assert ratio(compared, PolicyName.UNIFORM) == 1
    assert ratio(compared, PolicyName.SQUARE_ROOT) < 0.7
    for one in compared.results:
        assert 0 < one.spent.mean <= 20 * 1.01
    assert compare(fleet(100), SchedulePolicy(budget=20), AT, seeds=2) == compared


def test_of_many_hosts_some_are_drawn_with_their_share_of_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "MOST_HOSTS", 50)
    compared = compare(fleet(400), SchedulePolicy(budget=80), AT, seeds=1)

    assert (compared.hosts, compared.simulated, compared.budget) == (400, 50, 80)
    uniform = next(one for one in compared.results if one.name == PolicyName.UNIFORM)
    assert uniform.spent.mean == pytest.approx(80, rel=0.1)


@pytest.mark.parametrize("budget", [1e-6, 1.0, 1e9])
def test_the_work_is_bounded_whatever_the_budget_and_the_hosts(monkeypatch: pytest.MonkeyPatch, budget: float) -> None:
    monkeypatch.setattr(comparison, "MOST_VISITS", 300)
    monkeypatch.setattr(comparison, "MOST_UPLOADS_OF_HOST", 50)
    visits: list[int] = []
    simulate = comparison.simulate

    def counted(*arguments: object, **options: object) -> object:
        measured = simulate(*arguments, **options)  # type: ignore[arg-type]
        visits.append(measured.visits)
        return measured

    monkeypatch.setattr(comparison, "simulate", counted)
    hosts = [
        ScheduledHost(f"{number}.example", RateEvidence(1e9, 0), cost=10.0 ** (number % 5), floor_days=1e-6)
        for number in range(100)
    ]
    compare(hosts, SchedulePolicy(budget=budget, floor_days=1e-6), AT, seeds=1)

    assert max(visits) <= 2 * 300


def test_a_large_budget_is_simulated_on_fewer_hosts_for_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "MOST_VISITS", 3_000)
    compared = compare(fleet(100), SchedulePolicy(budget=100), AT, seeds=1)

    assert 20 <= compared.simulated <= 25
    assert compared.days == pytest.approx(comparison.DAYS, rel=0.05)


def test_what_the_schedule_does_not_visit_takes_no_part() -> None:
    others = [ScheduledHost("paused.example", pause="holiday"), ScheduledHost("worthless.example", weight=0)]
    expired = ScheduledHost("expired.example", expires_at=AT - timedelta(days=1))

    assert compare([*fleet(10), *others, expired], SchedulePolicy(budget=5), AT, seeds=1).hosts == 10


def test_a_host_without_any_uploads_is_no_error() -> None:
    quiet = ScheduledHost("quiet.example", RateEvidence(0, 1e9), last_evidence=AT)

    assert ratio(compare([quiet], SchedulePolicy(budget=1), AT, seeds=1), PolicyName.SQUARE_ROOT) == 1


@pytest.mark.parametrize(
    ("hosts", "budget", "said"),
    [(fleet(1), 0, "the budget is 0"), ([], 1, "no host"), (fleet(2, pause="holiday"), 1, "no host")],
)
def test_nothing_to_compare_is_said(hosts: list[ScheduledHost], budget: float, said: str) -> None:
    with pytest.raises(ScheduleRefused, match=said):
        compare(hosts, SchedulePolicy(budget=budget), AT)
