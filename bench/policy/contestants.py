"""The policies that are compared: ours, as the product has it, and what else could choose the intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from orbweaver.queue.schedule.allotment import Demand, allot, interval
from orbweaver.queue.schedule.policy import MOST_DAYS, PolicyName, SchedulePolicy, bounds, shape_of
from orbweaver.queue.schedule.scheduled_host import ScheduledHost
from orbweaver.queue.schedule.simulation.learning import Learning
from orbweaver.queue.schedule.simulation.visiting import Revisits
from orbweaver.queue.schedule.simulation.world import World

# No case is before the beginning, so it is any moment.
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, MINUTE = 1 / 24, 1 / 1_440


class Fixed:
    """Intervals that never change, in days; a failed visit is one like others."""

    def __init__(self, intervals: Sequence[float], later: Sequence[float], shift: float) -> None:
        self.intervals, self.later, self.shift = intervals, later, shift

    def after_visit(self, host: int, now: float, since: float, is_hit: bool) -> float:  # noqa: ARG002
        return now + self.intervals[host]

    def after_failure(self, host: int, now: float) -> float:
        return now + self.intervals[host]

    def new_day(self, now: float) -> None:
        if now >= self.shift:
            self.intervals = self.later


class Scaled:
    """Intervals that adapt to what is found, all scaled by one factor, renewed each day, so that they spend the budget.

    That is done by a clock that runs the faster the smaller the factor is: so a new factor holds for hosts that wait
    already. Due times are by that clock, which is enough for a fleet that never waits.
    """

    def __init__(self, world: World, adaptive: NutchLike | StormCrawlerLike) -> None:
        self.adaptive, self.budget = adaptive, world.budget
        self.factor, self.clock, self.renewed = 1.0, 0.0, 0.0

    def after_visit(self, host: int, now: float, since: float, is_hit: bool) -> float:
        return self._clock(now) + self.adaptive.after_visit(host, now, since, is_hit) - now

    def after_failure(self, host: int, now: float) -> float:
        return self._clock(now) + self.adaptive.after_failure(host, now) - now

    def new_day(self, now: float) -> None:
        self.clock, self.renewed = self._clock(now), now
        self.factor = math.fsum(1 / days for days in self.adaptive.intervals) / self.budget

    def _clock(self, now: float) -> float:
        return self.clock + (now - self.renewed) / self.factor


class Tiers:
    """The product's fixed tiers; they are not stretched to the budget, because only their ratios count here."""

    def __init__(self, world: World) -> None:
        self.policy = SchedulePolicy(budget=world.budget, name=PolicyName.TIERS)
        self.last_case = [-math.inf] * len(world.names)

    def after_visit(self, host: int, now: float, since: float, is_hit: bool) -> float:  # noqa: ARG002
        if is_hit:
            self.last_case[host] = now
        return self.after_failure(host, now)

    def after_failure(self, host: int, now: float) -> float:
        return now + shape_of(self.policy, weight=1, rate=1, cost=1, since_case=now - self.last_case[host])

    def new_day(self, now: float) -> None:
        pass


class NutchLike:
    """Apache Nutch 1.x, AdaptiveFetchSchedule with its own defaults.

    A change shortens the interval by dec_rate 0.2, none lengthens it by inc_rate 0.2; it is 30 days at first, then from
    1 minute to 365 days. A failure is tried again after a day; from the fourth on, intervals grow 1.5 times.
    nutch-default.xml sets inc_rate 0.4, and sync_delta moves the next visit towards the last change. Both are left out:
    on a server that never idles they make the policy many times worse than uniform.
    """

    def __init__(self, world: World) -> None:
        self.intervals = [30.0] * len(world.names)
        self.failures = [0] * len(world.names)

    def after_visit(self, host: int, now: float, since: float, is_hit: bool) -> float:  # noqa: ARG002
        self.failures[host] = 0
        self.intervals[host] = min(max(self.intervals[host] * (0.8 if is_hit else 1.2), MINUTE), 365.0)
        return now + self.intervals[host]

    def after_failure(self, host: int, now: float) -> float:
        self.failures[host] += 1
        if self.failures[host] <= 3:
            return now + 1
        self.intervals[host] = min(self.intervals[host] * 1.5, 90.0)
        return now + self.intervals[host]

    def new_day(self, now: float) -> None:
        pass


