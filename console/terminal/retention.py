"""`orbweaver retention`: what is due, and what was done, for people and for scripts."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

from orbweaver.console.terminal import people
from orbweaver.console.text import count
from orbweaver.model import format_time, now
from orbweaver.settings import Settings
from orbweaver.store import durability
from orbweaver.store.opening import open_existing
from orbweaver.takedown.audit import audit_log
from orbweaver.takedown.retention import preview as previewing
from orbweaver.takedown.retention import rounds
from orbweaver.takedown.retention.preview import RetentionPreview
from orbweaver.takedown.retention.pseudonymising import WhyLeft
from typer import Exit

CANNOT_READ = 1


def preview(settings: Settings, *, is_json: bool) -> None:
    """Print what is due; raises StoreError (NoStore among them), AuditLogBroken."""
    with open_existing(settings) as store:
        audit_log.seal(store)
        found = previewing.preview(store, rounds.limits_of(settings), now())
    if is_json:
        _print_json({"limits": _limits(settings), "due": _as_json(found)})
        return
    by_state = ", ".join(f"{number:,} {state}" for state, number in sorted(found.cases.items()))
    due = sum(found.cases.values())
    lines = [
        f"cases, {_days(settings.case_retention)} after their last event: {count(due, 'case')} due"
        + (f" ({by_state}), with {count(found.events, 'event')}" if due else ""),
        *(f"  not yet: {count(number, 'case')}: {why}" for why, number in sorted(found.waiting.items())),
        f"  pseudonymised before: {count(found.pseudonymised, 'case')}",
        f"accesses in the audit log, after {_days(settings.access_retention)}: {count(found.accesses, 'record')} due",
        f"files without a match, after {_days(settings.sighting_retention)}: deleted once a day by a match worker",
    ]
    if found.next_at is not None:
        lines.insert(2, f"  the next one is due on {found.next_at:%Y-%m-%d}")
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def run(settings: Settings, *, is_json: bool) -> None:
    """Do a whole round, and print what it did; raises Exit with status 1 when a case cannot be read.

    Raises StoreError (NoStore among them), AuditLogBroken.
    """
    with open_existing(settings) as store, durability.kept(store, settings.store_replicas):
        audit_log.seal(store)
        done = rounds.run(store, rounds.limits_of(settings), now(), people.user_of_system())
        audit_log.seal(store)
    left = {why.value: done.counts[why.value] for why in WhyLeft if why is not WhyLeft.NOT_DUE}
    if is_json:
        made = {name: done.counts[name] for name in ("cases", "events", "accesses")}
        waiting = {why: number for why, number in left.items() if number}
        _print_json({"limits": _limits(settings), "done": made, "waiting": waiting})
    else:
        cases, events = count(done.counts["cases"], "case"), count(done.counts["events"], "event")
        sys.stdout.write(f"pseudonymised: {cases}, {events}\n")
        for why, number in left.items():
            if number:
                sys.stdout.write(f"  not yet: {count(number, 'case')}: {why}\n")
        sys.stdout.write(f"taken out of the audit log: {count(done.counts['accesses'], 'record')} of accesses\n")
    if left[WhyLeft.UNREADABLE.value]:
        raise Exit(CANNOT_READ)


def _limits(settings: Settings) -> dict[str, int]:
    """Return the limits in seconds, under the names of their settings."""
    names = ("case_retention", "access_retention", "sighting_retention")
    return {name: int(getattr(settings, name).total_seconds()) for name in names}


def _as_json(found: RetentionPreview) -> dict[str, Any]:
    return {
        "cases": dict(sorted(found.cases.items())),
        "events": found.events,
        "waiting": dict(sorted(found.waiting.items())),
        "pseudonymised": found.pseudonymised,
        "accesses": found.accesses,
        "next_case_at": None if found.next_at is None else format_time(found.next_at),
    }


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


def _days(limit: timedelta) -> str:
    return count(limit.days, "day") if not limit.seconds else str(limit)
