"""Estimates how often files are uploaded again to a host, from visits at irregular times that saw something or nothing.

Times are days, rates are re-uploads per day. Nothing here reads a clock or a store.

The model: re-uploads are a Poisson process with rate lambda, and lambda itself has a Gamma distribution over the hosts.
A visit tells one bit: something new was there (a hit) or nothing (a quiet visit). How many files were there says little
more, because one person uploads many at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orbweaver.queue.errors import ScheduleRefused

_DAY: Final = timedelta(days=1)
# Beyond these nothing is meant; within them no rate is 0 or infinite, whatever the history.
_LEAST_OF_PRIOR: Final = 1e-6
_MOST_OF_PRIOR: Final = 1e6
_MOST_OF_EVIDENCE: Final = 1e9
# Below this the closed form of `days_until_first` loses digits, and the first terms of its series are exact to 1e-13.
_SMALL: Final = 0.01


@dataclass(frozen=True, slots=True)
class Prior:
    """The belief about a host's rate before its first visit: a Gamma distribution, as if so much had been seen.

    `hits` is the shape (a0): the smaller, the more hosts may differ. `days` is the rate parameter (b0).

    >>> Prior(hits=0.5, days=10.0).rate
    0.05
    """

    hits: float = 0.5
    days: float = 10.0

    def __post_init__(self) -> None:
        for name in ("hits", "days"):
            value = getattr(self, name)
            if not _LEAST_OF_PRIOR <= value <= _MOST_OF_PRIOR:
                raise ScheduleRefused(
                    f"{name} of a prior is {value}: give a number from {_LEAST_OF_PRIOR} to {_MOST_OF_PRIOR:.0f}"
                )

    @property
    def rate(self) -> float:
        """The mean rate, re-uploads per day."""
        return self.hits / self.days


# Once in 20 days, from nothing to several times a day: docs/decisions/0064-the-square-root-law.md.
DEFAULT_PRIOR: Final = Prior()


@dataclass(frozen=True, slots=True)
class RateEvidence:
    """The evidence of one host's visits, beyond the prior. These two numbers are all that is kept of a history.

    `hits` are visits that found something new, `days` the time in which the first of it appeared; both fade.
    """

    hits: float = 0.0
    days: float = 0.0

    def __post_init__(self) -> None:
        for name in ("hits", "days"):
            value = getattr(self, name)
            if not 0 <= value <= _MOST_OF_EVIDENCE:
                raise ScheduleRefused(
                    f"{name} of rate evidence is {value}: give a number from 0 to {_MOST_OF_EVIDENCE:.0f}"
                )


NO_EVIDENCE: Final = RateEvidence()


def rate_of(evidence: RateEvidence, prior: Prior) -> float:
    """Return the estimated rate, re-uploads per day: the mean of the posterior, a / b. It is positive and finite."""
    return (prior.hits + evidence.hits) / (prior.days + evidence.days)


def after_quiet_visit(evidence: RateEvidence, days: float) -> RateEvidence:
    """Return the evidence after a visit that found nothing new, `days` after the visit before it: b += tau.

    The conjugate update of a Gamma prior by a time without an event. It never raises the rate.
    Raises ScheduleRefused for days that are negative or no number.
    """
    _check_days(days)
    return RateEvidence(evidence.hits, min(evidence.days + days, _MOST_OF_EVIDENCE))


def after_hit(evidence: RateEvidence, prior: Prior, days: float) -> RateEvidence:
    """Return the evidence after a visit that found something new, `days` after the visit before it.

    a += 1 and b += E[t | t <= tau], the expected time until the first event: one step of expectation maximisation,
    done once for each visit (online), with the present rate. It never lowers the rate, because that time is below
    1 / lambda. Raises ScheduleRefused for days that are negative or no number.
    """
    _check_days(days)
    if evidence.hits + 1 > _MOST_OF_EVIDENCE:
        return evidence  # no more can be known, and days without a hit would lower the rate
    waited = days_until_first(rate_of(evidence, prior), days)
    return RateEvidence(evidence.hits + 1, min(evidence.days + waited, _MOST_OF_EVIDENCE))


def days_until_first(rate: float, days: float) -> float:
    """Return the expected time until the first event, given that there was one within `days`.

    1 / lambda - tau / (e^(lambda tau) - 1), the mean of an exponential distribution that is cut off at tau. For a small
    lambda tau this is tau / 2, for a large one 1 / lambda.
    """
    expected = rate * days
    if expected < _SMALL:
        return days * (0.5 - expected / 12 + expected**3 / 720)
    try:
        return 1 / rate - days / math.expm1(expected)
    except OverflowError:  # e^710 is no float any more: the second term is 0
        return 1 / rate


def faded(evidence: RateEvidence, days: float, half_life: float) -> RateEvidence:
    """Return what evidence still counts after `days`: half of it after each half-life, given in days.

    The estimate moves towards the prior, so a host that comes back to life is noticed, and so is one that went quiet.
    Raises ScheduleRefused for days that are negative or no number, and for a half-life that is not positive.
    """
    _check_days(days)
    if not half_life > 0:
        raise ScheduleRefused(f"the half-life of what is known about hosts is {half_life} days: give a number above 0")
    kept = 0.5 ** (days / half_life)
    return RateEvidence(evidence.hits * kept, evidence.days * kept)


def learned(evidence: RateEvidence, prior: Prior, days: float, half_life: float, *, is_hit: bool) -> RateEvidence:
    """Return the evidence after a visit, `days` after the visit before it: what was known fades, then the visit counts.

    Raises ScheduleRefused for days that are negative or no number, and for a half-life that is not positive.
    """
    before = faded(evidence, days, half_life)
    return after_hit(before, prior, days) if is_hit else after_quiet_visit(before, days)


def pooled_prior(hits: float, days: float, prior: Prior) -> Prior:
    """Return the prior for hosts of one group, whose hosts together showed so many hits in so many days.

    Its mean is the pooled rate of the group, shrunk towards `prior` as if one more host of average kind were in it
    (empirical Bayes for Gamma-Poisson). Its shape stays that of `prior`: knowing the group makes a new host's rate no
    more certain than hosts of one group are alike. A group without evidence has the prior itself.

    >>> pooled_prior(9.5, 90.0, Prior(hits=0.5, days=10.0)).rate
    0.1
    """
    pooled_days = prior.hits * (prior.days + days) / (prior.hits + hits)
    return Prior(prior.hits, min(max(pooled_days, _LEAST_OF_PRIOR), _MOST_OF_PRIOR))


def heated(prior: Prior, factor: float) -> Prior:
    """Return the prior of a host that is hot: as if its hits counted `factor` times (within what a prior may be)."""
    return Prior(min(prior.hits * factor, _MOST_OF_PRIOR), prior.days)


def days_between(earlier: datetime, later: datetime) -> float:
    """Return the days from one moment to another; 0 when a clock has jumped back, so that no visit undoes a time."""
    return max(0.0, (later - earlier) / _DAY)


def _check_days(days: float) -> None:
    if not 0 <= days < math.inf:
        raise ScheduleRefused(f"the time between two visits is {days} days: give a number from 0 on")
