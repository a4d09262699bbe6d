"""Decides what an answer changes of a case: pure functions from the case before to the case after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orbweaver.model import (
    Case,
    CaseState,
    CaseVerdict,
    Correction,
    EventType,
    HoldReason,
    Hosting,
    Retraction,
    Sighting,
    Verdict,
    case_id_for,
)
from orbweaver.takedown.cases.changes import PROGRAM, CaseChange, CaseRecord, Stamp, change_by_event, change_to_new_case
from orbweaver.takedown.cases.lifecycle import TRANSITIONS, state_after
from orbweaver.takedown.cases.places import place_of
from orbweaver.takedown.cases.retraction import decide, evidence_of, news_in
from orbweaver.takedown.cases.sighting_facts import (
    evidence_of_sighting,
    facts_of_sighting,
    first_seen,
    is_since,
    seen_there,
)
from orbweaver.takedown.hosting.moves import facts_before, move_of
from orbweaver.takedown.removal.course import seen_in_a_visit


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
        first_seen=first_seen(sighting),
        last_seen=sighting.seen_at,
        report_ids=tuple(sorted(set(sighting.report_ids))),
        received_at=sighting.received_at,
        hosting=located,
        **seen_there(sighting),
    )
    return change_to_new_case(
        case, kind, stamp, reason=reason, evidence=evidence_of_sighting(sighting), at=sighting.seen_at
    )


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
    if not is_since(sighting.seen_at, case):
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
    is_back = case.state is not CaseState.OPEN and sighting is not None and is_since(sighting.seen_at, case)
    return _Step(decision.evidence, EventType.REOPENED if is_back else None)


def _step_of_withdrawn(verdict: Verdict, case: Case) -> _Step:
    """Hold a case that people refused when there is evidence that they did not have; else leave it as it is."""
    news = news_in(verdict, case.verdict.listings)
    if news is None:
        return _Step(case.verdict)
    return _Step(evidence_of(verdict, [HoldReason.REJECTED]), EventType.HELD, reason=news)
