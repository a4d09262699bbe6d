"""Writes assessments as a hash list for others: a CSV that `orbweaver hashlist build` reads, and VICS 2.0 JSON.

A released file has the classification that people gave it, or none. A rejected one is category 0 of VICS,
"non-pertinent", which never alerts and holds what another list says. A classification is never translated: where the
format has no place for it, the file has no category there, and whoever reads the list holds its matches.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Final

from orbweaver.model import Assessment, AssessmentDecision

COLUMNS: Final = ("sha256", "sha1", "md5", "size", "category", "scheme", "entry_id", "list", "status")
NON_PERTINENT: Final = ("0", "vics")
# docs/matching-services.md; the region is that of the categories.
VICS_CONTEXT: Final = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/{region}/$metadata#Media"


def csv_lines(assessments: Iterable[Assessment], list_name: str) -> Iterator[str]:
    """Yield the lines of the CSV, header first; the SHA-256, SHA-1 and MD5 are in lower-case hex."""
    yield _line(COLUMNS)
    for one in assessments:
        category, scheme = _labels(one)
        digests = one.digests
        entry = (category, scheme, str(one.assessment_id), list_name, "active")
        yield _line((digests.sha256, digests.sha1, digests.md5, str(digests.size), *entry))


def vics_lines(assessments: Iterable[Assessment], region: str) -> Iterator[str]:
    """Yield VICS 2.0 JSON as lines, a record each. VICS has no SHA-256.

    A released file has its category only where that is of this region's scheme; else it is not categorised.
    """
    yield "{" + f'"@odata.context": {json.dumps(VICS_CONTEXT.format(region=region))}, "value": [\n'
    before = ""
    for one in assessments:
        category = vics_category(one, region)
        record: dict[str, object] = {"MediaID": one.assessment_id.int >> 65}  # 63 bits of it, as VICS's numbers have
        if category is not None:
            record["Category"] = category
        record |= {
            "MD5": one.digests.md5.upper(),
            "SHA1": one.digests.sha1.upper(),
            "MediaSize": one.digests.size,
        }
        yield before + json.dumps(record)
        before = ",\n"
    yield "\n]}\n"


def vics_category(assessment: Assessment, region: str) -> int | None:
    """Return the category of a file in a region's VICS, None where people gave it none that has a place there."""
    if assessment.decision is AssessmentDecision.REJECTED:
        return 0
    given = assessment.classification
    if given is None or given.scheme.lower() != f"vics-{region.lower()}":
        return None
    # 0 is what never alerts: a released file is none of these.
    return int(given.category) if given.category in {"1", "2", "3", "4", "5"} else None


def _labels(assessment: Assessment) -> tuple[str, str]:
    if assessment.decision is AssessmentDecision.REJECTED:
        return NON_PERTINENT
    given = assessment.classification
    return ("", "") if given is None else (given.category, given.scheme)


def _line(fields: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(fields)
    return written.getvalue()
