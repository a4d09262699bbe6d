"""Decides when a host is due, and says which rules set the time: operator, policy, bounds, back-off, quiet hours."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.schedule.allotment import Allotment, Demand, interval
from orbweaver.queue.schedule.explanation import SQUARE_ROOT_WORDS, Cause, DueReason, DueTime, Explanation, Number
from orbweaver.queue.schedule.policy import (
    MOST_DAYS,
    PolicyName,
    SchedulePolicy,
    back_off_days,
    jittered,
    present_rate,
    tier_of,
)
from orbweaver.queue.schedule.rates import rate_of
from orbweaver.queue.schedule.scheduled_host import ScheduledHost, demand_of, may_be_visited, since_case_of


def due(host: ScheduledHost, policy: SchedulePolicy, allotment: Allotment, at: datetime) -> DueTime:
    """Decide when a host is due, seen from the moment `at`, and say why.

    It is never before `at`, unless an operator asked for a visit before, and never in quiet hours, nor while the host
    asked to be left alone, not even then. What an operator asks for adds a visit and delays none: the earlier of both
    counts, and the wish goes before the budget, the floor and the back-off. Raises ScheduleRefused for a moment without
    a time zone. `allotment` is that of the last count of all hosts (`census.Census`).

    >>> from orbweaver.queue.schedule.census import share
    >>> at = datetime(2026, 3, 1, tzinfo=UTC)
    >>> policy = SchedulePolicy(budget=100)
    >>> host = ScheduledHost("files.example", pause="asked by the police")
    >>> print(due(host, policy, share([host], policy, at), at).explanation.text)
    paused, not due: asked by the police
    """
    if at.tzinfo is None:
        raise ScheduleRefused("the moment from which a due time is decided has no time zone: give it one")
    at = at.astimezone(UTC)
    if not may_be_visited(host, at):
        return DueTime(None, Explanation((_never(host, at),)))
    moment, reasons = _by_itself(host, policy, allotment, at)
    if host.asked_at is not None:
        asked_at = host.asked_at.astimezone(UTC)
        if moment is None or asked_at <= moment:
            moment, reasons = asked_at, [DueReason(Cause.OPERATOR, {"asked_at": asked_at})]
        else:
            reasons.insert(0, DueReason(Cause.OPERATOR_LATER, {"asked_at": asked_at}))
    if moment is None:
        return DueTime(None, Explanation(tuple(reasons)))
    if host.wait_until is not None and moment < host.wait_until and at < host.wait_until:
        reasons.append(DueReason(Cause.HOST_WAIT, {"until_at": host.wait_until}))
        moment = host.wait_until
    return _outside_quiet_hours(host, moment, at, reasons)


def _by_itself(
    host: ScheduledHost, policy: SchedulePolicy, allotment: Allotment, at: datetime
) -> tuple[datetime | None, list[DueReason]]:
    """Return when the schedule visits a host, whatever operators ask for, and why; None for never."""
    if host.weight == 0:
        return None, [DueReason(Cause.WEIGHT, {})]
    if not allotment.has_budget:
        return None, [DueReason(Cause.BUDGET, {})]
    if host.last_visit is None:
        return at, [DueReason(Cause.FIRST_VISIT, {})]
    # A clock that jumped back has put the last visit into the future: it is taken to be now.
    last = min(host.last_visit.astimezone(UTC), at)
    reasons, days = _interval(host, policy, allotment, at)
    if host.failures:
        days = max(back_off_days(policy, host.failures, days), policy.floor_days, host.floor_days or 0)
        failed = {"failures": host.failures, "delay_days": days, "last_at": last}
        reasons.append(DueReason(Cause.BACK_OFF, failed))
    moment = last + timedelta(days=min(days, MOST_DAYS))
    if moment < at:
        reasons.append(DueReason(Cause.OVERDUE, {"due_at": moment}))
        moment = at
    return moment, reasons


def _never(host: ScheduledHost, at: datetime) -> DueReason:
    if host.expires_at is not None and host.expires_at <= at:
        return _no_authority(host, host.expires_at)
    if host.is_retired:
        return DueReason(Cause.PAUSE, {}, "retired, not due")
    if host.pause is not None:
        return DueReason(Cause.PAUSE, {"reason": host.pause or "no reason given"})
    window = host.quiet_hours.text if host.quiet_hours is not None else ""
    return DueReason(Cause.QUIET_HOURS, {"window": window}, "quiet hours {window} are the whole day: not due")


def _no_authority(host: ScheduledHost, expires_at: datetime) -> DueReason:
    numbers: dict[str, Number] = {"authority": host.authority or "without a name", "expires_at": expires_at}
    return DueReason(Cause.AUTHORITY, numbers)


def _interval(
    host: ScheduledHost, policy: SchedulePolicy, allotment: Allotment, at: datetime
) -> tuple[list[DueReason], float]:
    """Return the host's interval with its jitter, in days, and the rules that made it."""
    demand = demand_of(host, policy, allotment.even, at)
    ceiling = demand.ceiling * allotment.stretch
    wanted = allotment.scale * demand.shape * allotment.stretch
    days = interval(allotment, demand)
    reasons = _policy_reasons(host, policy, allotment, demand, at)
    if wanted <= demand.floor == days:
        reasons.append(DueReason(Cause.FLOOR, {"floor_days": demand.floor}))
    elif wanted >= ceiling == days:
        stretched = " x {stretch}, because the budget of {budget} a day cannot pay for all ceilings"
        words = f"ceiling: at least every {{ceiling_days}}{stretched if allotment.stretch > 1 else ''}"
        numbers = {"ceiling_days": demand.ceiling, "stretch": allotment.stretch, "budget": allotment.budget}
        reasons.append(DueReason(Cause.CEILING, numbers, words))
    return reasons, jittered(policy, allotment, demand, host.host, host.visits)


