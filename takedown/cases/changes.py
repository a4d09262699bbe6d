"""A change of a case: the case as it is stored afterwards, and the event that says what changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from orbweaver import __version__
from orbweaver.model import (
    SCHEMA_VERSION,
    Actor,
    ActorKind,
    Case,
    CaseState,
    Correction,
    Event,
    EventType,
    Evidence,
    Removal,
    event_id_for,
)
from orbweaver.takedown.cases.lifecycle import state_after
from orbweaver.takedown.removal.course import begun_anew

PROGRAM: Final = Actor(kind=ActorKind.PROGRAM, name=f"orbweaver {__version__}")
# The takedown engine never gets these.
OURS_ALONE: Final = frozenset({EventType.HELD, EventType.NOTE, EventType.ACKNOWLEDGED})
# What a case is, and what follows from its events: no caller changes these by facts.
NOT_FACTS: Final = frozenset({"case_id", "state", "state_since", "url", "md5", "sha1", "sha256", "size"})
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

    `recorded_at` is when its last event was recorded; None when that was before events said it. `told_at` is the same
    of its last event for the takedown engine; None when there was none.
    """

    case: Case
    sequence: int
    was_opened: bool
    recorded_at: datetime | None = None
    told_at: datetime | None = None


@dataclass(frozen=True)
class CaseChange:
    """A change of a case: the case afterwards, and the event that says it, if any."""

    after: CaseRecord
    event: Event | None
    pseudonym: str | None = None
    """The pseudonym that the file of the case had until now; None for a case that was not pseudonymised."""

    @property
    def is_new(self) -> bool:
        """Whether the case did not exist before."""
        return self.event is not None and self.event.sequence == 1

    @property
    def is_for_engine(self) -> bool:
        """Whether the takedown engine is told: every event of a case that was once opened, but for `OURS_ALONE`."""
        return self.event is not None and self.event.type not in OURS_ALONE and self.after.was_opened


def are_for_engine(kinds: Sequence[str]) -> list[bool]:
    """Return which events of a case the takedown engine gets, by the types of all that it has so far, in order."""
    opened_at = kinds.index(EventType.OPENED) if EventType.OPENED in kinds else len(kinds)
    return [place >= opened_at and kind not in OURS_ALONE for place, kind in enumerate(kinds)]


def change_by_event(
    before: CaseRecord,
    kind: EventType,
    stamp: Stamp,
    *,
    actor: Actor,
    reason: str | None = None,
    evidence: Evidence | None = None,
    facts: Mapping[str, Any] = MappingProxyType({}),
    at: datetime | None = None,
    correction: Correction | None = None,
) -> CaseChange:
    """Return the change that an event makes: every event of a case that exists is made here.

    `facts` are fields of the case that change with it; its state is what the table of `lifecycle` says. `at` is when
    the thing happened, by default when it is recorded. Raises TransitionRefused; ValueError for facts that are not the
    caller's to give.
    """
    if NOT_FACTS & facts.keys():
        raise ValueError(f"not facts: {', '.join(sorted(NOT_FACTS & facts.keys()))}")
    state = state_after(before.case.state, kind)
    recorded_at = _recorded_at(before, stamp)
    changed = {**facts, "state": state}
    if state is not before.case.state:
        changed["state_since"] = recorded_at
        changed |= _open_facts(state, changed.get("removal", before.case.removal))
    case = before.case.model_copy(update=changed)
    return _with_event(case, kind, before, Stamp(stamp.source, recorded_at), actor, reason, evidence, at, correction)


def _open_facts(state: CaseState, removal: Removal | None) -> dict[str, Any]:
    """Return what else changes of a case that comes into a state: what was confirmed before it is open is over."""
    return {"removal": begun_anew(removal)} if state is CaseState.OPEN and removal is not None else {}


def change_to_new_case(
    case: Case, kind: EventType, stamp: Stamp, *, reason: str | None, evidence: Evidence, at: datetime
) -> CaseChange:
    """Return the change that makes a case, with its first event: the program makes cases, people decide about them."""
    return _with_event(case, kind, None, stamp, PROGRAM, reason, evidence, at)


def _recorded_at(before: CaseRecord, stamp: Stamp) -> datetime:
    """Return the time to record an event at: later than the one before, also when the clocks of two workers differ."""
    return stamp.at if before.recorded_at is None else max(stamp.at, before.recorded_at + _TICK)


def _with_event(
    case: Case,
    kind: EventType,
    before: CaseRecord | None,
    stamp: Stamp,
    actor: Actor,
    reason: str | None,
    evidence: Evidence | None,
    at: datetime | None,
    correction: Correction | None = None,
) -> CaseChange:
    event = Event(
        schema_version=SCHEMA_VERSION,
        event_id=_NO_ID,
        source=stamp.source,
        case_id=case.case_id,
        sequence=1 if before is None else before.sequence + 1,
        recorded_at=stamp.at,
        type=kind,
        at=at or stamp.at,
        actor=actor,
        reason=reason,
        evidence=evidence,
        case=case,
        correction=correction,
    )
    event = event.model_copy(update={"event_id": event_id_for(event)})
    was_opened = kind is EventType.OPENED or (before is not None and before.was_opened)
    told_at = stamp.at if was_opened and kind not in OURS_ALONE else before.told_at if before is not None else None
    return CaseChange(CaseRecord(case, event.sequence, was_opened, stamp.at, told_at), event)
