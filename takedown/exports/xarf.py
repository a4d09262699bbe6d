"""XARF v4 reports of the type `content/csam`, one for a case: https://github.com/xarf/xarf-spec, version 4.2.0.

The library `xarf` 1.0 validates each report, and so do the checks here: it takes `hxxp://` for a URI and "yesterday"
for a time, evidence with a wrong digest, and pictures as evidence. It would give each report a new id, so the report is
made here and only parsed there. Importing it takes more than a second, so that is done when the first report is made.

The specification wants an id of version 4. The one here looks so, and is the same for the same case and opening event:
a receiver recognises a repeated report, and one after a return is new.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from orbweaver.model import format_time
from orbweaver.takedown.errors import ExportRefused
from orbweaver.takedown.exports import classification, grounds
from orbweaver.takedown.exports.checks import is_time, is_uri, media_in, one_line
from orbweaver.takedown.exports.export_record import ExportRecord
from orbweaver.takedown.exports.exportable import require_notifiable
from orbweaver.takedown.exports.reporter import is_domain, is_mailbox

VERSION: Final = "4.2.0"
_LONGEST_DESCRIPTION: Final = 1_000
_LONGEST_EVIDENCE: Final = 5 * 2**20
# The library's pattern: no upper case, no address, no name with two hyphens, such as xn-- names have.
_IS_DOMAIN_OF_XARF = re.compile(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}").fullmatch
_DIGEST_LENGTHS: Final = {"md5": 32, "sha1": 40, "sha256": 64}
_OF_NOTHING: Final = frozenset(hashlib.new(name, b"").hexdigest() for name in _DIGEST_LENGTHS)
_CLASSES: Final = frozenset({"baseline", "A1", "A2", "B1", "B2"})
_MEDIA: Final = frozenset({"image", "video", "audio", "text"})
# What our reports may have. `_internal` is never sent, and `confidence` is broken in the library: whole numbers alone.
_KEYS: Final = frozenset(
    {
        *(
            "xarf_version",
            "report_id",
            "timestamp",
            "reporter",
            "sender",
            "source_identifier",
            "category",
            "type",
            "url",
        ),
        *("domain", "classification", "detection_method", "media_type", "hash_values", "content_removed"),
        *("verification_method", "verified_at", "evidence_source", "evidence", "description"),
        *("hosting_provider", "asn", "country_code"),
    }
)


def report(record: ExportRecord) -> dict[str, Any]:
    """Return the report of a case as a JSON object, validated; raises ExportRefused with the reason."""
    require_notifiable(record)
    assert record.opening is not None
    assert record.reporter is not None
    case = record.case
    contact = {
        "org": record.reporter.organisation,
        "contact": record.reporter.contact,
        "domain": record.reporter.domain,
    }
    host = grounds.host_name(case)
    made: dict[str, Any] = {
        "xarf_version": VERSION,
        "report_id": str(report_id(case.case_id, record.opening.event_id)),
        "timestamp": format_time(record.opening.at),
        "reporter": contact,
        "sender": dict(contact),
        "source_identifier": grounds.address(case) or host,
        "category": "content",
        "type": "csam",
        "url": case.newest_url,
        "classification": classification.equivalent_of(record, classification.XARF, "XARF"),
        "detection_method": "hash_match",
        "hash_values": {name: getattr(case, name) for name in _DIGEST_LENGTHS},
        "content_removed": False,
        "verification_method": "automated_crawler",
        "verified_at": format_time(case.last_seen),
        "evidence_source": "automated_scan",
        "evidence": [_evidence(record)],
        "description": _description(record),
    }
    if _IS_DOMAIN_OF_XARF(host):
        made["domain"] = host
    if (media := (case.sniffed_type or "").partition("/")[0]) in _MEDIA:
        made["media_type"] = media
    if (hosting := case.hosting) is not None:
        # The country of a CDN's address is not that of the file.
        country = None if hosting.is_cdn else hosting.country
        facts = {"hosting_provider": hosting.provider and one_line(hosting.provider), "country_code": country}
        made |= {name: fact for name, fact in {**facts, "asn": hosting.asn}.items() if fact}
    require_valid(made)
    return made


def report_id(case_id: UUID, event_id: UUID) -> UUID:
    """Return the id of the report of a case that this event opened, in the form of version 4."""
    digest = hashlib.sha256(f"xarf\n{case_id}\n{event_id}".encode()).digest()
    return UUID(bytes=digest[:16], version=4)


def require_valid(made: Mapping[str, Any]) -> None:
    """Raise ExportRefused for a report that the library, or a check here, complains of."""
    if complaint := next(complaints(made), None):
        raise ExportRefused(f"not a valid XARF report: {complaint}")


def complaints(made: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a report: first by our checks, then by the library."""
    yield from own_complaints(made)
    yield from library_complaints(made)


