"""Reminds the takedown engine of a case that is open, and whose file was seen: a pure decision.

While a case is open the engine is never without an event of it for longer than REMIND_EVERY, if the file was seen; how
it was seen, by a visit of its host or by a check of the case alone, makes no difference.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from orbweaver.model import CaseState, EventType, Sighting
from orbweaver.takedown.cases.changes import PROGRAM, CaseChange, Stamp, change_by_event
from orbweaver.takedown.cases.sighting_facts import evidence_of_sighting


def is_due(told_at: datetime | None, seen_at: datetime, at: datetime, every: timedelta) -> bool:
    """Whether a reminder is due at `at` of a file that was seen at `seen_at`; the engine was last told at `told_at`."""
    return told_at is None or (seen_at > told_at and at - told_at >= every)


def reminding(change: CaseChange, sighting: Sighting, stamp: Stamp, every: timedelta) -> CaseChange:
    """Return a change that a sighting made, with a `case.seen_live` where it has no event and a reminder is due."""
    after = change.after
    if change.event is not None or after.case.state is not CaseState.OPEN:
        return change
    if not is_due(after.told_at, sighting.seen_at, stamp.at, every):
        return change
    evidence = evidence_of_sighting(sighting)
    return change_by_event(after, EventType.SEEN_LIVE, stamp, actor=PROGRAM, evidence=evidence, at=sighting.seen_at)
