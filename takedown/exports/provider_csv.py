"""The CSV for a provider: a line for each exact URL, with the digests to block on and what the match rests on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orbweaver.model import format_time
from orbweaver.takedown.exports import grounds
from orbweaver.takedown.exports.checks import exact_url
from orbweaver.takedown.exports.classification import categories_of
from orbweaver.takedown.exports.csv_cells import table, text_cell, url_cell
from orbweaver.takedown.exports.export_record import ExportRecord
from orbweaver.takedown.exports.exportable import require_notifiable

# The URL is first: there no spreadsheet can take a part of it for a formula.
COLUMNS: Final = (
    *("url", "reference", "host", "ip", "provider", "is_cdn", "final_url", "redirects", "landing_page"),
    "inside_archive",
    *("sha256", "sha1", "md5", "size", "matched_by", "strength", "list", "scheme", "category", "category_by"),
    *("first_seen", "last_seen", "returns", "other_places", "detection", "contact"),
)


def row(record: ExportRecord) -> dict[str, str]:
    """Return the line of a case; raises ExportRefused with the reason."""
    require_notifiable(record)
    assert record.reporter is not None
    case = record.case
    scheme, category = categories_of(record)[0]
    return {
        "url": case.newest_url,
        "reference": str(case.case_id),
        "host": text_cell(case.host),
        "ip": text_cell(grounds.address(case)),
        "provider": text_cell(grounds.provider(case)),
        "is_cdn": "" if case.hosting is None else ("yes" if case.hosting.is_cdn else "no"),
        "final_url": url_cell(exact_url(case.final_url)),
        "redirects": url_cell(" ".join(one["url"] for one in grounds.redirects(case))),
        "landing_page": url_cell(None if case.referrer is None else exact_url(case.referrer)),
        "inside_archive": text_cell(case.http.archive_member),
        "sha256": case.sha256,
        "sha1": case.sha1,
        "md5": case.md5,
        "size": str(case.size),
        "matched_by": grounds.agreed(case),
        "strength": grounds.strength(case).value,
        "list": text_cell(case.verdict.list),
        "scheme": text_cell(scheme),
        "category": text_cell(category),
        "category_by": "people" if record.is_classified_by_people else "list",
        "first_seen": format_time(case.first_seen),
        "last_seen": format_time(case.last_seen),
        "returns": str(record.returns),
        "other_places": str(record.elsewhere),
        "detection": "automated",
        "contact": text_cell(record.reporter.contact),
    }


def document(rows: Iterable[dict[str, str]]) -> str:
    """Return the CSV of these lines, in UTF-8 when written."""
    return table(COLUMNS, rows)