def own_complaints(made: Mapping[str, Any]) -> Iterator[str]:
    """Yield what our checks find; the library takes all of it, some of it only where another package is missing."""
    for key in sorted(made.keys() - _KEYS):
        yield f"{key} is not sent"
    if not is_uri(made.get("url")):
        yield "url is not an http or https URI"
    for name in ("timestamp", "verified_at"):
        if not is_time(made.get(name)):
            yield f"{name} is not a time by RFC 3339"
    if not _is_version_4(made.get("report_id")):
        yield "report_id is not a UUID of version 4"
    if made.get("classification") not in _CLASSES:
        yield "classification is not one of XARF's"
    for name in ("reporter", "sender"):
        party = made.get(name)
        if not isinstance(party, Mapping) or not is_mailbox(str(party.get("contact"))):
            yield f"{name}.contact is not a mail address"
        elif not is_domain(str(party.get("domain"))):
            yield f"{name}.domain is not a domain name"
    yield from _complaints_of_digests(made.get("hash_values"))
    yield from media_in(made)
    evidence = made.get("evidence", [])
    for item in evidence if isinstance(evidence, list) else [None]:
        yield from _complaints_of_evidence(item)


def _is_version_4(text: object) -> bool:
    try:
        return UUID(str(text)).version == 4 and str(UUID(str(text))) == text
    except ValueError:
        return False


def _complaints_of_digests(digests: object) -> Iterator[str]:
    if not isinstance(digests, Mapping) or not digests:
        yield "hash_values has no digest"
        return
    for name, digest in digests.items():
        if not isinstance(digest, str) or not re.fullmatch(rf"[0-9a-f]{{{_DIGEST_LENGTHS.get(name, 0)}}}", digest):
            yield f"hash_values.{name} is not such a digest in lower-case hex"
        elif digest in _OF_NOTHING:
            yield f"hash_values.{name} is that of an empty file"


def _complaints_of_evidence(item: object) -> Iterator[str]:
    """Yield what is wrong with an item: its payload is text, and its size and digest are those of the payload."""
    if not isinstance(item, Mapping):
        yield "evidence is not a list of objects"
        return
    try:
        payload = base64.b64decode(str(item.get("payload")), validate=True)
    except binascii.Error:
        yield "the payload of evidence is not base64"
        return
    if len(payload) > _LONGEST_EVIDENCE:
        yield "the payload of evidence is longer than 5 MiB"
    try:
        is_text = payload.decode().replace("\n", " ").isprintable()
    except UnicodeDecodeError:
        is_text = False
    if not is_text:
        yield "the payload of evidence is not text: no media is sent, under no name"
    if item.get("size") != len(payload):
        yield "the size of evidence is not that of its payload"
    if item.get("hash") != f"sha256:{hashlib.sha256(payload).hexdigest()}":
        yield "the digest of evidence is not that of its payload"


def library_complaints(made: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the library finds."""
    import xarf

    result = xarf.parse(dict(made))
    # A report comes back together with errors, and None without any: both say that it is not valid.
    yield from (f"{error.field}: {error.message}" for error in result.errors)
    yield from (f"{warning.field}: {warning.message}" for warning in result.warnings)
    if result.report is None and not result.errors:
        yield "the library cannot read it, and does not say why"


def _evidence(record: ExportRecord) -> dict[str, Any]:
    """Return the one item of evidence: what the match rests on, as JSON."""
    case = record.case
    told = {
        "reference": str(case.case_id),
        **grounds.provenance(record),
        "first_seen": format_time(case.first_seen),
        "last_seen": format_time(case.last_seen),
        "http_status": case.http.status,
        "final_url": grounds.final_url(case),
        "redirects": grounds.redirects(case),
        "size": case.size,
        "inside_archive": case.http.archive_member is not None,
        "returns": record.returns,
        "other_places": record.elsewhere,
    }
    payload = json.dumps(told, sort_keys=True).encode()
    return {
        "content_type": "application/json",
        "description": "What the match rests on; no content of the file",
        "payload": base64.b64encode(payload).decode(),
        "hash": f"sha256:{hashlib.sha256(payload).hexdigest()}",
        "size": len(payload),
    }


def _description(record: ExportRecord) -> str:
    case = record.case
    assert record.reporter is not None
    text = (
        f"A file with a known digest was found at this URL by automated means ({grounds.match_in_words(record)}). "
        f"Nobody opened the file, and no part of it was kept. Our reference: {case.case_id}. "
        f"Corrections: {record.reporter.contact}."
    )
    return one_line(text)[:_LONGEST_DESCRIPTION]
