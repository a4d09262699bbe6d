"""A list of digests as CSV with the columns of VICS (Project VIC), for the tools of police and other hotlines.

`Category` is the list's own word and `Scheme` says of which scheme: nothing is translated. A number of another scheme
than VICS is refused, because a reader that ignores `Scheme` would take it for a category of VICS. `orbweaver hashlist
build` reads the file back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orbweaver.model import format_time
from orbweaver.takedown.errors import ExportRefused
from orbweaver.takedown.exports.classification import categories_of
from orbweaver.takedown.exports.csv_cells import table, text_cell
from orbweaver.takedown.exports.export_record import ExportRecord
from orbweaver.takedown.exports.exportable import require_exportable

COLUMNS: Final = (
    *("MediaID", "Category", "Scheme", "MD5", "SHA1", "SHA256", "Size", "MimeType", "DateUpdated"),
    *("IsPrecategorized", "PrecategorizationSource"),
)


def row(record: ExportRecord) -> dict[str, str]:
    """Return the line of a case's digests; raises ExportRefused with the reason."""
    require_exportable(record)
    case = record.case
    given = [(scheme, category) for scheme, category in categories_of(record) if category is not None]
    if not given:
        raise ExportRefused("no list gives a category, and a list of digests needs one: none is assumed")
    if len(given) > 1:
        named = " and ".join(f"{category!r} ({scheme or 'no scheme'})" for scheme, category in given)
        raise ExportRefused(f"the lists disagree: {named}")
    scheme, category = given[0]
    name = (scheme or "").lower()
    if not name:
        raise ExportRefused(f"category {category!r} is of no scheme, so nobody could tell what it means")
    if category.strip().isdigit() and name != "vics" and not name.startswith("vics-"):
        raise ExportRefused(f"category {category!r} of the scheme {scheme!r} would be read as a category of VICS")
    return {
        "MediaID": str(int(case.sha256[:13], 16)),
        "Category": text_cell(category),
        "Scheme": text_cell(scheme),
        "MD5": case.md5.upper(),
        "SHA1": case.sha1.upper(),
        "SHA256": case.sha256.upper(),
        "Size": str(case.size),
        "MimeType": text_cell(case.sniffed_type),
        "DateUpdated": format_time(case.last_seen),
        "IsPrecategorized": "true",
        "PrecategorizationSource": "assessment" if record.is_classified_by_people else text_cell(case.verdict.list),
    }


def document(rows: Iterable[dict[str, str]]) -> str:
    """Return the CSV: a file that was found at several places has one line, the last one given."""
    return table(COLUMNS, {one["SHA256"]: one for one in rows}.values())
