"""What a case rests on, and whether a later answer takes that back: pure functions of verdicts.

An answer takes something back only when it says so: the list withdraws or disputes its entry, or the very service that
listed the file answers that it does not list it any more. Weaker evidence takes nothing back, nor does the silence of
a service that was not asked or could not answer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from orbweaver.model import (
    ALGORITHMS,
    CaseState,
    CaseVerdict,
    EntryStatus,
    HoldReason,
    Listing,
    Nature,
    Retraction,
    Verdict,
    VerdictResult,
)

# Why a case is held whose list took back what it rested on, until a match without doubts opens it again.
TAKEN_BACK = (HoldReason.WITHDRAWN, HoldReason.NO_LONGER_LISTED)


@dataclass(frozen=True)
class CaseDecision:
    """What an answer makes of a case: its state, its evidence, and what was taken back, if anything was."""

    state: CaseState
    evidence: CaseVerdict
    retraction: Retraction | None = None


def decide(verdict: Verdict, state: CaseState, evidence: CaseVerdict) -> CaseDecision:
    """Return what a later answer makes of a case in this state, with this evidence.

    A match without doubts opens the case, and is its evidence from then on. A retraction holds it. A doubtful match
    is new evidence of a held case, and does nothing to an open one. Anything else changes nothing. An answer older
    than the evidence can only open a case that waits for better evidence: it was overtaken, and takes nothing back.
    """
    unchanged = CaseDecision(state, evidence)
    is_match = verdict.result is VerdictResult.MATCH
    if _is_older(verdict, evidence):
        was_retracted = evidence.status is EntryStatus.DISPUTED or set(evidence.held_because) & set(TAKEN_BACK)
        if state is CaseState.OPEN or not is_match or verdict.held_because or was_retracted:
            return unchanged
    if is_match and not verdict.held_because:
        return CaseDecision(CaseState.OPEN, evidence_of(verdict))
    retraction = retraction_of(evidence, verdict)
    if retraction is not None:
        return CaseDecision(CaseState.HELD, _evidence_after(retraction, verdict, evidence), retraction)
    if is_match and state is CaseState.HELD:
        return CaseDecision(state, evidence_of(verdict, _lasting(evidence, verdict)))
    return unchanged


def evidence_of(verdict: Verdict, also_held: Collection[HoldReason] = ()) -> CaseVerdict:
    """Return a match as its case shows it: by its leading listing."""
    leading = verdict.listings[0]
    doubts = {*also_held, *verdict.held_because}
    return CaseVerdict(
        result=verdict.result,
        algorithm=leading.algorithms[0],
        algorithms=leading.algorithms,
        strength=verdict.strength,
        held_because=tuple(reason for reason in HoldReason if reason in doubts),
        list=leading.list,
        entry_id=leading.entry_id,
        category=leading.category,
        scheme=leading.scheme,
        status=leading.status,
        list_version=leading.list_version,
        built_to=leading.built_to,
        service=leading.service,
        asked_at=verdict.asked_at,
        listings=verdict.listings,
    )


def retraction_of(evidence: CaseVerdict, verdict: Verdict) -> Retraction | None:
    """Return how a verdict takes back what a case rests on, or None when it does not.

    A case rests on the listings that agree by an algorithm as strong as the leading one's: as long as one of them
    is not taken back, nothing is.
    """
    if evidence.result is not VerdictResult.MATCH or verdict.result is VerdictResult.UNKNOWN or not evidence.listings:
        return None
    if verdict.result is VerdictResult.MATCH and not verdict.held_because:
        return None
    weakest = _rank(evidence.listings[0])
    ways = [_retraction(one, verdict) for one in evidence.listings if _accuses(one) and _rank(one) <= weakest]
    return ways[0] if ways and None not in ways else None


def _retraction(listing: Listing, verdict: Verdict) -> Retraction | None:
    """Say how a verdict takes back one listing: by what it says of the same entry, else of the digests at all."""
    said = [one for one in verdict.listings if _is_same_entry(one, listing)]
    said = said or [one for one in verdict.listings if one.service == listing.service]
    accusing = [one for one in said if _accuses(one)]
    if accusing:
        is_new = listing.status is EntryStatus.ACTIVE and all(one.status is EntryStatus.DISPUTED for one in accusing)
        return Retraction.DISPUTED if is_new else None
    if any(one.status is EntryStatus.WITHDRAWN for one in said):
        return Retraction.WITHDRAWN
    return Retraction.NO_LONGER_LISTED if _has_answered(listing.service, verdict) else None


def _has_answered(service: str | None, verdict: Verdict) -> bool:
    """Whether this service gave an answer of its own: a verdict with a reason has one in it that could not."""
    return verdict.reason is None and verdict.source(service) is not None


def _is_same_entry(one: Listing, other: Listing) -> bool:
    """Whether two listings are one entry; a list may be asked by another way, when it names itself and its entry."""
    is_named = None not in {other.list, other.entry_id}
    return (one.list, one.entry_id) == (other.list, other.entry_id) and (is_named or one.service == other.service)


def _accuses(listing: Listing) -> bool:
    return listing.nature is not Nature.BENIGN and listing.status is not EntryStatus.WITHDRAWN


def _rank(listing: Listing) -> int:
    return ALGORITHMS.index(listing.algorithms[0])


def _is_older(verdict: Verdict, evidence: CaseVerdict) -> bool:
    if verdict.asked_at is None or evidence.asked_at is None:
        return False
    return verdict.asked_at < evidence.asked_at


def _evidence_after(retraction: Retraction, verdict: Verdict, before: CaseVerdict) -> CaseVerdict:
    reason = HoldReason(retraction.value)
    source = verdict.source(before.service)
    if verdict.result is VerdictResult.MATCH:
        return evidence_of(verdict, [reason])
    return before.model_copy(
        update={
            "result": verdict.result,
            "strength": None,
            "held_because": (reason,),
            "status": EntryStatus.WITHDRAWN if retraction is Retraction.WITHDRAWN else None,
            "list_version": source.list_version if source is not None else None,
            "built_to": source.built_to if source is not None else None,
            "asked_at": verdict.asked_at,
            "listings": verdict.listings,
        }
    )


def _lasting(evidence: CaseVerdict, verdict: Verdict) -> list[HoldReason]:
    """Return the reasons of a retraction that a doubtful match does not end."""
    is_disputed = any(one.status is EntryStatus.DISPUTED for one in verdict.listings)
    lasting = {*TAKEN_BACK, *([HoldReason.DISPUTED] if is_disputed else [])}
    return [reason for reason in evidence.held_because if reason in lasting]
