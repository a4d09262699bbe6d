"""Signals for the triage of police, as in AviaTor: a digest, its lists, and how often and where it was seen.

AviaTor ranks reports by such facts (aviatorproject.com); it publishes no format, so this one is ours: a JSON object a
digest, URLs exact, in the order of first sightings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from orbweaver.model import Case, Hosting, Listing, Strength, format_time
from orbweaver.takedown.exports import grounds
from orbweaver.takedown.exports.checks import exact_url, require_no_media
from orbweaver.takedown.exports.export_record import ExportRecord
from orbweaver.takedown.exports.exportable import require_exportable

FORMAT: Final = "orbweaver-triage-signals/1"


def require_telling(record: ExportRecord) -> None:
    """Raise ExportRefused for a case that no signal is made of."""
    require_exportable(record)
    if record.case.referrer is not None:
        exact_url(record.case.referrer)


def document(records: Iterable[ExportRecord]) -> dict[str, Any]:
    """Return the signals of cases that `require_telling` lets pass, a digest at a time."""
    by_digest: dict[str, list[ExportRecord]] = {}
    for record in sorted(records, key=lambda one: (one.case.first_seen, one.case.newest_url)):
        by_digest.setdefault(record.case.sha256, []).append(record)
    made = {"format": FORMAT, "signals": [_signal(of_file) for of_file in by_digest.values()]}
    require_no_media(made)
    return made


def _signal(records: list[ExportRecord]) -> dict[str, Any]:
    cases = [record.case for record in records]
    case = cases[0]
    returns = Counter({one.host: 0 for one in cases})
    for record in records:
        returns[record.case.host] += record.returns
    return {
        "digests": {"sha256": case.sha256, "sha1": case.sha1, "md5": case.md5},
        "size": case.size,
        "media_type": case.sniffed_type,
        "listings": [_listing(one) for one in dict.fromkeys(one for case in cases for one in case.verdict.listings)],
        "strength": _strongest(cases).value,
        "assessed_by_a_person": any(record.released is not None for record in records),
        "times_observed": sum(record.sightings for record in records),
        "first_observed": format_time(min(one.first_seen for one in cases)),
        "last_observed": format_time(max(one.last_seen for one in cases)),
        "hosts": sorted(returns),
        "returns": sum(returns.values()),
        "returns_by_host": dict(sorted(returns.items())),
        "places": [_place(record) for record in records],
    }


def _strongest(cases: list[Case]) -> Strength:
    return Strength.STRONG if Strength.STRONG in map(grounds.strength, cases) else Strength.WEAK


def _listing(listing: Listing) -> dict[str, Any]:
    return listing.model_dump(
        mode="json",
        include={
            "list",
            "entry_id",
            "scheme",
            "category",
            "nature",
            "status",
            "algorithms",
            "list_version",
            "built_to",
        },
    )


def _hosting(hosting: Hosting) -> dict[str, Any]:
    return hosting.model_dump(mode="json", include={"country", "asn", "provider", "is_cdn"})


def _place(record: ExportRecord) -> dict[str, Any]:
    case: Case = record.case
    return {
        "case_id": str(case.case_id),
        "state": case.state.value,
        "url": case.newest_url,
        "redirects": grounds.redirects(case),
        "final_url": grounds.final_url(case),
        "host": case.host,
        "ip": grounds.address(case),
        "hosting": None if case.hosting is None else _hosting(case.hosting),
        "landing_page": case.referrer,
        "first_observed": format_time(case.first_seen),
        "last_observed": format_time(case.last_seen),
        "times_observed": record.sightings,
        "returns": record.returns,
        "report_ids": list(case.report_ids),
    }
