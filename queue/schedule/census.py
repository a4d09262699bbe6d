"""Counts all hosts, one after the other and in bounded memory: what shares the budget, and what their groups show.

The scheduler does this every few hours, not at each visit: between two counts the allotment and the priors stay as they
are. That costs little: in the simulation of `bench/policy` they are renewed every five days.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from orbweaver.queue.schedule.allotment import Allotment, Demand, allot, interval
from orbweaver.queue.schedule.exposure import Exposure, exposure_of
from orbweaver.queue.schedule.policy import SchedulePolicy, least_scale, present_rate
from orbweaver.queue.schedule.rates import DEFAULT_PRIOR, Prior, RateEvidence, pooled_prior
from orbweaver.queue.schedule.scheduled_host import (
    ScheduledHost,
    is_scheduled,
    own_bounds,
    shape_of_host,
    since_case_of,
)

# Hosts whose shapes differ by less than about 1 % are counted together. Their sums are exact; only which of them are at
# a bound is taken from their mean.
_STEPS: Final = 100
# A smaller group says too little, and would tell a host mostly of itself.
LEAST_HOSTS_OF_GROUP: Final = 3
# Beyond this the smaller half of the groups is forgotten.
MOST_GROUPS: Final = 50_000


class Census:
    """One count of all hosts, in any order: `add()` each of them, then ask for `allotment()` and `priors()`.

    A group is what hosts have in common: the hosting provider, or the registrable domain. A host whose group is not
    known, "", counts for the general prior alone.
    """

    def __init__(self, policy: SchedulePolicy, prior: Prior = DEFAULT_PRIOR) -> None:
        """Begin; `prior` is what is known before anything is counted."""
        self.policy = policy
        self.prior = prior
        self.hosts = 0
        # By shape, own floor and own ceiling: the sums of cost, of cost / shape, and of weighted uploads a day.
        self._sums: dict[tuple[int, float | None, float | None], tuple[float, float, float]] = {}
        self._all = (0, 0.0, 0.0)
        # Of each group: hosts, hits, days.
        self._groups: dict[str, tuple[int, float, float]] = {}

    def add(self, host: ScheduledHost, at: datetime, group: str = "") -> None:
        """Count a host, as it is at a moment; one that the schedule does not visit takes no part of anything."""
        if not is_scheduled(host, at):
            return
        self.hosts += 1
        shape = shape_of_host(host, self.policy, at)
        key = (round(math.log(shape) * _STEPS), host.floor_days, host.ceiling_days)
        costs, shares, uploads = self._sums.get(key, (0.0, 0.0, 0.0))
        of_host = host.weight * present_rate(self.policy, host.evidence, host.prior, since_case_of(host, at))
        self._sums[key] = (costs + host.cost, shares + host.cost / shape, uploads + of_host)
        self._all = _added(self._all, host.evidence)
        if group:
            self._groups[group] = _added(self._groups.get(group, (0, 0.0, 0.0)), host.evidence)
            if len(self._groups) > MOST_GROUPS:
                self._forget_small_groups()

    def allotment(self) -> Allotment:
        """Return how the budget is shared among the hosts that were counted."""
        return allot([demand for demand, _ in self._demands()], self.policy.budget, least_scale(self.policy))

    def exposure(self) -> Exposure | None:
        """Return how long uploads stay unseen by that allotment; hosts that the schedule leaves out are not in it."""
        allotment = self.allotment()
        return exposure_of([(uploads, interval(allotment, demand)) for demand, uploads in self._demands()])

    def _demands(self) -> list[tuple[Demand, float]]:
        """Return what is asked of the budget, alike hosts together, with their weighted uploads a day."""
        budget = self.policy.budget
        even = math.fsum(costs for costs, _, _ in self._sums.values()) / budget if budget else math.inf
        return [
            (Demand(costs / shares, costs, *own_bounds(self.policy, even, floor, ceiling)), uploads)
            for (_, floor, ceiling), (costs, shares, uploads) in self._sums.items()
        ]

    def general_prior(self) -> Prior:
        """Return the prior for a host of no known group: what all hosts showed."""
        return _pooled(self._all, self.prior)

    def priors(self) -> Mapping[str, Prior]:
        """Return the priors of the groups that have enough hosts; a host of another one has the general prior."""
        general = self.general_prior()
        return {
            group: _pooled(shown, general) for group, shown in self._groups.items() if shown[0] >= LEAST_HOSTS_OF_GROUP
        }

    def _forget_small_groups(self) -> None:
        # Those that are forgotten have few hosts: most of all that are ever met, and the least use.
        by_size = sorted(self._groups.items(), key=lambda item: item[1][0])
        self._groups = dict(by_size[len(by_size) // 2 :])


def share(hosts: Iterable[ScheduledHost], policy: SchedulePolicy, at: datetime) -> Allotment:
    """Share the budget among hosts; those that the schedule does not visit take no part of it."""
    census = Census(policy)
    for host in hosts:
        census.add(host, at)
    return census.allotment()


def _added(shown: tuple[int, float, float], evidence: RateEvidence) -> tuple[int, float, float]:
    hosts, hits, days = shown
    return hosts + 1, hits + evidence.hits, days + evidence.days


def _pooled(shown: tuple[int, float, float], prior: Prior) -> Prior:
    _, hits, days = shown
    return pooled_prior(hits, days, prior)
