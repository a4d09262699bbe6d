"""Decides what an event or an answer changes of its case: pure functions from the case before to the case after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    CaseVerdict,
    Correction,
    Event,
    EventType,
    Evidence,
    HoldReason,
    Hosting,
    Removal,
    Retraction,
    Sighting,
    SightingEvidence,
    Verdict,
    case_id_for,
    event_id_for,
)
from orbweaver.takedown.cases.lifecycle import TRANSITIONS, state_after
from orbweaver.takedown.cases.places import place_of
from orbweaver.takedown.cases.retraction import decide, evidence_of, news_in
from orbweaver.takedown.hosting.moves import facts_before, hosting_after, move_of
from orbweaver.takedown.removal.course import begun_anew, seen_in_a_visit

PROGRAM: Final = Actor(kind=ActorKind.PROGRAM, name=f"orbweaver {__version__}")
# The takedown engine never gets these.
OURS_ALONE: Final = frozenset({EventType.HELD, EventType.NOTE, EventType.ACKNOWLEDGED})
# What a case is, and what follows from its events: no caller changes these by facts.
NOT_FACTS: Final = frozenset({"case_id", "state", "state_since", "url", "md5", "sha1", "sha256", "size"})
_GONE_STATES: Final = frozenset({CaseState.REMOVED, CaseState.CLOSED})
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


def change_by_match(
    sighting: Sighting, verdict: Verdict, before: CaseRecord | None, stamp: Stamp, located: Hosting | None = None
) -> CaseChange:
    """Return the change that a match of a sighting makes: a new case, open or held, or a change of the old one.

    `located` is what is known of the address of the sighting; None where nobody asked.
    """
    if sighting.digests.is_degenerate:
        raise ValueError("a degenerate digest never makes a case")
    if before is not None:
        return change_by_answer(verdict, before, stamp, sighting, located)
    return _new_case(sighting, evidence_of(verdict), stamp, located=located)


def change_by_new_evidence(
    sighting: Sighting, verdict: Verdict, stamp: Stamp, news: str, located: Hosting | None = None
) -> CaseChange:
    """Return the change that makes a case of a file that people rejected: held, because of evidence that is new."""
    return _new_case(sighting, evidence_of(verdict, [HoldReason.REJECTED]), stamp, news, located=located)


def _new_case(
    sighting: Sighting,
    evidence: CaseVerdict,
    stamp: Stamp,
    reason: str | None = None,
    *,
    located: Hosting | None = None,
) -> CaseChange:
    """Return the change that makes a case of a sighting: held while its evidence has doubts, else open."""
    kind = EventType.HELD if evidence.held_because else EventType.OPENED
    case = Case(
        case_id=case_id_for(place_of(sighting.url).url, sighting.digests.sha256),
        state=state_after(None, kind),
        state_since=stamp.at,
        url=sighting.url,
        md5=sighting.digests.md5,
        sha1=sighting.digests.sha1,
        sha256=sighting.digests.sha256,
        size=sighting.digests.size,
        verdict=evidence,
        first_seen=_first_seen(sighting),
        last_seen=sighting.seen_at,
        report_ids=tuple(sorted(set(sighting.report_ids))),
        received_at=sighting.received_at,
        hosting=located,
        **_seen_there(sighting),
    )
    return _with_event(case, kind, None, stamp, PROGRAM, reason, evidence_of_sighting(sighting), sighting.seen_at)


def change_by_return(
    sighting: Sighting, verdict: Verdict, before: CaseRecord, stamp: Stamp, located: Hosting | None = None
) -> CaseChange:
    """Return the change that a match makes of a case that was pseudonymised: it has all facts of the sighting from now.

    The case has its id for ever, and its events go on; what was before stays pseudonymised. Nobody knows any more on
    what a `withdrawn` case rested, so people have to decide again. A sighting from before the case was over changes
    nothing.
    """
    case, mark = before.case, before.case.pseudonymised
    if mark is None:
        raise ValueError("the case is not pseudonymised")
    if not _is_since(sighting.seen_at, case):
        return CaseChange(before, event=None)
    was_refused = case.state is CaseState.WITHDRAWN
    evidence = evidence_of(verdict, [HoldReason.REJECTED] if was_refused else [])
    kind = EventType.HELD if evidence.held_because else EventType.REOPENED
    found = _new_case(sighting, evidence, stamp, located=located).after.case
    again = found.model_copy(
        update={
            "case_id": case.case_id,
            "state": case.state,
            "state_since": case.state_since,
            "received_at": case.received_at,
            "first_seen": min(case.first_seen, found.first_seen),
            "removal": seen_in_a_visit(case.removal, sighting.seen_at, is_back=kind is EventType.REOPENED),
        }
    )
    change = change_by_event(
        replace(before, case=again),
        kind,
        stamp,
        actor=PROGRAM,
        reason=f"found again: the case was {case.state.value}, and was pseudonymised on {mark.at:%Y-%m-%d}",
        evidence=evidence_of_sighting(sighting),
        at=sighting.seen_at,
    )
    return replace(change, pseudonym=case.sha256)


def change_by_answer(
    verdict: Verdict,
    before: CaseRecord,
    stamp: Stamp,
    sighting: Sighting | None = None,
    located: Hosting | None = None,
) -> CaseChange:
    """Return the change that a later answer about a case's digests makes, whatever the answer is.

    With a sighting, the file was seen again, and the case takes over the facts of the sighting. Without one, the list
    was only asked again (recall). Evidence changes in the same way in both. A file that is seen after its case was
    `removed` or `closed` is there again. One that is seen at another address may have moved. Of a case that was
    pseudonymised nobody can ask any more.
    """
    if before.case.pseudonymised is not None:
        return CaseChange(before, event=None)
    facts = facts_of_sighting(sighting, before.case, located) if sighting is not None else {}
    step = _step(verdict, before.case, sighting)
    facts["verdict"] = step.evidence
    if step.evidence is not before.case.verdict and not step.evidence.held_because:
        facts["assessment"] = None  # the case rests on its list from now on
    if step.kind is None:
        moved = _moved(before, facts, stamp, sighting, located)
        return moved or CaseChange(replace(before, case=before.case.model_copy(update=facts)), event=None)
    correction = None
    if step.retraction is not None:
        correction = Correction(retraction=step.retraction, before=before.case.verdict)
    return change_by_event(
        before,
        step.kind,
        stamp,
        actor=PROGRAM,
        reason=step.reason,
        evidence=None if sighting is None else evidence_of_sighting(sighting),
        facts=facts,
        at=sighting.seen_at if sighting is not None else verdict.asked_at,
        correction=correction,
    )


def _moved(
    before: CaseRecord, facts: Mapping[str, Any], stamp: Stamp, sighting: Sighting | None, located: Hosting | None
) -> CaseChange | None:
    """Return the change of a file that is hosted elsewhere by its newest sighting; None when it is not."""
    case = before.case
    if sighting is None or located is None or sighting.seen_at < case.last_seen:
        return None
    kind = move_of(case, sighting.ip, located, sighting.seen_at)
    if kind is None or (case.state, EventType.MOVED) not in TRANSITIONS:
        return None
    return change_by_event(
        before,
        EventType.MOVED,
        stamp,
        actor=PROGRAM,
        reason=f"another {kind}",
        evidence=evidence_of_sighting(sighting).model_copy(update={"facts": facts_before(case)}),
        facts=facts,
        at=sighting.seen_at,
    )


@dataclass(frozen=True)
class _Step:
    """An answer's meaning for a case: its evidence from then on, and the kind of its event, if there is one."""

    evidence: CaseVerdict
    kind: EventType | None = None
    retraction: Retraction | None = None
    reason: str | None = None


