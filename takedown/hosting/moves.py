"""Decides whether a file has moved: a pure function of where a case was seen, and where it is seen now."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from orbweaver.model import Case, Hosting

# An address at which the file was seen this lately is one of several of its host, and no move.
REMEMBERED = timedelta(days=7)
MOST_REMEMBERED = 8


class MoveKind(StrEnum):
    """The part of the hosting that has changed: the first of these that has."""

    PROVIDER = "provider"
    COUNTRY = "country"
    CDN = "cdn"
    ADDRESS = "address"


def move_of(before: Case, ip: str | None, located: Hosting, at: datetime) -> MoveKind | None:
    """Return what of the hosting has changed, None when the file has not moved.

    A move changes who must act: another provider, another country, into or out of a CDN. A new address of the same
    provider in the same country is none, for the same people are told; where no provider is known, every new address
    is one. A host has several addresses at once, so an address where the file was seen in the last seven days is none.
    What was not known before, or is not known now, has not changed.
    """
    old = before.hosting
    if ip is None or before.ip is None or old is None:
        return None
    if ip != before.ip and _is_remembered(old, ip, at):
        return None
    if None not in {old.asn, located.asn} and old.asn != located.asn:
        return MoveKind.PROVIDER
    if old.is_cdn != located.is_cdn and ip != before.ip:
        return MoveKind.CDN
    is_origin = not old.is_cdn and not located.is_cdn
    if is_origin and None not in {old.country, located.country} and old.country != located.country:
        return MoveKind.COUNTRY
    is_same_provider = old.asn is not None and old.asn == located.asn
    is_same_cdn = old.is_cdn and old.provider == located.provider
    if ip != before.ip and not is_same_provider and not is_same_cdn:
        return MoveKind.ADDRESS
    return None


def hosting_after(before: Case, ip: str | None, located: Hosting, at: datetime) -> Hosting:
    """Return the hosting of a case that was seen at an address: what is known of it, and the other addresses of late.

    Without an address (behind a proxy) the case keeps what it had.
    """
    old = before.hosting
    if ip is None and old is not None:
        return old
    seen = dict(old.also_at) if old is not None else {}
    if before.ip is not None:
        seen[before.ip] = before.last_seen
    others = {other: moment for other, moment in seen.items() if other != ip and at - moment <= REMEMBERED}
    newest = sorted(others.items(), key=lambda item: (item[1], item[0]), reverse=True)[:MOST_REMEMBERED]
    return located.model_copy(update={"also_at": dict(newest)})


def facts_before(case: Case) -> dict[str, str]:
    """Return where a case was before a move, as facts of the evidence: those that were known."""
    old = case.hosting or Hosting()
    facts = {
        "ip_before": case.ip,
        "asn_before": None if old.asn is None else str(old.asn),
        "provider_before": old.provider,
        "country_before": old.country,
        "route_before": old.route,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _is_remembered(hosting: Hosting, ip: str, at: datetime) -> bool:
    seen_at = hosting.also_at.get(ip)
    return seen_at is not None and at - seen_at <= REMEMBERED