class StormCrawlerLike:
    """Apache StormCrawler, AdaptiveScheduler with the values of its documentation and crawler-default.yaml.

    A change moves the interval half the way to the least, 1 hour; none makes it 1.5 times as long, up to 14 days, from
    1 day at first. A failure is tried again after 2 hours; three of them are an error, which is tried again after 31
    days. Then the interval begins anew.
    """

    def __init__(self, world: World) -> None:
        self.intervals = [1.0] * len(world.names)
        self.failures = [0] * len(world.names)

    def after_visit(self, host: int, now: float, since: float, is_hit: bool) -> float:  # noqa: ARG002
        self.failures[host] = 0
        days = self.intervals[host]
        self.intervals[host] = 0.5 * days + 0.5 * HOUR if is_hit else min(days * 1.5, 14.0)
        return now + self.intervals[host]

    def after_failure(self, host: int, now: float) -> float:
        self.failures[host] += 1
        self.intervals[host] = 1.0
        return now + (2 * HOUR if self.failures[host] < 3 else 31.0)

    def new_day(self, now: float) -> None:
        pass


def learning(world: World) -> Revisits:
    """The product's policy, with the rates that it learns; nothing is known of a host at first."""
    return _learning(world, SchedulePolicy(budget=world.budget))


def without_ceiling(world: World) -> Revisits:
    """The same, with a host waiting for as long as the square-root law says."""
    return _learning(world, SchedulePolicy(budget=world.budget, ceiling_days=MOST_DAYS, ceiling_evens=MOST_DAYS))


def _learning(world: World, policy: SchedulePolicy) -> Revisits:
    hosts = [ScheduledHost(name, weight=weight) for name, weight in zip(world.names, world.weights, strict=True)]
    return Learning(policy, hosts, BEGIN)


def knowing(world: World) -> Revisits:
    """The product's policy with intervals that follow from the true rates."""
    policy = SchedulePolicy(budget=world.budget)
    limits = bounds(policy, world.even)

    def intervals(weights: Sequence[float], rates: Sequence[float]) -> list[float]:
        demands = [
            Demand(shape_of(policy, weight=weight, rate=rate, cost=1.0, since_case=math.inf), 1.0, *limits)
            for weight, rate in zip(weights, rates, strict=True)
        ]
        allotment = allot(demands, policy.budget)
        return [interval(allotment, demand) for demand in demands]

    return _fixed(world, intervals)


def uniform(world: World) -> Revisits:
    return _fixed(world, lambda weights, rates: [1.0] * len(rates))  # noqa: ARG005


def proportional(world: World) -> Revisits:
    """Visits in proportion to weight and true rate."""
    return _fixed(
        world, lambda weights, rates: [1 / (weight * rate) for weight, rate in zip(weights, rates, strict=True)]
    )


def lambda_crawl(world: World) -> Revisits:
    """Kolobov and others, "Staying up to Date with Online Content Changes", 2019: harmonic penalty, true rates.

    A host's visits a day are (-lambda + sqrt(lambda^2 + 4 w lambda / mu)) / 2, with mu found by halving.
    """
    budget = world.budget

    def intervals(weights: Sequence[float], rates: Sequence[float]) -> list[float]:
        low, high = 1e-12, 1e12
        for _ in range(100):
            mu = math.sqrt(low * high)
            visits = [
                (math.sqrt(rate * rate + 4 * weight * rate / mu) - rate) / 2
                for weight, rate in zip(weights, rates, strict=True)
            ]
            low, high = (mu, high) if math.fsum(visits) > budget else (low, mu)
        return [1 / each for each in visits]

    return _fixed(world, intervals)


def _fixed(world: World, shape: Callable[[Sequence[float], Sequence[float]], Sequence[float]]) -> Fixed:
    """Intervals of a shape that together spend the budget, before and after a change of the rates."""

    def scaled(rates: Sequence[float]) -> list[float]:
        days = shape(world.weights, rates)
        factor = math.fsum(1 / each for each in days) / world.budget
        return [each * factor for each in days]

    before = scaled(world.rates)
    return Fixed(before, before if world.later_rates is world.rates else scaled(world.later_rates), world.warm_up)


@dataclass(frozen=True)
class Contestant:
    """A policy, its name in results, and how it is called in tables."""

    name: str
    label: str
    begin: Callable[[World], Revisits]


OURS = "learned"
CONTESTANTS = (
    Contestant(OURS, "Orbweaver, learned rates", learning),
    Contestant("no-ceiling", "Orbweaver, learned rates, no ceiling", without_ceiling),
    Contestant("true-rates", "Orbweaver, true rates", knowing),
    Contestant("lambda-crawl", "LambdaCrawl, true rates", lambda_crawl),
    Contestant("uniform", "uniform", uniform),
    Contestant("proportional", "proportional, true rates", proportional),
    Contestant("tiers", "fixed tiers (1, 7, 30 days)", Tiers),
    Contestant("nutch", "Nutch-like", NutchLike),
    Contestant("nutch-scaled", "Nutch-like, scaled to the budget", lambda world: Scaled(world, NutchLike(world))),
    Contestant("stormcrawler", "StormCrawler-like", StormCrawlerLike),
    Contestant(
        "stormcrawler-scaled",
        "StormCrawler-like, scaled to the budget",
        lambda world: Scaled(world, StormCrawlerLike(world)),
    ),
)
