"""When a matching service is unhealthy: pure rules, from what it says of itself to a reason to act upon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orbweaver.matcher_client.gate.service_health import Known, Standing
from orbweaver.matcher_client.protocol import Health
from orbweaver.model import format_time

# The first check after a failure comes after so long; each further one after twice as long, up to HEALTH_SECONDS.
FIRST_PAUSE_SECONDS = 1.0
# A standing that nobody renewed for so many intervals says nothing of now.
STALE_INTERVALS = 3


@dataclass(frozen=True, kw_only=True)
class HealthRules:
    """What a service's list must be like, and how often it is checked.

    `max_list_age` None: no age is too old. `max_list_shrinkage` is a share, 0.1 for a tenth. `every` is the interval.
    """

    every: timedelta = timedelta(seconds=60)
    max_list_age: timedelta | None = None
    max_list_shrinkage: float = 0.1


def complaint(
    service: str,
    health: Health,
    *,
    is_canary_listed: bool,
    healthy_entries: int | None,
    rules: HealthRules,
    at: datetime,
) -> str | None:
    """Say why a service is unhealthy, None when it is not.

    `is_canary_listed` is True, too, where there is no canary to look up. `healthy_entries` is how many the list had
    when it was last healthy, None when nobody knows. What a service never said of its list is not held against it.
    An empty list is, at any time: it says no to everything, as HMA does when it is ready before it has an index.
    """
    if not health.is_healthy:
        return health.reason or "it says so itself and gives no reason"
    if not is_canary_listed:
        return "it does not list its canary, so it has lost its lists"
    oldest = None if rules.max_list_age is None else at - rules.max_list_age
    if oldest is not None and health.built_at is not None and health.built_at < oldest:
        return f"its list of {format_time(health.built_at)} is older than MAX_LIST_AGE ({rules.max_list_age})"
    if health.entries == 0:
        return "its list is empty"
    if healthy_entries is None:
        return None
    if health.entries is None:
        return f"it no longer says how many entries its list has; it had {healthy_entries}"
    # Divided as whole numbers: no product overflows, whatever number was once believed.
    if health.entries / healthy_entries < 1 - rules.max_list_shrinkage:
        return (
            f"its list shrank from {healthy_entries} to {health.entries} entries, by more than MAX_LIST_SHRINKAGE "
            f"({rules.max_list_shrinkage:.0%}); if the new size is right: orbweaver matcher accept '{service}'"
        )
    return None


def standing_after(service: str, before: Known, health: Health, reason: str | None, at: datetime) -> Standing:
    """Return the standing after a check that found `reason`, None for nothing."""
    last = before.standing or Standing(service=service, checked_at=at)
    found = last.model_copy(
        update={
            "checked_at": at,
            "list_version": health.list_version,
            "built_at": health.built_at,
            "entries": health.entries,
        }
    )
    if reason is not None:
        return found.failed(reason, at)
    return found.model_copy(update={"unhealthy_since": None, "reason": None, "failures": 0})


def is_due(standing: Standing | None, rules: HealthRules, at: datetime) -> bool:
    """Whether it is time to check a service: every interval, after a failure sooner, and less and less often."""
    if standing is None:
        return True
    pause = rules.every
    if not standing.is_healthy:
        pause = min(pause, timedelta(seconds=FIRST_PAUSE_SECONDS * 2 ** min(standing.failures - 1, 20)))
    return _age(standing, at) >= pause


def is_stale(standing: Standing | None, rules: HealthRules, at: datetime) -> bool:
    """Whether nobody has checked a service for so long that its standing says nothing of now."""
    return standing is None or _age(standing, at) > STALE_INTERVALS * rules.every


def _age(standing: Standing, at: datetime) -> timedelta:
    # Another machine's clock may be ahead: what lies far in the future is no fresher than what is long past.
    return abs(at - standing.checked_at)