def _step(verdict: Verdict, case: Case, sighting: Sighting | None) -> _Step:
    if case.state is CaseState.WITHDRAWN:
        return _step_of_withdrawn(verdict, case)
    state = CaseState.HELD if case.state is CaseState.HELD else CaseState.OPEN
    decision = decide(verdict, state, case.verdict)
    if decision.retraction is not None:
        return _Step(decision.evidence, EventType.CORRECTED, decision.retraction)
    if state is CaseState.HELD:
        return _Step(decision.evidence, EventType.OPENED if decision.state is CaseState.OPEN else None)
    is_back = case.state is not CaseState.OPEN and sighting is not None and _is_since(sighting.seen_at, case)
    return _Step(decision.evidence, EventType.REOPENED if is_back else None)


def _step_of_withdrawn(verdict: Verdict, case: Case) -> _Step:
    """Hold a case that people refused when there is evidence that they did not have; else leave it as it is."""
    news = news_in(verdict, case.verdict.listings)
    if news is None:
        return _Step(case.verdict)
    return _Step(evidence_of(verdict, [HoldReason.REJECTED]), EventType.HELD, reason=news)


def _is_since(seen_at: datetime, case: Case) -> bool:
    """Whether a file was seen after its case was over: after the check that said so, which is written down later."""
    since = case.state_since
    if case.removal is not None and case.state in _GONE_STATES:
        is_removed = case.state is CaseState.REMOVED
        since = (case.removal.removed_at if is_removed else case.removal.checked_at) or since
    return since is None or seen_at > since


