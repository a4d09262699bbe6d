"""Looks ahead over all hosts of a store: what becomes due in the next days, and what other settings would do.

Every host is looked at once, some at a time, so a million of them take no memory; it takes about half a minute then.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.hosts import counting, due, host_store
from orbweaver.queue.hosts.counting import BudgetPlan, Shares
from orbweaver.queue.hosts.due import HostCounts
from orbweaver.queue.hosts.host_clock import scheduled
from orbweaver.queue.schedule import due_time
from orbweaver.queue.schedule.forecast import Forecast
from orbweaver.queue.schedule.scheduled_host import ScheduledHost
from orbweaver.queue.schedule.simulation.comparison import Comparison, compare
from orbweaver.settings import Settings
from orbweaver.store.connection import Store

AT_ONCE: Final = host_store.READ_AT_ONCE


@dataclass(frozen=True)
class Outlook:
    """The hosts that become due from a moment on; `counts` and `forecast` are of the same hosts, a few changes apart.

    `unreadable` are hosts whose clock has a number that cannot be used.
    """

    at: datetime
    plan: BudgetPlan
    counts: HostCounts
    forecast: Forecast
    unreadable: int


def look_ahead(store: Store, settings: Settings) -> Outlook:
    """Forecast the next seven days of a store's hosts, by their due times and the present settings."""
    plan, at, counts = counting.plan_of(settings), due.server_time(store), due.counts(store)
    shares = _shares(store, plan, counts)
    forecast, unreadable = Forecast(plan.policy, shares.allotment, at), 0
    for host, stored in _hosts(store, shares):
        if host is None:
            unreadable += 1
            continue
        told = due_time.due(host, plan.policy, shares.allotment, at)
        forecast.add(host, dataclasses.replace(told, at=_moment(stored, at)))
    return Outlook(at, plan, counts, forecast, unreadable)


def compare_policies(store: Store, settings: Settings) -> tuple[BudgetPlan, Comparison]:
    """Simulate every policy on the hosts of a store, as they are known now. Raises ScheduleRefused."""
    plan = counting.plan_of(settings)
    shares = _shares(store, plan, due.counts(store))
    hosts = (host for host, _ in _hosts(store, shares) if host is not None)
    return plan, compare(hosts, plan.policy, due.server_time(store))


def _shares(store: Store, plan: BudgetPlan, counts: HostCounts) -> Shares:
    return counting.read(store, plan) or counting.provisional(plan.policy, counts.hosts)


def _hosts(store: Store, shares: Shares) -> Iterator[tuple[ScheduledHost | None, float | None]]:
    """Yield every host, None for one that cannot be used, and when it is due as the store has it."""
    cursor, names = host_store.some_names(store)
    while True:
        clocks, priors = host_store.clocks(store, names), counting.priors_of(store, names, shares)
        for name, clock, prior, stored in zip(names, clocks, priors, due.due_times(store, names), strict=True):
            try:
                yield scheduled(name, clock, prior), stored
            except ScheduleRefused:
                yield None, stored
        if not cursor:
            return
        cursor, names = host_store.some_names(store, cursor)


def _moment(stored: float | None, at: datetime) -> datetime | None:
    if stored is None:
        return at  # it is due, or under way
    return None if stored == math.inf else datetime.fromtimestamp(stored, UTC)
