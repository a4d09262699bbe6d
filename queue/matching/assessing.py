"""Takes down what people decide about files; `assessed_cases` then brings a decision to all cases of its file.

A decision is written first, with the note that it is due. A match that is settled at the same moment either sees it,
because it watches the assessment, or has written its case before: then the slices of `assessed_cases` find that case.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING
from uuid import uuid4

from orbweaver.model import (
    Actor,
    ActorKind,
    Assessment,
    AssessmentDecision,
    Case,
    CaseState,
    Classification,
    DigestSet,
    EventType,
    HoldReason,
    Listing,
    Proposal,
    assessment_id_for,
)
from orbweaver.queue.matching import settlement
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import CaseChange, CaseRecord, Stamp, change_by_event
from orbweaver.takedown.errors import DecisionRefused
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

# An assessment keeps so many entries of lists as what people knew; a file has a few.
MOST_LISTINGS = 500


@dataclass(frozen=True)
class Decision:
    """A person's decision about a file, with its reason."""

    decision: AssessmentDecision
    reason: str
    person: Actor
    classification: Classification | None = None


def assess(store: Store, case_id: str, decided: Decision, *, needs_two: bool) -> Assessment | Proposal:
    """Write a person's decision about the file of a held case; a proposal where a second person has to agree.

    `assessed_cases.apply` brings it to the cases. Raises DecisionRefused.
    """
    before = case_store.record_of(store, case_id)
    if before is None:
        raise DecisionRefused(f"there is no case {case_id}")
    digests = _digests_of(before.case)

    def require(pipe: Pipeline, current: Assessment | None) -> CaseRecord:
        pipe.watch(keys.case(case_id))
        record = case_store.record_of(pipe, case_id)
        if record is None:
            raise DecisionRefused(f"there is no case {case_id}")
        _require_to_be_decided(record.case, decided, current)
        return record

    return _write(store, digests, decided, needs_two, require)


def revise(store: Store, sha256: str, decided: Decision, *, needs_two: bool) -> Assessment | Proposal:
    """Write another decision about a file that was assessed; a proposal where a second person has to agree.

    `assessed_cases.apply` corrects what the one before decided. Raises DecisionRefused.
    """
    was = assessment_store.read(store, sha256)
    if was is None:
        raise DecisionRefused("nobody has assessed this file: use cases release or cases reject on one of its cases")

    def require(_: Pipeline, current: Assessment | None) -> None:
        if current is not None and (current.decision, current.classification) == (
            decided.decision,
            decided.classification or current.classification,
        ):
            raise DecisionRefused(f"the file is {current.decision.value} already: nothing is revised")

    return _write(store, was.digests, decided, needs_two, require)


def _write(
    store: Store,
    digests: DigestSet,
    decided: Decision,
    needs_two: bool,
    require: Callable[[Pipeline, Assessment | None], CaseRecord | None],
) -> Assessment | Proposal:
    sha256 = digests.sha256
    known = _known_of(store, sha256)
    stamp = case_store.stamp(store)
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.assessment(sha256))
            current = assessment_store.read(pipe, sha256)
            record = require(pipe, current)
            waiting = assessment_store.proposal(pipe, sha256) if needs_two else None
            first = _first_of_two(waiting, decided)
            if needs_two and first is None:
                result: Assessment | Proposal = _proposal(decided, stamp)
            else:
                result = _assessment(digests, decided, current, known, stamp, first)
            pipe.multi()
            if isinstance(result, Assessment):
                assessment_store.write(pipe, result)
            else:
                assessment_store.write_proposal(pipe, assessment_id_for(stamp.source, sha256), sha256, result)
                if record is not None:
                    settlement.write_changes(store, pipe, uuid4().hex, [_noted(record, decided, stamp)])
            try:
                pipe.execute()
            except WatchError:
                continue
            return result