def evidence_of_sighting(sighting: Sighting) -> Evidence:
    """Return a sighting as the evidence of an event."""
    return Evidence(
        sighting=SightingEvidence(
            seen_at=sighting.seen_at,
            url=sighting.url,
            final_url=sighting.final_url,
            redirects=sighting.redirects,
            ip=sighting.ip,
            http=sighting.http,
            software=sighting.software,
            sandbox=sighting.sandbox,
            **sighting.digests.model_dump(),
        )
    )


def facts_of_sighting(sighting: Sighting, case: Case, located: Hosting | None) -> dict[str, Any]:
    """Return the fields of a case that a sighting changes."""
    newest: dict[str, Any] = {}
    if sighting.seen_at >= case.last_seen:
        newest = _seen_there(sighting)
        if located is not None:
            newest["hosting"] = hosting_after(case, sighting.ip, located, sighting.seen_at)
    return {
        **newest,
        "first_seen": min(case.first_seen, _first_seen(sighting)),
        "last_seen": max(case.last_seen, sighting.seen_at),
        "report_ids": tuple(sorted({*case.report_ids, *sighting.report_ids})),
        "received_at": min(filter(None, (case.received_at, sighting.received_at)), default=None),
        "removal": seen_in_a_visit(
            case.removal, sighting.seen_at, is_back=case.state in _GONE_STATES and _is_since(sighting.seen_at, case)
        ),
    }


def _first_seen(sighting: Sighting) -> datetime:
    """Return when the file was there first, as far as the sighting tells: its bytes may have come long before."""
    return min(sighting.http.hashed_at or sighting.seen_at, sighting.seen_at)


def _recorded_at(before: CaseRecord, stamp: Stamp) -> datetime:
    """Return the time to record an event at: later than the one before, also when the clocks of two workers differ."""
    return stamp.at if before.recorded_at is None else max(stamp.at, before.recorded_at + _TICK)


def _seen_there(sighting: Sighting) -> dict[str, Any]:
    """Return the fields of a case that follow its newest sighting; an older one never replaces them."""
    names = ("final_url", "redirects", "host", "ip", "referrer", "content_type", "sniffed_type", "http")
    place = place_of(sighting.url)
    return {
        **{name: getattr(sighting, name) for name in names},
        "last_url": sighting.url,
        "place": place if place.left_out else None,
    }


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
