"""Our own policy at work in a simulation: by the functions that decide for the running fleet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orbweaver.queue.schedule.allotment import Demand, allot, interval
from orbweaver.queue.schedule.policy import (
    SchedulePolicy,
    back_off_days,
    jittered,
    least_scale,
    present_rate,
    shape_of,
)
from orbweaver.queue.schedule.rates import DEFAULT_PRIOR, Prior, learned, pooled_prior
from orbweaver.queue.schedule.scheduled_host import ScheduledHost, own_bounds, since_case_of

# How often the budget is shared anew and priors are pooled: for all hosts at once, which takes most of the time.
SHARE_EVERY_DAYS = 5


class Learning:
    """The policy with the rates that it learns, beginning with what is known of the hosts at a moment.

    Hosts that have the same prior at first are one group. Only what a simulation has is looked at: no pause, no quiet
    hours, no wish of an operator.
    """

    def __init__(self, policy: SchedulePolicy, hosts: Sequence[ScheduledHost], at: datetime) -> None:
        """Begin; the policy has a budget above 0."""
        self.policy = policy
        self.hosts = hosts
        self.evidence = [host.evidence for host in hosts]
        self.has_evidence = [host.last_evidence is not None for host in hosts]
        self.last_case = [-since_case_of(host, at) for host in hosts]
        self.visits = [0] * len(hosts)
        self.failures = [0] * len(hosts)
        self.groups = [host.prior for host in hosts]
        self.priors = {prior: prior for prior in self.groups}
        even = sum(host.cost for host in hosts) / policy.budget
        self.bounds = [own_bounds(policy, even, host.floor_days, host.ceiling_days) for host in hosts]
        self.allotment = allot([], policy.budget)
        self.next_share = 0.0

    def after_visit(self, host: int, now: float, since: float, is_hit: bool) -> float:
        """Learn from a visit as `visits.after_visit()` does; the first one is no evidence."""
        self.failures[host] = 0
        self.visits[host] += 1
        if self.has_evidence[host]:
            self.evidence[host] = learned(
                self.evidence[host], self._prior(host), since, self.policy.half_life_days, is_hit=is_hit
            )
        self.has_evidence[host] = True
        if is_hit:
            self.last_case[host] = now
        demand = self._demand(host, now)
        return now + jittered(self.policy, self.allotment, demand, self.hosts[host].host, self.visits[host])

    def after_failure(self, host: int, now: float) -> float:
        """Wait as `due_time.due()` says; a failed visit is no evidence."""
        self.failures[host] += 1
        demand = self._demand(host, now)
        days = interval(self.allotment, demand)
        return now + max(back_off_days(self.policy, self.failures[host], days), demand.floor)

    def new_day(self, now: float) -> None:
        """Share the budget anew, every few days."""
        if now >= self.next_share:
            self.next_share = now + SHARE_EVERY_DAYS
            self._pool()
            demands = [self._demand(host, now) for host in range(len(self.hosts))]
            self.allotment = allot(demands, self.policy.budget, least_scale(self.policy))

    def _prior(self, host: int) -> Prior:
        return self.priors[self.groups[host]]

    def _pool(self) -> None:
        shown: dict[Prior, tuple[float, float]] = {}
        for group, evidence in zip(self.groups, self.evidence, strict=True):
            hits, days = shown.get(group, (0.0, 0.0))
            shown[group] = hits + evidence.hits, days + evidence.days
        hits, days = (sum(numbers) for numbers in zip(*shown.values(), strict=True)) if shown else (0.0, 0.0)
        general = pooled_prior(hits, days, DEFAULT_PRIOR)
        self.priors = {group: pooled_prior(*own, general) for group, own in shown.items()}

    def _demand(self, host: int, now: float) -> Demand:
        known = self.hosts[host]
        since_case = now - self.last_case[host]
        rate = present_rate(self.policy, self.evidence[host], self._prior(host), since_case)
        shape = shape_of(self.policy, weight=known.weight, rate=rate, cost=known.cost, since_case=since_case)
        return Demand(shape, known.cost, *self.bounds[host])
