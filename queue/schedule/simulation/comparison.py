"""Compares the settings of the policy on the hosts of one store: what each would do for them in the next months.

The true rates of the hosts are not known: for each seed they are drawn from what is believed of them (a Gamma
distribution for each host), so what is uncertain shows in the intervals. Pauses, quiet hours and failures are left out.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.schedule.allotment import interval
from orbweaver.queue.schedule.census import share
from orbweaver.queue.schedule.policy import PolicyName, SchedulePolicy
from orbweaver.queue.schedule.scheduled_host import ScheduledHost, demand_of, is_scheduled
from orbweaver.queue.schedule.simulation.figures import Interval, interval_of
from orbweaver.queue.schedule.simulation.learning import Learning
from orbweaver.queue.schedule.simulation.visiting import Measured, simulate
from orbweaver.queue.schedule.simulation.world import World, last_upload, poisson

# What one simulation may take: about a second.
MOST_HOSTS: Final = 1_000
MOST_VISITS: Final = 60_000
MOST_UPLOADS_OF_HOST: Final = 2_000
DAYS: Final = 120.0
SEEDS: Final = 5


@dataclass(frozen=True)
class PolicyResult:
    """The figures of one policy; times are days. `ratio` compares the weighted mean with that of `uniform`."""

    name: PolicyName
    weighted_mean: Interval
    ratio: Interval
    p95: Interval
    longest: Interval
    spent: Interval


@dataclass(frozen=True)
class Comparison:
    """The policies on one store's hosts. Of many hosts some are drawn, and their share of the budget with them.

    `spent` of the results and `budget` are those of all hosts.
    """

    hosts: int
    simulated: int
    budget: float
    days: float
    seeds: int
    results: tuple[PolicyResult, ...]


def compare(hosts: Iterable[ScheduledHost], policy: SchedulePolicy, at: datetime, seeds: int = SEEDS) -> Comparison:
    """Simulate every policy on the hosts of a store, as they are known at a moment.

    Bounded in time and memory whatever the hosts are. Raises ScheduleRefused without a budget or hosts to visit.
    """
    if policy.budget == 0:
        raise ScheduleRefused("the budget is 0, so no policy visits anything: raise the budget")
    counted, cost, sample = _drawn(hosts, at)
    if not sample:
        raise ScheduleRefused("there is no host that the schedule visits: add one, or resume one")
    sample, days = _affordable(sample, policy, cost, at)
    part = math.fsum(host.cost for host in sample) / cost
    shared = replace(policy, budget=policy.budget * part)
    names = tuple(PolicyName)
    measured: dict[PolicyName, list[Measured]] = {name: [] for name in names}
    for seed in range(1, seeds + 1):
        world = _world(sample, shared.budget, days, seed)
        for name in names:
            revisits = Learning(replace(shared, name=name), sample, at)
            measured[name].append(simulate(world, revisits, is_idle_allowed=True))
    uniform = measured[PolicyName.UNIFORM]
    results = tuple(_result(name, measured[name], uniform, part) for name in names)
    return Comparison(counted, len(sample), policy.budget, days, seeds, results)


def _drawn(hosts: Iterable[ScheduledHost], at: datetime) -> tuple[int, float, list[ScheduledHost]]:
    """Return how many hosts the schedule visits, what one visit to each costs, and some of them in a random order."""
    source = random.Random("sample")
    counted, cost = 0, 0.0
    drawn: list[ScheduledHost] = []
    for host in hosts:
        if not is_scheduled(host, at):
            continue
        counted += 1
        cost += host.cost
        if len(drawn) < MOST_HOSTS:
            drawn.append(host)
        else:
            place = source.randrange(counted)
            if place < MOST_HOSTS:
                drawn[place] = host
    source.shuffle(drawn)
    return counted, cost, drawn


def _affordable(
    sample: list[ScheduledHost], policy: SchedulePolicy, cost: float, at: datetime
) -> tuple[list[ScheduledHost], float]:
    """Return as many hosts, and days, as need no more than MOST_VISITS visits under any policy."""
    part = math.fsum(host.cost for host in sample) / cost
    visits = max(
        _visits_a_day(sample, replace(policy, budget=policy.budget * part, name=name), at) for name in PolicyName
    )
    kept = sample[: max(1, int(len(sample) * min(1.0, MOST_VISITS / (visits * DAYS))))]
    return kept, min(DAYS, MOST_VISITS / (visits * len(kept) / len(sample)))


def _visits_a_day(hosts: Sequence[ScheduledHost], policy: SchedulePolicy, at: datetime) -> float:
    allotment = share(hosts, policy, at)
    return math.fsum(1 / interval(allotment, demand_of(host, policy, allotment.even, at)) for host in hosts)


def _world(hosts: Sequence[ScheduledHost], budget: float, days: float, seed: int) -> World:
    source = random.Random(f"own hosts {seed}")
    rates = [_believed_rate(source, host, days) for host in hosts]
    warm_up = days / 4
    return World(
        seed=seed,
        budget=budget,
        days=days,
        warm_up=warm_up,
        last_upload=last_upload(days, warm_up),
        names=[host.host for host in hosts],
        weights=[host.weight for host in hosts],
        costs=[host.cost for host in hosts],
        rates=rates,
        later_rates=rates,
        uploads=[poisson(source, rate, 0, days) for rate in rates],
        outages=[()] * len(hosts),
    )


def _believed_rate(source: random.Random, host: ScheduledHost, days: float) -> float:
    hits, seen_days = host.prior.hits + host.evidence.hits, host.prior.days + host.evidence.days
    rate = source.gammavariate(hits, 1 / seen_days)
    # So seldom is never, and so often is always: it changes no delay.
    return min(max(rate, 1e-9), MOST_UPLOADS_OF_HOST / days)


def _result(name: PolicyName, own: list[Measured], uniform: list[Measured], part: float) -> PolicyResult:
    return PolicyResult(
        name=name,
        weighted_mean=interval_of([one.weighted_mean for one in own]),
        ratio=interval_of(
            [
                one.weighted_mean / other.weighted_mean if other.weighted_mean else 1.0
                for one, other in zip(own, uniform, strict=True)
            ]
        ),
        p95=interval_of([one.p95 for one in own]),
        longest=interval_of([one.longest for one in own]),
        spent=interval_of([one.spent / part for one in own]),
    )
