"""Forecasts what the schedule will ask of the fleet in the next seven days, hour by hour, if nothing changes.

Every host is looked at once and forgotten, so a million of them take no memory. `Forecast.add()` each of them, then ask
for `load()`, `backlog()` and the counts.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orbweaver.queue.schedule.allotment import Allotment, interval
from orbweaver.queue.schedule.explanation import Cause, DueTime
from orbweaver.queue.schedule.policy import SchedulePolicy
from orbweaver.queue.schedule.rates import days_between
from orbweaver.queue.schedule.scheduled_host import ScheduledHost, demand_of

HOURS: Final = 7 * 24
_HOURS_OF_DAY: Final = 24


@dataclass(frozen=True, slots=True)
class Load:
    """The visits that become due in a time: so many visits, which cost so much of the budget."""

    visits: float = 0.0
    cost: float = 0.0


class Forecast:
    """The visits that become due from a moment on, by the present due times and intervals.

    A host is due at its due time, then after each interval. Later wishes of operators, quiet hours, failures and what
    visits will teach are not known. `overdue` is what is due already; `not_due` counts the hosts that are not due at
    all, by what keeps them.
    """

    def __init__(self, policy: SchedulePolicy, allotment: Allotment, at: datetime) -> None:
        self.policy = policy
        self.allotment = allotment
        self.at = at
        self.hosts = 0
        self.overdue = Load()
        self.longest_overdue_days = 0.0
        self.not_due: Counter[Cause] = Counter()
        self._visits = [0.0] * HOURS
        self._costs = [0.0] * HOURS

    def add(self, host: ScheduledHost, told: DueTime) -> None:
        """Count a host with its due time: that of `due_time.due()`, or with `at` as the store has it."""
        self.hosts += 1
        if told.at is None:
            self.not_due[told.explanation.cause] += 1
            return
        hours = (told.at - self.at).total_seconds() / 3600
        if hours <= 0:
            self.overdue = Load(self.overdue.visits + 1, self.overdue.cost + host.cost)
            self.longest_overdue_days = max(self.longest_overdue_days, days_between(told.at, self.at))
            hours = 0.0
        else:
            self._count(int(hours), 1, host.cost)
        between = self._interval_hours(host)
        if between < 1:
            # Several times an hour: evenly, so that the work for a host stays bounded.
            for hour in range(math.ceil(hours), HOURS):
                self._count(hour, 1 / between, host.cost)
            return
        hours += between
        while hours < HOURS:
            self._count(int(hours), 1, host.cost)
            hours += between

    def load(self) -> list[Load]:
        """Return what becomes due in each of the next hours, without what is overdue already."""
        return [Load(visits, cost) for visits, cost in zip(self._visits, self._costs, strict=True)]

    def load_by_day(self) -> list[Load]:
        """Return what becomes due in each of the next seven times 24 hours, without what is overdue already."""
        return [
            Load(
                math.fsum(self._visits[start : start + _HOURS_OF_DAY]),
                math.fsum(self._costs[start : start + _HOURS_OF_DAY]),
            )
            for start in range(0, HOURS, _HOURS_OF_DAY)
        ]

    def backlog(self) -> list[float]:
        """Return the cost of what is due and not visited yet at the end of each of the next hours.

        As if the fleet spends its budget evenly over the day, and never more.
        """
        backlog, waiting = [], self.overdue.cost
        for cost in self._costs:
            waiting = max(0.0, waiting + cost - self.policy.budget / _HOURS_OF_DAY)
            backlog.append(waiting)
        return backlog

    def budget_use(self) -> list[float]:
        """Return what becomes due in each of the next seven days as a share of the budget: 1 is all of it."""
        budget = self.policy.budget
        return [day.cost / budget if budget else (math.inf if day.cost else 0.0) for day in self.load_by_day()]

    def _count(self, hour: int, visits: float, cost: float) -> None:
        if hour < HOURS:
            self._visits[hour] += visits
            self._costs[hour] += visits * cost

    def _interval_hours(self, host: ScheduledHost) -> float:
        if host.weight == 0:
            return math.inf
        demand = demand_of(host, self.policy, self.allotment.even, self.at)
        return interval(self.allotment, demand) * _HOURS_OF_DAY
