"""Decides what an answer changes of its case: pure functions from the case before to the case after, and its event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from orbweaver.model import (
    SCHEMA_VERSION,
    Case,
    CaseState,
    Correction,
    Event,
    EventType,
    Sighting,
    Verdict,
    case_id_for,
    event_id_for,
)
from orbweaver.takedown.cases.places import place_of
from orbweaver.takedown.cases.retraction import CaseDecision, decide, evidence_of

_NO_ID = UUID(int=0)
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Stamp:
    """The store that records a change of a case, and the time when it does so."""

    source: UUID
    at: datetime


@dataclass(frozen=True)
class CaseRecord:
    """A case as stored: the case, the number of its last event, and whether it ever had a `case.opened`.

    `recorded_at` is when its last event was recorded; None when that was before events said it.
    """

    case: Case
    sequence: int
    was_opened: bool
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class CaseChange:
    """The change that an answer makes to its case: the case afterwards, and the event that it causes, if any."""

    after: CaseRecord
    event: Event | None

    @property
    def is_new(self) -> bool:
        """Whether the case did not exist before."""
        return self.event is not None and self.event.sequence == 1

    @property
    def is_for_engine(self) -> bool:
        """Whether the takedown engine is told: that a case opens, or a correction of a case that was once opened."""
        return self.event is not None and self.event.type is not EventType.HELD and self.after.was_opened


def change_by_match(sighting: Sighting, verdict: Verdict, before: CaseRecord | None, stamp: Stamp) -> CaseChange:
    """Return the change that a match of a sighting makes: a new case, open or held, or a change of the old one."""
    if sighting.digests.is_degenerate:
        raise ValueError("a degenerate digest never makes a case")
    if before is not None:
        return change_by_answer(verdict, before, stamp, sighting)
    state = CaseState.HELD if verdict.held_because else CaseState.OPEN
    case = Case(
        case_id=case_id_for(place_of(sighting.url).url, sighting.digests.sha256),
        state=state,
        url=sighting.url,
        md5=sighting.digests.md5,
        sha1=sighting.digests.sha1,
        sha256=sighting.digests.sha256,
        size=sighting.digests.size,
        verdict=evidence_of(verdict),
        first_seen=_first_seen(sighting),
        last_seen=sighting.seen_at,
        report_ids=tuple(sorted(set(sighting.report_ids))),
        **_seen_there(sighting),
    )
    kind = EventType.OPENED if state is CaseState.OPEN else EventType.HELD
    event = _event(case, kind, 1, stamp.source, stamp.at, sighting.seen_at)
    return CaseChange(CaseRecord(case, 1, state is CaseState.OPEN, stamp.at), event)


def change_by_answer(
    verdict: Verdict, before: CaseRecord, stamp: Stamp, sighting: Sighting | None = None
) -> CaseChange:
    """Return the change that a later answer about a case's digests makes, whatever the answer is.

    With a sighting, the file was seen again, and the case takes over the facts of the sighting. Without one, the list
    was only asked again (recall). State and evidence change in the same way in both.
    """
    decision = decide(verdict, before.case.state, before.case.verdict)
    facts: dict[str, Any] = {"state": decision.state, "verdict": decision.evidence}
    if sighting is not None:
        if sighting.seen_at >= before.case.last_seen:
            facts |= _seen_there(sighting)
        facts["first_seen"] = min(before.case.first_seen, _first_seen(sighting))
        facts["last_seen"] = max(before.case.last_seen, sighting.seen_at)
        facts["report_ids"] = tuple(sorted({*before.case.report_ids, *sighting.report_ids}))
    case = before.case.model_copy(update=facts)
    kind = _kind(decision, before.case.state)
    if kind is None:
        return CaseChange(replace(before, case=case), event=None)
    correction = None
    if decision.retraction is not None:
        correction = Correction(retraction=decision.retraction, before=before.case.verdict)
    recorded_at = _recorded_at(before, stamp)
    at = sighting.seen_at if sighting is not None else verdict.asked_at or recorded_at
    event = _event(case, kind, before.sequence + 1, stamp.source, recorded_at, at, correction)
    return CaseChange(
        CaseRecord(case, event.sequence, before.was_opened or kind is EventType.OPENED, recorded_at),
        event,
    )


def _first_seen(sighting: Sighting) -> datetime:
    """Return when the file was there first, as far as the sighting tells: its bytes may have come long before."""
    return min(sighting.http.hashed_at or sighting.seen_at, sighting.seen_at)


def _recorded_at(before: CaseRecord, stamp: Stamp) -> datetime:
    """Return the time to record an event at: later than the one before, also when the clocks of two workers differ."""
    return stamp.at if before.recorded_at is None else max(stamp.at, before.recorded_at + _TICK)


def _kind(decision: CaseDecision, before: CaseState) -> EventType | None:
    if decision.retraction is not None:
        return EventType.CORRECTED
    if before is CaseState.HELD and decision.state is CaseState.OPEN:
        return EventType.OPENED
    return None


def _seen_there(sighting: Sighting) -> dict[str, Any]:
    """Return the fields of a case that follow its newest sighting; an older one never replaces them."""
    names = ("final_url", "host", "ip", "referrer", "content_type", "sniffed_type", "http")
    place = place_of(sighting.url)
    return {
        **{name: getattr(sighting, name) for name in names},
        "last_url": sighting.url,
        "place": place if place.left_out else None,
    }


def _event(
    case: Case,
    kind: EventType,
    sequence: int,
    source: UUID,
    recorded_at: datetime,
    at: datetime,
    correction: Correction | None = None,
) -> Event:
    event = Event(
        schema_version=SCHEMA_VERSION,
        event_id=_NO_ID,
        source=source,
        case_id=case.case_id,
        sequence=sequence,
        recorded_at=recorded_at,
        type=kind,
        at=at,
        case=case,
        correction=correction,
    )
    return event.model_copy(update={"event_id": event_id_for(event)})
