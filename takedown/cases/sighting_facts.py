"""Takes from a sighting what a case and its event say of it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from orbweaver.model import Case, CaseState, Evidence, Hosting, Sighting, SightingEvidence
from orbweaver.takedown.cases.places import place_of
from orbweaver.takedown.hosting.moves import hosting_after
from orbweaver.takedown.removal.course import seen_in_a_visit

_GONE_STATES: Final = frozenset({CaseState.REMOVED, CaseState.CLOSED})


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
        newest = seen_there(sighting)
        if located is not None:
            newest["hosting"] = hosting_after(case, sighting.ip, located, sighting.seen_at)
    return {
        **newest,
        "first_seen": min(case.first_seen, first_seen(sighting)),
        "last_seen": max(case.last_seen, sighting.seen_at),
        "report_ids": tuple(sorted({*case.report_ids, *sighting.report_ids})),
        "received_at": min(filter(None, (case.received_at, sighting.received_at)), default=None),
        "removal": seen_in_a_visit(
            case.removal, sighting.seen_at, is_back=case.state in _GONE_STATES and is_since(sighting.seen_at, case)
        ),
    }


def first_seen(sighting: Sighting) -> datetime:
    """Return when the file was there first, as far as the sighting tells: its bytes may have come long before."""
    return min(sighting.http.hashed_at or sighting.seen_at, sighting.seen_at)


def seen_there(sighting: Sighting) -> dict[str, Any]:
    """Return the fields of a case that follow its newest sighting; an older one never replaces them."""
    names = ("final_url", "redirects", "host", "ip", "referrer", "content_type", "sniffed_type", "http")
    place = place_of(sighting.url)
    return {
        **{name: getattr(sighting, name) for name in names},
        "last_url": sighting.url,
        "place": place if place.left_out else None,
    }


def is_since(seen_at: datetime, case: Case) -> bool:
    """Whether a file was seen after its case was over: after the check that said so, which is written down later."""
    since = case.state_since
    if case.removal is not None and case.state in _GONE_STATES:
        is_removed = case.state is CaseState.REMOVED
        since = (case.removal.removed_at if is_removed else case.removal.checked_at) or since
    return since is None or seen_at > since
