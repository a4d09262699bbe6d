"""Decides what is over its time limit: pure functions of records, settings and the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orbweaver.model import Case, CaseState
from orbweaver.takedown.cases.changes import CaseRecord

# Only these are over. A removed case is still looked for, and a held or open one waits for somebody.
FINAL_STATES: Final = frozenset({CaseState.CLOSED, CaseState.WITHDRAWN})
# No limit may be shorter: what a run keeps of its URLs beside the cases expires after 30 days. `orbweaver audit verify`
# goes by it, too.
SHORTEST: Final = timedelta(days=30)


@dataclass(frozen=True)
class RetentionLimits:
    """How long closed and withdrawn cases stay as they are after their last event, and records of accesses."""

    cases: timedelta
    accesses: timedelta


def ended_at(record: CaseRecord) -> datetime | None:
    """Return when a case that is over had its last event; None for a case that goes on.

    A case of a release that did not say when its events were recorded has come into its state, or was seen, last.
    """
    case = record.case
    if case.state not in FINAL_STATES:
        return None
    return record.recorded_at or case.state_since or case.last_seen


def is_due(record: CaseRecord, limit: timedelta, at: datetime) -> bool:
    """Whether a case has to be pseudonymised: it is over for so long, and was not, or has an event since then."""
    ended, done = ended_at(record), record.case.pseudonymised
    is_new = done is None or (record.recorded_at is not None and record.recorded_at > done.at)
    return ended is not None and is_new and at - ended >= limit


def year_of(case: Case) -> int:
    """Return the year (UTC) that a case counts for in statistics: the pseudonyms of one year are made with one key."""
    return (case.received_at or case.first_seen).year
