"""Decides whether a later answer takes the evidence of a case back: pure functions of verdicts.

An answer takes evidence back only when it says so: the list withdraws or disputes its entry, or the same service that
listed the file answers that it no longer lists it. Weaker evidence takes nothing back, and neither does the silence of
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
    Retraction,
    Verdict,
    VerdictResult,
)

# A case is held for these reasons when its list took its evidence back, until a match without doubts opens it again.
TAKEN_BACK = (HoldReason.WITHDRAWN, HoldReason.NO_LONGER_LISTED)


@dataclass(frozen=True)
class CaseDecision:
    """The state and the evidence of a case after an answer, and the retraction, if the answer took something back."""

    state: CaseState
    evidence: CaseVerdict
    retraction: Retraction | None = None


def decide(verdict: Verdict, state: CaseState, evidence: CaseVerdict) -> CaseDecision:
    """Return what a later answer makes of a case in this state, with this evidence.

    A match without doubts opens the case, and is its evidence from then on. A retraction holds it. A doubtful match is
    new evidence of a held case, and does nothing to an open one. Anything else changes nothing. An answer that is older
    than the evidence takes nothing back; it can only open a case that waits for better evidence.
    """
    unchanged = CaseDecision(state, evidence)
    is_match = verdict.result is VerdictResult.MATCH
    if _is_older(verdict, evidence):
        was_retracted = evidence.status is EntryStatus.DISPUTED or set(evidence.held_because) & set(TAKEN_BACK)
        if state is CaseState.OPEN or not is_match or verdict.held_because or was_retracted:
            return unchanged
    was_rejected = state is CaseState.HELD and HoldReason.REJECTED in evidence.held_because
    if is_match and not verdict.held_because and not was_rejected:
        return CaseDecision(CaseState.OPEN, evidence_of(verdict))
    retraction = retraction_of(evidence, verdict)
    if retraction is not None:
        return CaseDecision(CaseState.HELD, _evidence_after(retraction, verdict, evidence), retraction)
    if is_match and state is CaseState.HELD:
        return CaseDecision(state, evidence_of(verdict, _lasting(evidence, verdict)))
    return unchanged


def evidence_of(verdict: Verdict, also_held: Collection[HoldReason] = ()) -> CaseVerdict:
    """Return a match as the evidence of its case, with the fields of its leading listing."""
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
    """Return the way in which a verdict takes the evidence of a case back, None when it does not.

    A case rests on the listings that agree by an algorithm as strong as that of the leading one. The evidence is taken
    back only when all of them are.
    """
    if evidence.result is not VerdictResult.MATCH or verdict.result is VerdictResult.UNKNOWN or not evidence.listings:
        return None
    if verdict.result is VerdictResult.MATCH and not verdict.held_because:
        return None
    weakest = _rank(evidence.listings[0])
    ways = [_retraction(it, verdict) for it in evidence.listings if it.accuses and _rank(it) <= weakest]
    return ways[0] if ways and None not in ways else None


def news_in(verdict: Verdict | CaseVerdict, known: Collection[Listing]) -> str | None:
    """Return how a match is stronger or other evidence than listings that people knew, None when it is not.

    Other evidence: another list or entry, a stronger digest, another category, an entry that is no longer disputed.
    """
    if verdict.result is not VerdictResult.MATCH:
        return None
    for later in verdict.listings:
        if not later.accuses:
            continue
        name = f"entry {later.entry_id or 'without an id'} of {later.list or later.service or 'a list without a name'}"
        before = [it for it in known if it.accuses and _is_same_entry(later, it)]
        if not before:
            return f"{name} did not list the file when it was refused"
        if _rank(later) < min(map(_rank, before)):
            return f"{name} agrees by {later.algorithms[0].upper()}, which it did not when the file was refused"
        if all((it.category, it.scheme) != (later.category, later.scheme) for it in before):
            return f"{name} had another category when the file was refused"
        if later.status is EntryStatus.ACTIVE and all(it.status is EntryStatus.DISPUTED for it in before):
            return f"{name} was disputed when the file was refused, and is not any more"
    return None


def _retraction(listing: Listing, verdict: Verdict) -> Retraction | None:
    """Return the way in which a verdict takes one listing back: by the same entry, else by any entry of the service."""
    of_entry = [later for later in verdict.listings if _is_same_entry(later, listing)]
    listings = of_entry or [later for later in verdict.listings if later.service == listing.service]
    accusing = [later for later in listings if later.accuses]
    if accusing:
        are_disputed = all(later.status is EntryStatus.DISPUTED for later in accusing)
        return Retraction.DISPUTED if are_disputed and listing.status is EntryStatus.ACTIVE else None
    if any(later.status is EntryStatus.WITHDRAWN for later in listings):
        return Retraction.WITHDRAWN
    return Retraction.NO_LONGER_LISTED if _has_answered(listing.service, verdict) else None


def _has_answered(service: str | None, verdict: Verdict) -> bool:
    """Whether this service surely answered: in a verdict with a reason, one of the services did not."""
    return verdict.reason is None and verdict.source(service) is not None


def _is_same_entry(later: Listing, before: Listing) -> bool:
    """Whether two listings are one entry; another service counts, too, when list and entry have names."""
    is_named = None not in {before.list, before.entry_id}
    is_equal = (later.list, later.entry_id) == (before.list, before.entry_id)
    return is_equal and (is_named or later.service == before.service)


def _rank(listing: Listing) -> int:
    return ALGORITHMS.index(listing.algorithms[0])


def _is_older(verdict: Verdict, evidence: CaseVerdict) -> bool:
    if verdict.asked_at is None or evidence.asked_at is None:
        return False
    return verdict.asked_at < evidence.asked_at


def _evidence_after(retraction: Retraction, verdict: Verdict, before: CaseVerdict) -> CaseVerdict:
    lasting = {HoldReason.REJECTED} & set(before.held_because)
    reasons = [HoldReason(retraction.value), *lasting]
    source = verdict.source(before.service)
    if verdict.result is VerdictResult.MATCH:
        return evidence_of(verdict, reasons)
    return before.model_copy(
        update={
            "result": verdict.result,
            "strength": None,
            "held_because": tuple(reasons),
            "status": EntryStatus.WITHDRAWN if retraction is Retraction.WITHDRAWN else None,
            "list_version": source.list_version if source is not None else None,
            "built_to": source.built_to if source is not None else None,
            "asked_at": verdict.asked_at,
            "listings": verdict.listings,
        }
    )


def _lasting(evidence: CaseVerdict, verdict: Verdict) -> list[HoldReason]:
    """Return the reasons of a retraction that a doubtful match does not end."""
    is_disputed = any(listing.status is EntryStatus.DISPUTED for listing in verdict.listings)
    is_confirmed = not verdict.held_because
    lasting = {HoldReason.REJECTED, *([HoldReason.DISPUTED] if is_disputed else [])}
    lasting |= set() if is_confirmed else set(TAKEN_BACK)
    return [reason for reason in evidence.held_because if reason in lasting]
