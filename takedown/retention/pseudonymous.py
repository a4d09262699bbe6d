"""Makes a case and its events pseudonymous: pure functions.

Only what is named here stays. A field that a later release adds is left out until somebody decides about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from orbweaver.model import (
    Case,
    CaseVerdict,
    Correction,
    Event,
    Hosting,
    HttpFacts,
    Listing,
    Pseudonymised,
    Published,
    Removal,
    TlsFacts,
)
from orbweaver.takedown.retention.pseudonyms import HOST, PseudonymSource

NO_MD5: Final = "0" * 32
NO_SHA1: Final = "0" * 40
# What statistics and the history of a case need. No URL, host, address, report, digest, or words that may name them.
KEPT: Final[dict[type[Published], frozenset[str]]] = {
    Case: frozenset({"case_id", "state", "state_since", "received_at", "sniffed_type", "first_seen", "last_seen"}),
    CaseVerdict: frozenset(CaseVerdict.model_fields) - {"entry_id", "listings"},
    Listing: frozenset(Listing.model_fields) - {"entry_id", "size"},
    HttpFacts: frozenset({"status", "framing", "embedded", "is_refused_by_robots", "hashed_at"}),
    TlsFacts: frozenset({"is_verified"}),
    Removal: frozenset(Removal.model_fields) - {"reason", "confirmed_by"},
    Hosting: frozenset({"country", "asn", "provider", "is_cdn", "route", "sources"}),
    Event: frozenset(
        {"schema_version", "event_id", "source", "case_id", "sequence", "recorded_at", "type", "at", "actor"}
    ),
}


def pseudonymised_case(case: Case, names: PseudonymSource, mark: Pseudonymised) -> Case:
    """Return what is left of a case; `mark` says since when and why. One that is pseudonymised keeps its names."""
    if case.pseudonymised is not None:
        names = _SameNames()
    host = names.host(case.host)
    return Case(
        **_kept(case, Case),
        url=f"http://{host}/",
        final_url=f"http://{host}/",
        host=host,
        ip=None,
        referrer=None,
        report_ids=(),
        md5=NO_MD5,
        sha1=NO_SHA1,
        sha256=names.sha256(case.sha256),
        size=0,
        content_type=None,
        verdict=_verdict(case.verdict),
        http=_http(case.http),
        removal=None if case.removal is None else Removal(**_kept(case.removal, Removal), reason=""),
        hosting=None if case.hosting is None else Hosting(**_kept(case.hosting, Hosting)),
        pseudonymised=mark,
    )


def pseudonymised_event(event: Event, names: PseudonymSource, mark: Pseudonymised) -> Event:
    """Return what is left of an event: its kind, times, number and actor, and what is left of its case."""
    correction = None
    if event.correction is not None:
        before = _verdict(event.correction.before)
        correction = Correction(retraction=event.correction.retraction, before=before)
    return Event(**_kept(event, Event), case=pseudonymised_case(event.case, names, mark), correction=correction)


def is_pseudonymised(event: Event) -> bool:
    """Whether an event is exactly what retention leaves of one: it can say nothing else."""
    case = event.case
    if case.pseudonymised is None or HOST.fullmatch(case.host) is None:
        return False
    return pseudonymised_event(event, _SameNames(), case.pseudonymised) == event


@dataclass(frozen=True)
class _SameNames:
    """Names that are pseudonyms already."""

    def host(self, host: str) -> str:
        return host

    def sha256(self, sha256: str) -> str:
        return sha256


def _verdict(verdict: CaseVerdict) -> CaseVerdict:
    listings = tuple(Listing(**_kept(one, Listing)) for one in verdict.listings)
    return CaseVerdict(**_kept(verdict, CaseVerdict), entry_id=None, listings=listings)


def _http(http: HttpFacts) -> HttpFacts:
    return HttpFacts(**_kept(http, HttpFacts), tls=None if http.tls is None else TlsFacts(**_kept(http.tls, TlsFacts)))


def _kept(whole: Published, kind: type[Published]) -> dict[str, Any]:
    return {name: getattr(whole, name) for name in sorted(KEPT[kind])}