def _first_of_two(waiting: Proposal | None, decided: Decision) -> Proposal | None:
    """Return the proposal that this decision agrees to; None where it is the first of its kind, or of the same person.

    Names are compared without case and blanks, and as they look: nobody agrees with himself by another spelling. A
    program may propose what somebody decided elsewhere, and is never the second: nobody knows who uses it.
    """
    if waiting is None or waiting.decision is not decided.decision:
        return None
    if decided.person.kind is not ActorKind.PERSON:
        raise DecisionRefused(f"{waiting.proposed_by.name} has proposed this: a person has to agree (ASSESSORS)")
    if _spelt(waiting.proposed_by) == _spelt(decided.person):
        raise DecisionRefused(
            f"{waiting.proposed_by.name} has proposed this already: a second person has to agree (ASSESSORS)"
        )
    if decided.classification not in {None, waiting.classification}:
        return None
    return waiting


def _spelt(person: Actor) -> str:
    return "".join(unicodedata.normalize("NFKC", person.name).casefold().split())


def _proposal(decided: Decision, stamp: Stamp) -> Proposal:
    return Proposal(
        decision=decided.decision,
        proposed_at=stamp.at,
        proposed_by=decided.person,
        reason=decided.reason,
        classification=decided.classification,
    )


def _noted(record: CaseRecord, decided: Decision, stamp: Stamp) -> CaseChange:
    reason = f"proposes that the file is {decided.decision.value}: {decided.reason}"
    return change_by_event(record, EventType.NOTE, stamp, actor=decided.person, reason=reason)


@dataclass
class _Known:
    """The knowledge of people about a file when they decided: its entries in lists, and why its cases are held."""

    listings: dict[Listing, None] = field(default_factory=dict)
    doubts: set[HoldReason] = field(default_factory=set)


def _known_of(store: Store, sha256: str) -> _Known:
    """Return what the cases of a file say of it; an open one may rest on what nobody has to decide about."""
    known = _Known()
    case_ids = case_store.case_ids_of_file(store, sha256)
    while page := list(islice(case_ids, case_store.PAGE)):
        for case in case_store.read_many(store, page):
            if case.state is not CaseState.OPEN and len(known.listings) < MOST_LISTINGS:
                known.listings |= dict.fromkeys(case.verdict.listings)
                known.doubts |= set(case.verdict.held_because)
    return known


def _assessment(
    digests: DigestSet,
    decided: Decision,
    current: Assessment | None,
    known: _Known,
    stamp: Stamp,
    first: Proposal | None,
) -> Assessment:
    listings = known.listings | dict.fromkeys(current.listings if current is not None else ())
    doubts = known.doubts | set(current.doubts if current is not None else ())
    classification = decided.classification or (first.classification if first is not None else None)
    if classification is None and current is not None and current.decision is decided.decision:
        classification = current.classification
    return Assessment(
        assessment_id=assessment_id_for(stamp.source, digests.sha256),
        revision=1 if current is None else current.revision + 1,
        digests=digests,
        decision=decided.decision,
        decided_at=stamp.at if current is None else max(stamp.at, current.decided_at),
        decided_by=(decided.person,) if first is None else (first.proposed_by, decided.person),
        reason=decided.reason if first is None else f"{first.reason}; {decided.reason}",
        classification=classification,
        listings=tuple(islice(listings, MOST_LISTINGS)),
        doubts=tuple(reason for reason in HoldReason if reason in doubts),
    )


def _require_to_be_decided(case: Case, decided: Decision, current: Assessment | None) -> None:
    """Raise DecisionRefused where a case is not one to decide about, or where this decision cannot be taken."""
    short = str(case.case_id)[:8]
    if case.state is not CaseState.HELD:
        mend = "use cases withdraw" if case.state is CaseState.OPEN else "use assessments revise"
        raise DecisionRefused(f"case {short} is {case.state.value}, not held: {mend}")
    if current is not None and current.decision is not decided.decision:
        raise DecisionRefused(
            f"the file of case {short} was {current.decision.value} on {current.decided_at:%Y-%m-%d}: "
            f"to decide otherwise, use assessments revise {short} --to {decided.decision.value}"
        )
    if decided.decision is AssessmentDecision.RELEASED and HoldReason.BENIGN_TOO in case.verdict.held_because:
        raise DecisionRefused(
            f"case {short} stays held: the file is on a benign list too, and one of the two lists is wrong; "
            "have it mended, then run orbweaver rematch"
        )


def _digests_of(case: Case) -> DigestSet:
    return DigestSet(md5=case.md5, sha1=case.sha1, sha256=case.sha256, size=case.size)
