"""Turns the listings of one digest set into a verdict: the only rule for that, for one service and for several.

A match needs a listing that is neither benign nor withdrawn. It is strong when SHA-256 agrees, or when two of SHA-1,
MD5 and the size do: files with the same MD5, or with the same SHA-1, can be made on purpose. An entry whose size is
not the file's proves nothing. A match is held when it is weak, when the list's size is not the file's, when the
category is outside its table, when the entry is disputed, and when the digests are on a benign list too.

When some of the questions had no answer, a match of the others still counts, and its reason says which answers are
missing. So an entry that nothing confirms is held as weak, and is not lost while the rest stays unanswered. Without a
match the verdict is unknown, because the missing answer may be a match.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from orbweaver.model import (
    ALGORITHMS,
    DigestSet,
    EntryStatus,
    HoldReason,
    Listing,
    Nature,
    Source,
    Strength,
    Verdict,
    VerdictResult,
)

__all__ = ["MOST_LISTINGS", "abridge", "judge", "merge", "unknown"]

# More than the kinds of listings that the rule tells apart: 3 natures, 3 statuses, 7 sets of algorithms, 3 sizes.
MOST_LISTINGS = 200


def judge(
    digests: DigestSet,
    listings: Sequence[Listing],
    *,
    service: str,
    asked_at: datetime,
    list_version: str | None = None,
    built_to: datetime | None = None,
    unanswered: Sequence[str] = (),
) -> Verdict:
    """Return the verdict of a service that answered about these digests with these listings.

    `unanswered` has the reasons why some questions about these digests had no answer; empty when all had one.
    """
    source = Source(service=service, asked_at=asked_at, list_version=list_version, built_to=built_to)
    return _judge(digests, listings, (source,), list(dict.fromkeys(unanswered)))


def _judge(
    digests: DigestSet, listings: Sequence[Listing], sources: tuple[Source, ...], unanswered: Sequence[str]
) -> Verdict:
    reason = "; ".join(unanswered) if unanswered else None
    accusing = [listing for listing in listings if listing.accuses]
    rest = [listing for listing in listings if not listing.accuses]
    if not accusing and unanswered:
        return Verdict(result=VerdictResult.UNKNOWN, sources=sources, reason=reason)
    if not accusing:
        return Verdict(result=VerdictResult.NO_MATCH, listings=tuple(rest), sources=sources)
    is_confirmed = _is_confirmed(digests, accusing)
    accusing.sort(key=lambda it: (len(_doubts(digests, it, is_confirmed)), ALGORITHMS.index(it.algorithms[0])))
    doubts = _doubts(digests, accusing[0], is_confirmed)
    if any(it.nature is Nature.BENIGN and it.status is not EntryStatus.WITHDRAWN for it in rest):
        doubts.append(HoldReason.BENIGN_TOO)
    return Verdict(
        result=VerdictResult.MATCH,
        strength=Strength.STRONG if is_confirmed or any(map(_has_sha256, accusing)) else Strength.WEAK,
        held_because=tuple(doubts),
        listings=(*accusing, *rest),
        sources=sources,
        reason=reason,
    )


def merge(digests: DigestSet, verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict of several services together: any match wins; without one, any unknown makes it unknown.

    Raises ValueError when there is no verdict.
    """
    if not verdicts:
        raise ValueError("no verdict to merge")
    if len(verdicts) == 1:
        return verdicts[0]
    listings = [listing for verdict in verdicts for listing in verdict.listings]
    sources = tuple(source for verdict in verdicts for source in verdict.sources)
    unanswered = [
        verdict.reason or "no reason given"
        for verdict in verdicts
        if verdict.reason is not None or verdict.result is VerdictResult.UNKNOWN
    ]
    return _judge(digests, listings, sources, unanswered)


def abridge(listings: Sequence[Listing], size: int | None) -> list[Listing]:
    """Return at most MOST_LISTINGS listings of a file of this size (bytes), in order; they give the same verdict.

    The first of each kind that the rule tells apart is among them, so the leading one is, too.
    """
    if len(listings) <= MOST_LISTINGS:
        return list(listings)
    kinds: dict[object, int] = {}
    for place, listing in enumerate(listings):
        kind = listing.nature, listing.status, listing.algorithms, listing.size is None, listing.size == size
        kinds.setdefault(kind, place)
    chosen = set(kinds.values())
    others = (place for place in range(len(listings)) if place not in chosen)
    chosen.update(islice(others, MOST_LISTINGS - len(chosen)))
    return [listings[place] for place in sorted(chosen)]


def unknown(reason: str, *, service: str | None = None, asked_at: datetime | None = None) -> Verdict:
    """Return the verdict of a service that could not be asked, or gave no usable answer."""
    sources = () if service is None else (Source(service=service, asked_at=asked_at),)
    return Verdict(result=VerdictResult.UNKNOWN, reason=reason, sources=sources)


def _has_sha256(listing: Listing) -> bool:
    """Whether this very file is listed: no other has its SHA-256, so another size is a mistake of the list."""
    return "sha256" in listing.algorithms


def _is_confirmed(digests: DigestSet, accusing: Sequence[Listing]) -> bool:
    agreeing: set[str] = set()
    for listing in accusing:
        if listing.size in {None, digests.size}:
            agreeing.update(listing.algorithms)
        if listing.size == digests.size:
            agreeing.add("size")
    return "sha256" in agreeing or len(agreeing) > 1


def _doubts(digests: DigestSet, listing: Listing, is_confirmed: bool) -> list[HoldReason]:
    doubts = []
    if listing.size not in {None, digests.size}:
        doubts.append(HoldReason.SIZE_DIFFERS)
    if not is_confirmed and not _has_sha256(listing):
        doubts.append(HoldReason.WEAK)
    if listing.nature is Nature.UNKNOWN:
        doubts.append(HoldReason.UNKNOWN_CATEGORY)
    if listing.status is EntryStatus.DISPUTED:
        doubts.append(HoldReason.DISPUTED)
    return doubts