def _policy_reasons(
    host: ScheduledHost, policy: SchedulePolicy, allotment: Allotment, demand: Demand, at: datetime
) -> list[DueReason]:
    kappa = allotment.scale
    if not 0 < kappa < math.inf:
        pays = "less than all ceilings" if kappa else "all floors"
        words = (
            f"policy {policy.name}: leaves nothing to share out, because the budget of {{budget}} a day pays for {pays}"
        )
        return [DueReason(Cause.POLICY, {"budget": allotment.budget}, words)]
    if policy.name == PolicyName.UNIFORM:
        words = "policy uniform: all hosts equally often, every {interval_days}"
        return [DueReason(Cause.POLICY, {"interval_days": kappa * demand.shape}, words)]
    since_case = since_case_of(host, at)
    if policy.name == PolicyName.TIERS:
        tier = tier_of(policy, since_case)
        since = "no case for so long" if tier is policy.tiers[-1] else f"a case within {tier.since_case_days:g} days"
        words = f"policy tiers: {since}, every {{tier_days}}{' x {kappa} to fit the budget' if kappa > 1 else ''}"
        return [DueReason(Cause.POLICY, {"tier_days": tier.interval_days, "kappa": kappa}, words)]
    rate = rate_of(host.evidence, host.prior)
    numbers: dict[str, Number] = {"kappa": kappa, "cost": host.cost, "weight": host.weight, "rate": rate}
    numbers["interval_days"] = kappa * math.sqrt(host.cost / (host.weight * rate))
    reasons = [DueReason(Cause.POLICY, numbers, SQUARE_ROOT_WORDS)]
    if host.last_case is not None and since_case < policy.hot_days and policy.hot_factor > 1:
        hot: dict[str, Number] = {"until_at": host.last_case + timedelta(days=policy.hot_days)}
        hot |= {"case_at": host.last_case, "factor": policy.hot_factor, "interval_days": kappa * demand.shape}
        hot["rate"] = present_rate(policy, host.evidence, host.prior, since_case)
        reasons.append(DueReason(Cause.HOT, hot))
    return reasons


def _outside_quiet_hours(host: ScheduledHost, moment: datetime, at: datetime, reasons: list[DueReason]) -> DueTime:
    # What is due already would be visited now, so now counts as well.
    free = host.quiet_hours.ends_after(max(moment, at)) if host.quiet_hours is not None else None
    if (
        host.quiet_hours is not None
        and free is not None
        and (free > max(moment, at) or host.quiet_hours.contain(moment))
    ):
        reasons.append(DueReason(Cause.QUIET_HOURS, {"window": host.quiet_hours.text, "until_at": free}))
        moment = free
    if host.expires_at is not None and host.expires_at <= moment:
        reasons.append(_no_authority(host, host.expires_at))
        return DueTime(None, Explanation(tuple(reasons)))
    return DueTime(moment, Explanation(tuple(reasons)))
