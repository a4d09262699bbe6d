"""Decides how often each host is visited, from what is known about it and the fleet's budget.

The square-root law: a file that is uploaded again is exposed until the next visit, half an interval on average, so all
hosts together cost sum(w * lambda * T / 2) a day. Of all intervals that spend the budget, sum(c / T) = B, this is least
for T = kappa * sqrt(c / (w * lambda)) with kappa = sum(sqrt(w * lambda * c)) / B (Lagrange). Times are days, rates are
per day. docs/decisions/0064-the-square-root-law.md has the reasons and the measurements.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.schedule.allotment import Allotment, Demand, interval
from orbweaver.queue.schedule.rates import Prior, RateEvidence, heated, rate_of

# A time further away is no date that means anything, and beyond the year 9999 there is none.
MOST_DAYS: Final = 36_500.0
LEAST_DAYS: Final = 1e-6
_MOST_DOUBLINGS: Final = 60


class PolicyName(StrEnum):
    """The ways of choosing intervals."""

    SQUARE_ROOT = "square-root"  # most often where a visit shortens exposure most
    UNIFORM = "uniform"  # all hosts equally often
    TIERS = "tiers"  # fixed intervals, by the time since the last case


@dataclass(frozen=True, slots=True)
class Tier:
    """Hosts whose last case is less than `since_case_days` ago are visited every `interval_days`."""

    since_case_days: float
    interval_days: float


DEFAULT_TIERS: Final = (Tier(14, 1), Tier(90, 7), Tier(math.inf, 30))


@dataclass(frozen=True, slots=True)
class SchedulePolicy:
    """How the fleet spends its budget. Raises ScheduleRefused for a value that cannot be used.

    `budget` is what may be spent a day, in the unit of the hosts' costs (visits or requests). No host is visited more
    often than every `floor_days`, nor less often than every `ceiling_days` or `ceiling_evens` times the interval at
    which all hosts would be visited equally often, whichever is shorter. What is known of a host fades with
    `half_life_days`; for `hot_days` after a case its prior counts `hot_factor` times. A failed visit is tried again
    after half the host's interval, then twice as long, and so on: at least `least_delay_days`, at most
    `most_delay_days` or the host's interval, the longer of them. Intervals vary by `jitter`, a share of them.
    """

    budget: float
    name: PolicyName = PolicyName.SQUARE_ROOT
    floor_days: float = 1 / 24
    ceiling_days: float = 60.0
    ceiling_evens: float = 2.0
    half_life_days: float = 60.0
    hot_days: float = 14.0
    hot_factor: float = 2.0
    least_delay_days: float = 1 / 24
    most_delay_days: float = 7.0
    jitter: float = 0.1
    tiers: tuple[Tier, ...] = DEFAULT_TIERS

    def __post_init__(self) -> None:
        check_number("budget", self.budget, 0, 1e18)
        for name in ("floor_days", "ceiling_days", "half_life_days", "least_delay_days", "most_delay_days"):
            check_number(name, getattr(self, name), LEAST_DAYS, MOST_DAYS)
        check_number("hot_days", self.hot_days, 0, MOST_DAYS)
        check_number("ceiling_evens", self.ceiling_evens, 1, MOST_DAYS)
        check_number("hot_factor", self.hot_factor, 1, 1e6)
        check_number("jitter", self.jitter, 0, 0.5)
        if self.floor_days > self.ceiling_days:
            raise ScheduleRefused(
                f"floor_days is {self.floor_days}, above ceiling_days, {self.ceiling_days}: lower the floor"
            )
        since = [tier.since_case_days for tier in self.tiers]
        if not since or since != sorted(since) or since[-1] != math.inf:
            raise ScheduleRefused("tiers: give them by rising since_case_days, the last one without an end")
        for tier in self.tiers:
            check_number("interval_days of a tier", tier.interval_days, LEAST_DAYS, MOST_DAYS)


def bounds(policy: SchedulePolicy, even: float) -> tuple[float, float]:
    """Return the floor and the ceiling of all hosts, in days."""
    ceiling = policy.ceiling_days
    if policy.name == PolicyName.SQUARE_ROOT:
        ceiling = min(ceiling, policy.ceiling_evens * even)
    return policy.floor_days, max(policy.floor_days, ceiling)


def present_rate(policy: SchedulePolicy, evidence: RateEvidence, prior: Prior, since_case: float) -> float:
    """Return the rate that counts now; `since_case` is the days since the last case, infinite without one.

    While a host is hot its prior counts more often: a host of which little is known is believed to be as bad as its
    case says, and one whose rate is known is not taken for worse.
    """
    is_hot = since_case < policy.hot_days
    return rate_of(evidence, heated(prior, policy.hot_factor) if is_hot else prior)


def shape_of(policy: SchedulePolicy, *, weight: float, rate: float, cost: float, since_case: float) -> float:
    """Return how long the interval of a host is compared with others."""
    if policy.name == PolicyName.UNIFORM:
        return 1.0
    if policy.name == PolicyName.TIERS:
        return tier_of(policy, since_case).interval_days
    return math.sqrt(cost / (weight * rate))


def least_scale(policy: SchedulePolicy) -> float:
    """Return the least scale of intervals: fixed ones are never shortened to use up a budget, only made longer."""
    return 1.0 if policy.name == PolicyName.TIERS else 0.0


def jittered(policy: SchedulePolicy, allotment: Allotment, demand: Demand, host: str, visits: int) -> float:
    """Return the days until the next visit: the interval, varied by the jitter, within floor and ceiling."""
    days = interval(allotment, demand) * jitter_of(host, visits, policy.jitter)
    return min(max(days, demand.floor), demand.ceiling * allotment.stretch)


def jitter_of(host: str, visits: int, jitter: float) -> float:
    """Return the factor, from 1 - jitter to 1 + jitter, of one interval of a host: always the same for the same visit.

    It keeps hosts that were entered together from being due together for ever.
    """
    return 1 + jitter * (zlib.crc32(f"{visits} {host}".encode()) / 2**31 - 1)


def back_off_days(policy: SchedulePolicy, failures: int, interval_days: float) -> float:
    """Return the days to wait after so many failed visits in a row of a host that is visited every `interval_days`.

    It begins with half the interval. A fixed hour would spend as much on hosts that are down for days as on the others.
    """
    delay = interval_days / 2 * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
    return min(max(delay, policy.least_delay_days), max(policy.most_delay_days, interval_days))


def tier_of(policy: SchedulePolicy, since_case: float) -> Tier:
    """Return the tier of a host whose last case was so many days ago."""
    return next((tier for tier in policy.tiers if since_case < tier.since_case_days), policy.tiers[-1])


def check_number(name: str, value: float, least: float, most: float) -> None:
    """Raise ScheduleRefused for a number outside of a range, or for none."""
    if not least <= value <= most:
        raise ScheduleRefused(f"{name} is {value}: give a number from {least:g} to {most:g}")
