"""Decides what an assessment makes of a case of its file: pure functions.

A release covers the doubts that people could know of: how surely the file is the listed one, and what a list said of
its entry when they decided. What a list says later, and that the file is on a benign list, waits for people. A
rejection covers the evidence that people knew; stronger or other evidence waits for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from orbweaver.model import (
    Actor,
    Assessment,
    AssessmentDecision,
    Case,
    CaseState,
    CaseVerdict,
    Correction,
    EventType,
    Evidence,
    HoldReason,
    Hosting,
    Retraction,
    Sighting,
    Verdict,
)
from orbweaver.takedown.cases.changes import PROGRAM, CaseChange, CaseRecord, Stamp, change_by_event
from orbweaver.takedown.cases.retraction import news_in
from orbweaver.takedown.cases.transitions import change_by_match, change_by_new_evidence, change_by_return

# These doubt that the file is the listed one; people who assessed the file know what it is.
_OF_THE_FILE: Final = frozenset({HoldReason.WEAK, HoldReason.SIZE_DIFFERS, HoldReason.UNKNOWN_CATEGORY})


def changes_by_assessment(
    before: CaseRecord, assessment: Assessment, stamp: Stamp, actor: Actor = PROGRAM
) -> list[CaseChange]:
    """Return the changes that an assessment makes to a case of its file, in order; none where it changes nothing.

    Asked again after they were made, it returns none. A case that was pseudonymised has no file any more.
    """
    if before.case.pseudonymised is not None:
        return []
    if assessment.decision is AssessmentDecision.RELEASED:
        return _released(before, assessment, stamp, actor)
    return _rejected(before, assessment, stamp, actor)


def new_case(
    sighting: Sighting,
    verdict: Verdict,
    assessment: Assessment | None,
    stamp: Stamp,
    located: Hosting | None = None,
) -> list[CaseChange]:
    """Return the changes that make a case of a match; none where people rejected the file, and knew this evidence."""
    if assessment is None:
        return [change_by_match(sighting, verdict, None, stamp, located)]
    if assessment.decision is AssessmentDecision.RELEASED:
        made = change_by_match(sighting, verdict, None, stamp, located)
        return [made, *changes_by_assessment(made.after, assessment, stamp)]
    news = news_in(verdict, assessment.listings)
    if news is None:
        return []
    return [change_by_new_evidence(sighting, verdict, stamp, news, located)]


def found_again(
    sighting: Sighting,
    verdict: Verdict,
    assessment: Assessment | None,
    before: CaseRecord,
    stamp: Stamp,
    located: Hosting | None = None,
) -> list[CaseChange]:
    """Return the changes that a match makes of a case that was pseudonymised; none as with `new_case`."""
    is_rejected = assessment is not None and assessment.decision is AssessmentDecision.REJECTED
    if assessment is not None and is_rejected and news_in(verdict, assessment.listings) is None:
        return []
    made = change_by_return(sighting, verdict, before, stamp, located)
    return [made] if assessment is None else [made, *changes_by_assessment(made.after, assessment, stamp)]


def why_it_stays_held(case: Case, assessment: Assessment) -> str | None:
    """Return why a held case stays so though its file was assessed; None where the assessment decides it."""
    if assessment.decision is AssessmentDecision.REJECTED:
        return news_in(case.verdict, assessment.listings)
    doubts = set(case.verdict.held_because) - _OF_THE_FILE
    if HoldReason.BENIGN_TOO in doubts:
        return "the file is on a benign list too"
    if HoldReason.REJECTED in doubts and not _is_later(assessment, case):
        return "the case was refused after the file was released"
    later = sorted(doubts - {HoldReason.REJECTED} - set(assessment.doubts))
    if later:
        return f"its list said since: {', '.join(reason.value.replace('_', ' ') for reason in later)}"
    return None


def _released(before: CaseRecord, assessment: Assessment, stamp: Stamp, actor: Actor) -> list[CaseChange]:
    case = before.case
    if HoldReason.BENIGN_TOO in case.verdict.held_because:
        return []
    was_rejected = case.state is CaseState.WITHDRAWN and _rests_on(case, AssessmentDecision.REJECTED, assessment)
    is_covered = case.state is CaseState.HELD and why_it_stays_held(case, assessment) is None
    if not (was_rejected or is_covered):
        return []
    return _in_order(before, (EventType.RELEASED, EventType.OPENED), assessment, stamp, actor)


def _rejected(before: CaseRecord, assessment: Assessment, stamp: Stamp, actor: Actor) -> list[CaseChange]:
    case = before.case
    if case.state is CaseState.HELD and why_it_stays_held(case, assessment) is None:
        return _in_order(before, (EventType.WITHDRAWN,), assessment, stamp, actor)
    is_told = case.state in {CaseState.OPEN, CaseState.REMOVED, CaseState.CLOSED}
    if is_told and _rests_on(case, AssessmentDecision.RELEASED, assessment):
        return _in_order(before, (EventType.CORRECTED, EventType.WITHDRAWN), assessment, stamp, actor)
    return []


def _rests_on(case: Case, decision: AssessmentDecision, assessment: Assessment) -> bool:
    """Whether a case stands where it does by an earlier revision of this assessment, which decided otherwise."""
    applied = case.assessment
    return applied is not None and applied.decision is decision and applied.revision < assessment.revision


def withdrawn(before: CaseRecord, stamp: Stamp, *, actor: Actor, reason: str) -> list[CaseChange]:
    """Return the changes by which a person withdraws one case, whatever its file is: a correction first, if told."""
    changes: list[CaseChange] = []
    facts: dict[str, Any] = {"verdict": _refused(before.case.verdict), "assessment": None}
    if before.case.state is not CaseState.HELD:
        correction = Correction(retraction=Retraction.REJECTED, before=before.case.verdict)
        changes.append(
            change_by_event(
                before, EventType.CORRECTED, stamp, actor=actor, reason=reason, facts=facts, correction=correction
            )
        )
        before = changes[-1].after
    changes.append(change_by_event(before, EventType.WITHDRAWN, stamp, actor=actor, reason=reason, facts=facts))
    return changes


def _in_order(
    before: CaseRecord, kinds: Sequence[EventType], assessment: Assessment, stamp: Stamp, actor: Actor
) -> list[CaseChange]:
    changes: list[CaseChange] = []
    for kind in kinds:
        verdict = before.case.verdict
        correction = Correction(retraction=Retraction.REJECTED, before=verdict) if kind is EventType.CORRECTED else None
        changes.append(
            change_by_event(
                before,
                kind,
                stamp,
                actor=actor,
                reason=said_of(assessment),
                evidence=_evidence_of(assessment),
                facts={"assessment": assessment.applied, "verdict": _verdict_after(kind, verdict)},
                correction=correction,
            )
        )
        before = changes[-1].after
    return changes


def _verdict_after(kind: EventType, verdict: CaseVerdict) -> CaseVerdict:
    if kind is EventType.OPENED:
        return verdict.model_copy(update={"held_because": ()})
    return verdict if kind is EventType.RELEASED else _refused(verdict)


def said_of(assessment: Assessment) -> str:
    """Return in a line what an assessment decided, when, and why: the reason of the events that it causes."""
    decided = f"{assessment.decision.value} by assessment {str(assessment.assessment_id)[:8]}"
    return f"{decided} of {assessment.decided_at:%Y-%m-%d}: {assessment.reason}"


def _evidence_of(assessment: Assessment) -> Evidence:
    names = ", ".join(person.name for person in assessment.decided_by)
    return Evidence(assessment=assessment.applied, facts={"decided_by": names})


def _refused(verdict: CaseVerdict) -> CaseVerdict:
    """Return the evidence of a case that people refuse: what the lists say stays, and that is why it is not raised."""
    reasons = {*verdict.held_because, HoldReason.REJECTED}
    return verdict.model_copy(update={"held_because": tuple(reason for reason in HoldReason if reason in reasons)})


def _is_later(assessment: Assessment, case: Case) -> bool:
    return case.state_since is None or assessment.decided_at >= case.state_since
