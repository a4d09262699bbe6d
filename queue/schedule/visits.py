"""Learns from a visit about its host. Pure: the host as it was goes in, the host as it is then comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from orbweaver.queue.schedule.policy import SchedulePolicy
from orbweaver.queue.schedule.rates import days_between, learned
from orbweaver.queue.schedule.scheduled_host import LEAST_COST, MOST_COST, ScheduledHost

# How much one visit moves what visits are expected to cost.
_NEW_SHARE: Final = 0.25


class Seen(StrEnum):
    """The findings of a visit about its host."""

    NEW = "new"  # a file that matches and that was not there at the visit before
    NOTHING_NEW = "nothing new"  # the whole host, or all that is ever seen of it, and no such file
    PART = "part"  # no such file, but a part of the host only (a slice, a budget, a stop): no evidence and no failure
    NOTHING = "nothing"  # refused, unreachable, blocked or crashed: a failed visit is not a quiet visit


@dataclass(frozen=True, slots=True)
class HostVisit:
    """One visit that is over. `cost` is what it took of the budget: 1 for a budget of visits, else its requests."""

    began_at: datetime
    ended_at: datetime
    seen: Seen
    cost: float = 1.0


def after_visit(host: ScheduledHost, visit: HostVisit, policy: SchedulePolicy) -> ScheduledHost:
    """Return what is known of a host after a visit; `due_time.due()` then says when it is due next.

    The first visit that shows anything is no evidence of a rate: nobody knows for how long what it finds has been
    there. What it finds is a case all the same. A visit answers what an operator asked for before it began.
    """
    known = replace(
        host,
        visits=host.visits + 1,
        failures=host.failures + 1 if visit.seen == Seen.NOTHING else 0,
        last_visit=visit.ended_at,
        asked_at=host.asked_at if host.asked_at is not None and host.asked_at > visit.began_at else None,
        cost=_expected_cost(host, visit),
        last_case=visit.ended_at if visit.seen == Seen.NEW else host.last_case,
    )
    if visit.seen not in {Seen.NEW, Seen.NOTHING_NEW}:
        return known
    evidence = host.evidence
    if host.last_evidence is not None:
        days = days_between(host.last_evidence, visit.ended_at)
        evidence = learned(evidence, host.prior, days, policy.half_life_days, is_hit=visit.seen == Seen.NEW)
    return replace(known, evidence=evidence, last_evidence=visit.ended_at)


def _expected_cost(host: ScheduledHost, visit: HostVisit) -> float:
    if visit.seen == Seen.NOTHING:
        return host.cost  # one refused request says nothing about what a visit takes
    cost = min(max(visit.cost, LEAST_COST), MOST_COST)
    return cost if not host.visits else host.cost + _NEW_SHARE * (cost - host.cost)
