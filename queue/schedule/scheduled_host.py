"""Holds what is known of a host that bears on its next visit, and what it asks of the budget by that.

One value for all: `due_time.due()` decides from it, `visits.after_visit()` returns it as it is after a visit, and
`census.Census` counts it. Times are days, moments have a time zone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.schedule.allotment import Demand
from orbweaver.queue.schedule.policy import (
    LEAST_DAYS,
    MOST_DAYS,
    SchedulePolicy,
    bounds,
    check_number,
    present_rate,
    shape_of,
)
from orbweaver.queue.schedule.quiet_hours import QuietHours
from orbweaver.queue.schedule.rates import DEFAULT_PRIOR, NO_EVIDENCE, Prior, RateEvidence, days_between

LEAST_WEIGHT: Final = 1e-6
MOST_WEIGHT: Final = 1e9
LEAST_COST: Final = 1e-6
MOST_COST: Final = 1e9


@dataclass(frozen=True, slots=True)
class ScheduledHost:
    """A host as the schedule knows it. Raises ScheduleRefused for what cannot be used.

    `weight` compares hosts: what an hour of exposure is worth there. A weight of 0 means that the schedule never visits
    the host; one below 0 is refused. `cost` is what a visit costs, in the unit of the budget. `visits` counts all
    visits, `failures` those that failed since the last one that did not. `last_visit` is the end of the last visit,
    however it ended; `last_evidence` that of the last one that was evidence (`visits.py`); `last_case` when a case was
    last opened or something new was found. `prior` is that of the host's group. `pause` is the reason of a pause;
    one that `is_retired` is not visited either.
    `asked_at` is when an operator wants a visit: now, or later. `wait_until` is until when the host asked to be left
    alone. `floor_days` and `ceiling_days` are the host's own.
    """

    host: str
    evidence: RateEvidence = NO_EVIDENCE
    prior: Prior = DEFAULT_PRIOR
    weight: float = 1.0
    cost: float = 1.0
    visits: int = 0
    failures: int = 0
    last_visit: datetime | None = None
    last_evidence: datetime | None = None
    last_case: datetime | None = None
    asked_at: datetime | None = None
    pause: str | None = None
    is_retired: bool = False
    authority: str | None = None
    expires_at: datetime | None = None
    quiet_hours: QuietHours | None = None
    floor_days: float | None = None
    ceiling_days: float | None = None
    wait_until: datetime | None = None

    def __post_init__(self) -> None:
        if self.weight != 0 and not LEAST_WEIGHT <= self.weight <= MOST_WEIGHT:
            raise ScheduleRefused(
                f"the weight of {self.host} is {self.weight}: give a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}, "
                "or 0 for a host that the schedule is not to visit"
            )
        check_number(f"the cost of {self.host}", self.cost, LEAST_COST, MOST_COST)
        for name in ("visits", "failures"):
            check_number(f"{name} of {self.host}", getattr(self, name), 0, 1e18)
        for name in ("floor_days", "ceiling_days"):
            if getattr(self, name) is not None:
                check_number(f"{name} of {self.host}", getattr(self, name), LEAST_DAYS, MOST_DAYS)
        for name in ("last_visit", "last_evidence", "last_case", "asked_at", "expires_at", "wait_until"):
            moment = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise ScheduleRefused(f"{name} of {self.host} has no time zone: give it one, UTC by default")


def may_be_visited(host: ScheduledHost, at: datetime) -> bool:
    """Whether a host may be visited.

    It is neither paused nor retired, its authority holds, and an hour of the day is not quiet.
    """
    is_authorised = host.expires_at is None or at < host.expires_at
    is_ever_open = host.quiet_hours is None or not host.quiet_hours.is_whole_day
    return is_authorised and is_ever_open and host.pause is None and not host.is_retired


def is_scheduled(host: ScheduledHost, at: datetime) -> bool:
    """Whether a host takes part of the budget: it may be visited, and has a weight."""
    return host.weight > 0 and may_be_visited(host, at)


def since_case_of(host: ScheduledHost, at: datetime) -> float:
    """Return the days since the host's last case; infinity without one."""
    return math.inf if host.last_case is None else days_between(host.last_case, at)


def shape_of_host(host: ScheduledHost, policy: SchedulePolicy, at: datetime) -> float:
    """Return how long the interval of a host is compared with others; the host has a weight."""
    since_case = since_case_of(host, at)
    rate = present_rate(policy, host.evidence, host.prior, since_case)
    return shape_of(policy, weight=host.weight, rate=rate, cost=host.cost, since_case=since_case)


def demand_of(host: ScheduledHost, policy: SchedulePolicy, even: float, at: datetime) -> Demand:
    """Return what a host asks of the budget; `even` is the interval at which all hosts are visited equally often."""
    return Demand(
        shape_of_host(host, policy, at), host.cost, *own_bounds(policy, even, host.floor_days, host.ceiling_days)
    )


def own_bounds(
    policy: SchedulePolicy, even: float, floor_days: float | None, ceiling_days: float | None
) -> tuple[float, float]:
    """Return the floor and the ceiling of a host, in days: its own where they are stricter; the floor goes first."""
    floor, ceiling = bounds(policy, even)
    floor = max(floor, floor_days or 0)
    return floor, max(floor, min(ceiling, ceiling_days or math.inf))
