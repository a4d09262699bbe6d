"""Says when a matching service is unhealthy: pure rules, from what the service claims of itself to a complaint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orbweaver.matcher_client.gate.service_health import KnownService, ServiceHealth
from orbweaver.matcher_client.protocol import ClaimedHealth
from orbweaver.model import format_time

# The pause before the first check after a failure. Each further pause is twice as long, up to HEALTH_INTERVAL.
FIRST_PAUSE_SECONDS = 1.0
# After so many intervals without a check, a service's health may have changed.
STALE_INTERVALS = 3


@dataclass(frozen=True, kw_only=True)
class HealthRules:
    """The limits for a service's list, and how often the service is checked.

    `max_list_age` None: no age is too old. `max_list_shrinkage` is a share, 0.1 for a tenth. `every` is the interval.
    """

    every: timedelta = timedelta(seconds=60)
    max_list_age: timedelta | None = None
    max_list_shrinkage: float = 0.1


def complaint(
    service: str,
    claimed: ClaimedHealth,
    *,
    is_canary_listed: bool,
    healthy_entries: int | None,
    rules: HealthRules,
    at: datetime,
) -> str | None:
    """Say why a service is unhealthy, None when it is not.

    `is_canary_listed` is True also when there is no canary to look up. `healthy_entries` is how many entries the list
    had when the service was last healthy, None when nobody knows. A service that never said something of its list is
    not unhealthy for that. With an empty list it always is: such a list says no to everything, as HMA does when it is
    ready and has no index yet.
    """
    if not claimed.is_healthy:
        return claimed.reason or "it says so itself and gives no reason"
    if not is_canary_listed:
        return "it does not list its canary, so it has lost its lists"
    oldest = None if rules.max_list_age is None else at - rules.max_list_age
    if oldest is not None and claimed.built_at is not None and claimed.built_at < oldest:
        return f"its list of {format_time(claimed.built_at)} is older than MAX_LIST_AGE ({rules.max_list_age})"
    if claimed.entries == 0:
        return "its list is empty"
    if healthy_entries is None:
        return None
    if claimed.entries is None:
        return f"it no longer says how many entries its list has; it had {healthy_entries}"
    # Divided as whole numbers: no product overflows, whatever number was once believed.
    if claimed.entries / healthy_entries < 1 - rules.max_list_shrinkage:
        return (
            f"its list shrank from {healthy_entries} to {claimed.entries} entries, by more than MAX_LIST_SHRINKAGE "
            f"({rules.max_list_shrinkage:.0%}); if the new size is right: orbweaver matcher accept '{service}'"
        )
    return None


def health_after(
    service: str, before: KnownService, claimed: ClaimedHealth, reason: str | None, at: datetime
) -> ServiceHealth:
    """Return a service's health after a check that found `reason` to complain; None: it found nothing wrong."""
    last = before.health or ServiceHealth(service=service, checked_at=at)
    checked = last.model_copy(
        update={
            "checked_at": at,
            "list_version": claimed.list_version,
            "built_at": claimed.built_at,
            "entries": claimed.entries,
        }
    )
    if reason is not None:
        return checked.failed(reason, at)
    return checked.model_copy(update={"unhealthy_since": None, "reason": None, "failures": 0})


def is_due(health: ServiceHealth | None, rules: HealthRules, at: datetime) -> bool:
    """Whether it is time to check a service: once an interval; after a failure sooner, then less and less often."""
    if health is None:
        return True
    pause = rules.every
    if not health.is_healthy:
        pause = min(pause, timedelta(seconds=FIRST_PAUSE_SECONDS * 2 ** min(health.failures - 1, 20)))
    return _age(health, at) >= pause


def is_stale(health: ServiceHealth | None, rules: HealthRules, at: datetime) -> bool:
    """Whether the last check of a service is so long ago that its health may have changed since."""
    return health is None or _age(health, at) > STALE_INTERVALS * rules.every


def _age(health: ServiceHealth, at: datetime) -> timedelta:
    # Another machine's clock may be ahead: a check far in the future is no fresher than one long ago.
    return abs(at - health.checked_at)
