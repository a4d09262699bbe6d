"""A service is unhealthy for these reasons, since the first of its failures, and is checked again in time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from builders import NOON
from orbweaver.matcher_client.gate.health_rules import HealthRules, complaint, health_after, is_due, is_stale
from orbweaver.matcher_client.gate.service_health import KnownService, ServiceHealth
from orbweaver.matcher_client.protocol import ClaimedHealth

RULES = HealthRules(max_list_age=timedelta(days=3), max_list_shrinkage=0.1)
WHOLE = ClaimedHealth(is_healthy=True, list_version="1", built_at=NOON, entries=1000)


def said(
    health: ClaimedHealth, *, canary: bool = True, had: int | None = None, rules: HealthRules = RULES
) -> str | None:
    return complaint("hashlist:/l", health, is_canary_listed=canary, healthy_entries=had, rules=rules, at=NOON)


def health(*, entries: int | None = 1000, built_at: datetime | None = NOON) -> ClaimedHealth:
    return ClaimedHealth(is_healthy=True, list_version="1", built_at=built_at, entries=entries)


@pytest.mark.parametrize(
    ("found", "had", "reason"),
    [
        (WHOLE, None, None),
        (WHOLE, 1000, None),
        (health(entries=900), 1000, None),  # a tenth is allowed
        (health(entries=899), 1000, "shrank from 1000 to 899 entries, by more than MAX_LIST_SHRINKAGE (10%)"),
        (health(entries=0), 1000, "its list is empty"),
        (health(entries=0), None, "its list is empty"),  # at the first check too: ready, and nothing loaded yet
        (health(entries=None), None, None),  # it never said how many there are
        (health(entries=None), 1000, "no longer says how many entries its list has; it had 1000"),
        (health(entries=1), None, None),
        (health(entries=5000), 1000, None),
        (health(built_at=NOON - timedelta(days=3)), None, None),
        (health(built_at=NOON - timedelta(days=3, seconds=1)), None, "older than MAX_LIST_AGE (3 days, 0:00:00)"),
        (health(built_at=None), None, None),
        (ClaimedHealth(is_healthy=False, reason="INDEX-STALE"), None, "INDEX-STALE"),
        (ClaimedHealth(is_healthy=False), 1000, "gives no reason"),
    ],
)
def test_what_makes_a_service_unhealthy(found: ClaimedHealth, had: int | None, reason: str | None) -> None:
    complaint = said(found, had=had)
    assert complaint is None if reason is None else reason in (complaint or "")


def test_a_missing_canary_is_unhealthy_whatever_the_service_says() -> None:
    assert said(WHOLE, canary=False) == "it does not list its canary, so it has lost its lists"


def test_a_shrunk_list_says_how_it_is_accepted() -> None:
    assert "orbweaver matcher accept 'hashlist:/l'" in (said(health(entries=1), had=1000) or "")


def test_no_age_is_too_old_unless_a_limit_is_set() -> None:
    assert said(health(built_at=NOON - timedelta(days=4000)), rules=HealthRules()) is None


def test_since_is_the_first_failure_and_a_recovery_forgets_it() -> None:
    down = ClaimedHealth(is_healthy=False, reason="gone")
    first = health_after("s", KnownService(), down, "gone", NOON)
    again = health_after("s", KnownService(first), down, "still gone", NOON + timedelta(minutes=1))
    back = health_after("s", KnownService(again), WHOLE, None, NOON + timedelta(minutes=2))
    assert (again.unhealthy_since, again.reason, again.failures) == (NOON, "still gone", 2)
    assert again.complaint == "s is unhealthy since 2026-03-01T12:00:00.000Z: still gone"
    assert (back.is_healthy, back.unhealthy_since, back.reason, back.failures) == (True, None, None, 0)
    assert (back.list_version, back.built_at, back.entries) == ("1", NOON, 1000)


@pytest.mark.parametrize(
    ("failures", "seconds", "due"),
    [(0, 59, False), (0, 60, True), (1, 0.5, False), (1, 1, True), (3, 3.9, False), (3, 4, True), (99, 59, False)]
    + [(99, 60, True)],
)
def test_a_check_is_due_each_interval_and_sooner_after_a_failure(failures: int, seconds: float, due: bool) -> None:
    since = NOON if failures else None
    health = ServiceHealth(service="s", checked_at=NOON, unhealthy_since=since, failures=failures)
    assert is_due(health, RULES, NOON + timedelta(seconds=seconds)) is due


def test_what_was_never_checked_is_due_and_stale_and_so_is_a_time_of_another_clock() -> None:
    assert is_due(None, RULES, NOON)
    assert is_stale(None, RULES, NOON)
    health = ServiceHealth(service="s", checked_at=NOON)
    assert not is_stale(health, RULES, NOON + timedelta(seconds=180))
    assert is_stale(health, RULES, NOON + timedelta(seconds=181))
    assert is_stale(health, RULES, NOON - timedelta(days=1))
