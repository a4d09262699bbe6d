"""Says what a round of retention would do now, and changes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.retention import accesses, limits, pseudonymising, rounds
from orbweaver.takedown.retention.limits import RetentionLimits


@dataclass
class RetentionPreview:
    """Counts of what is over its limit: cases by state, their events, records of accesses; and cases that wait, by why.

    `pseudonymised` are the cases that were pseudonymised before. `next_at` is when the next case becomes due, None
    when none is over.
    """

    cases: Counter[str] = field(default_factory=Counter)
    events: int = 0
    waiting: Counter[str] = field(default_factory=Counter)
    accesses: int = 0
    pseudonymised: int = 0
    next_at: datetime | None = None


def preview(store: Store, limit: RetentionLimits, at: datetime) -> RetentionPreview:
    """Look through all cases, a page at a time, and through the old entries of the audit log."""
    found = RetentionPreview(accesses=accesses.count_due(store, at, limit.accesses))
    place = 0
    while page := rounds.page_of(store, place):
        place += len(page)
        steady = rounds.steady_cases(store, page, at - limit.cases)
        found.pseudonymised += len(page) - len(steady)
        for case_id in (one.case_id for one in steady):
            try:
                _add(found, store, case_id, limit, at)
            except ValueError:
                found.waiting[pseudonymising.WhyLeft.UNREADABLE.value] += 1
    return found


def _add(found: RetentionPreview, store: Store, case_id: str, limit: RetentionLimits, at: datetime) -> None:
    record = case_store.record_of(store, case_id)
    if record is None:
        return
    if not limits.is_due(record, limit.cases, at):
        ended = limits.ended_at(record)
        if ended is not None:
            due_at = ended + limit.cases
            found.next_at = due_at if found.next_at is None else min(found.next_at, due_at)
        return
    refusal = pseudonymising.refusal_of(store, record, limit.cases, at)
    if refusal is not None:
        found.waiting[refusal.value] += 1
        return
    found.cases[record.case.state.value] += 1
    found.events += int(store.llen(keys.case_events(case_id)))
