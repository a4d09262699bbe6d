"""Simulated hosts: when files are uploaded to each again, when it is down, and what an operator thinks it is worth.

A world follows from its scenario and its seed alone. Times are days from the beginning, rates are re-uploads per day.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from orbweaver.queue.schedule.simulation.world import World, last_upload, poisson

MEAN_RATE = 0.05
# Bursts: each re-upload leads to others, each of them after a time that is exponential with this mean.
BURST_DAYS = 0.5
REGIME_SHARE, REGIME_FACTOR = 0.05, 20.0
UP_DAYS, DOWN_DAYS, DEAD_SHARE = 60.0, 3.0, 0.05


@dataclass(frozen=True)
class Scenario:
    """How the hosts of a world differ, how long it is watched, and how many visits a day there are for it."""

    name: str
    text: str
    sigma: float = 1.5
    weight_sigma: float = 0.5
    hosts: int = 2_000
    visits_a_day: int = 400
    days: int = 360
    warm_up: int = 120
    mean_rate: float = MEAN_RATE
    branching: float = 0.0
    has_shift: bool = False
    has_outages: bool = False

    def smaller(self, hosts: int, days: int) -> Scenario:
        """Return the same world with fewer hosts and visits, and watched for a shorter time."""
        visits = round(self.visits_a_day * hosts / self.hosts)
        return replace(self, hosts=hosts, visits_a_day=visits, days=days, warm_up=days // 3)


SCENARIOS = (
    Scenario("sigma-1.0", "rates lognormal, sigma 1.0", sigma=1.0),
    Scenario("sigma-1.5", "rates lognormal, sigma 1.5"),
    Scenario("sigma-2.0", "rates lognormal, sigma 2.0", sigma=2.0),
    Scenario("bursty", "sigma 1.5; 0.6 of the re-uploads follow from others within about half a day", branching=0.6),
    Scenario(
        "sparse",
        "sigma 1.5; a tenth of the re-uploads, a quarter of the visits, weights sigma 1.0, 720 days",
        weight_sigma=1.0,
        visits_a_day=100,
        days=720,
        warm_up=240,
        mean_rate=MEAN_RATE / 10,
    ),
    Scenario("shift", "sigma 1.5; after the warm-up the rate of 5 % of the hosts is 20 times higher", has_shift=True),
    Scenario("outages", "sigma 1.5; each host is down 3 of 63 days, and 5 % of them go for good", has_outages=True),
)


def make(scenario: Scenario, seed: int) -> World:
    """Draw a world; the same scenario and seed give the same one."""
    source = random.Random(f"{scenario.name} {seed}")
    drawn = [math.exp(source.gauss(0, scenario.sigma)) for _ in range(scenario.hosts)]
    to_mean = scenario.mean_rate * scenario.hosts / math.fsum(drawn)
    rates = [rate * to_mean for rate in drawn]
    weights = [math.exp(source.gauss(0, scenario.weight_sigma)) for _ in rates]
    later = [rate * REGIME_FACTOR if source.random() < REGIME_SHARE else rate for rate in rates]
    later_rates = later if scenario.has_shift else rates
    outages = [_outages(source, scenario) for _ in rates]
    return World(
        seed=seed,
        budget=scenario.visits_a_day,
        days=scenario.days,
        warm_up=scenario.warm_up,
        last_upload=last_upload(scenario.days, scenario.warm_up),
        names=[f"host-{host}.example" for host in range(scenario.hosts)],
        weights=weights,
        costs=[1.0] * scenario.hosts,
        rates=rates,
        later_rates=later_rates,
        uploads=[
            _without_outages(_uploads(source, scenario, rate, later_rate), down)
            for rate, later_rate, down in zip(rates, later_rates, outages, strict=True)
        ],
        outages=outages,
    )


def _uploads(source: random.Random, scenario: Scenario, rate: float, later_rate: float) -> list[float]:
    own = 1 - scenario.branching
    times = [
        *poisson(source, rate * own, 0, scenario.warm_up),
        *poisson(source, later_rate * own, scenario.warm_up, scenario.days),
    ]
    if scenario.branching:
        for time in times:  # grows while it is gone through: what follows from an upload has followers of its own
            for _ in range(_poisson_count(source, scenario.branching)):
                follower = time + source.expovariate(1 / BURST_DAYS)
                if follower < scenario.days:
                    times.append(follower)
    return sorted(times)


def _poisson_count(source: random.Random, mean: float) -> int:
    count, product, least = 0, source.random(), math.exp(-mean)
    while product > least:
        count += 1
        product *= source.random()
    return count


def _outages(source: random.Random, scenario: Scenario) -> list[tuple[float, float]]:
    if not scenario.has_outages:
        return []
    outages = []
    gone = source.uniform(0, scenario.days) if source.random() < DEAD_SHARE else math.inf
    time = source.expovariate(1 / UP_DAYS)
    while time < min(gone, scenario.days):
        until = time + source.expovariate(1 / DOWN_DAYS)
        outages.append((time, until))
        time = until + source.expovariate(1 / UP_DAYS)
    if gone < scenario.days:
        outages = [(begin, min(end, gone)) for begin, end in outages]
        outages.append((gone, math.inf))
    return outages


def _without_outages(uploads: list[float], outages: list[tuple[float, float]]) -> list[float]:
    return [time for time in uploads if not any(begin <= time < end for begin, end in outages)]
