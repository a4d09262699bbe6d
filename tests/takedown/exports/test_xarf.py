"""XARF reports: valid by the library and by stricter checks, the same for the same case and event, or refused."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from typing import Any
from uuid import UUID

import pytest
from export_cases import HOSTILE, REPORTER, a_case, a_listing, a_record, an_event, records
from hypothesis import given, settings
from orbweaver.model import CaseState, EntryStatus, EventType, HoldReason, Nature, Strength
from orbweaver.takedown.errors import ExportRefused
from orbweaver.takedown.exports import xarf
from orbweaver.takedown.exports.export_record import ExportRecord, record_of

REFUSED = {
    "held": a_record(held_because=(HoldReason.DISPUTED,)),
    "weak": a_record(strength=Strength.WEAK),
    "withdrawn": a_record(result="no_match"),
    "gives a category": a_record(a_listing(category=None)),
    "'national'": a_record(a_listing(scheme="iccam", category="national")),
    "'not baseline'": a_record(a_listing(scheme="icse", category="not baseline")),
    "'C' of the scheme 'iwf'": a_record(a_listing(scheme="iwf", category="C")),
    "'A' of the scheme 'iwf'": a_record(a_listing(scheme="iwf", category="A")),
    "'2' of the scheme 'vics-us'": a_record(a_listing(scheme="vics-us", category="2")),
    "'3' of the scheme 'vics'": a_record(a_listing(scheme="vics", category="3")),
    "'baseline' of no scheme": a_record(a_listing(scheme=None, category="baseline")),
    "'a1' of the scheme": a_record(a_listing(category="a1")),
    "disagree": a_record(a_listing(), a_listing(category="B2")),
    "'C9'": a_record(a_listing(), a_listing(category="C9")),
    "an entry is disputed": a_record(a_listing(), a_listing(status=EntryStatus.DISPUTED)),
    "its category is unknown": a_record(a_listing(nature=Nature.UNKNOWN)),
    "not of child": a_record(a_listing(scheme="TCAP", category="islamist")),
    "RFC 3986": a_record(url="https://files.example/\u202egpj.exe"),
    "no event": ExportRecord(a_case(), reporter=REPORTER),
    "empty": a_record(size=0),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_case_that_is_not_exported_is_refused_with_its_reason(reason: str) -> None:
    with pytest.raises(ExportRefused, match=reason):
        xarf.report(REFUSED[reason])


@pytest.mark.parametrize(
    ("scheme", "category", "expected"),
    [*(("ncmec", word, word) for word in ("A1", "A2", "B1", "B2")), ("icse", "baseline", "baseline")],
)
def test_a_category_is_exported_as_the_same_word_alone(scheme: str, category: str, expected: str) -> None:
    assert xarf.report(a_record(a_listing(scheme=scheme, category=category)))["classification"] == expected


def test_a_report_says_what_was_found_and_that_a_machine_did_it() -> None:
    record = a_record()
    report = xarf.report(record)
    case = record.case
    assert report["url"] == case.url
    assert report["hash_values"] == {"md5": case.md5, "sha1": case.sha1, "sha256": case.sha256}
    assert (report["source_identifier"], report["domain"]) == ("192.0.2.10", "files.example")
    assert (report["timestamp"], report["verified_at"]) == ("2026-03-01T12:00:00.250Z", "2026-03-01T17:00:00.250Z")
    assert (report["media_type"], report["content_removed"]) == ("image", False)
    assert "automated" in report["description"]
    assert REPORTER.contact in report["description"]
    told = json.loads(base64.b64decode(report["evidence"][0]["payload"]))
    assert (told["reference"], told["strength"], told["list"]) == (str(case.case_id), "strong", "synthetic")


def test_the_same_case_and_event_always_have_the_same_report_id() -> None:
    case = a_case()
    events = [an_event(case)]
    first = xarf.report(record_of(case, events, REPORTER))["report_id"]
    later = case.model_copy(update={"last_seen": case.last_seen.replace(day=9)})
    assert xarf.report(record_of(later, events, REPORTER))["report_id"] == first
    assert str(xarf.report_id(UUID(int=1), UUID(int=2))) == "8821383f-d11c-4e03-8758-2c2c53c1d41c"  # for ever
    reopened = [*events, an_event(later, EventType.OPENED, 3)]
    assert xarf.report(record_of(later, reopened, REPORTER))["report_id"] != first


@pytest.mark.parametrize(
    "change",
    [
        {"state": CaseState.OPEN, "url": "http://[2001:db8::1]/a"},
        {"url": "http://xn--bcher-kva.example/a"},
        {"url": "http://192.0.2.7:8080/a", "ip": None},
        {"url": "http://h/a", "ip": None},
        {"ip": "::ffff:192.0.2.1", "sniffed_type": "application/zip"},
    ],
)
def test_a_host_that_the_library_would_refuse_as_a_domain_is_told_otherwise(change: dict[str, Any]) -> None:
    report = xarf.report(a_record(**change))
    assert "domain" not in report or report["domain"] == "files.example"
    assert report["source_identifier"] in {"192.0.2.10", "192.0.2.7", "h", "192.0.2.1"}


def _with_evidence(report: dict[str, Any], body: bytes, **fields: Any) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    item = {"payload": base64.b64encode(body).decode(), "hash": digest, "size": len(body)}
    return {**report, "evidence": [{"content_type": "text/plain", **item, **fields}]}


# What the library (1.0.0) takes, or returns as None without an error. Whether it knows times depends on what else is
# installed.
TRAPS = {
    "hxxp": lambda report: {**report, "url": "hxxp://files[.]example/a.jpg"},
    "url with a control character": lambda report: {**report, "url": "http://files.example/a\r\nb"},
    "yesterday": lambda report: {**report, "timestamp": "yesterday"},
    "a day that is none": lambda report: {**report, "verified_at": "2026-02-30T00:00:00Z"},
    "a time without a zone": lambda report: {**report, "timestamp": "2026-02-01T00:00:00"},
    "picture": lambda report: _with_evidence(report, b"\xff\xd8\xff", content_type="image/jpeg"),
    "picture by another name": lambda report: _with_evidence(report, b"\xff\xd8\xff"),
    "archive": lambda report: _with_evidence(report, b"PK\x03\x04", content_type="application/zip"),
    "film with capitals": lambda report: _with_evidence(report, b"abc", content_type="Video/MP4"),
    "data URI": lambda report: {**report, "description": "data:image/png;base64,AAAA"},
    "wrong digest of evidence": lambda report: _with_evidence(report, b"abc", hash="sha256:" + "0" * 64),
    "wrong size of evidence": lambda report: _with_evidence(report, b"abc", size=4),
    "no base64": lambda report: _with_evidence(report, b"abc", payload="%%%"),
    "_internal": lambda report: {**report, "_internal": {"analyst": "a"}},
    "unknown field": lambda report: {**report, "invented": 1},
    "digest of the empty file": lambda report: {**report, "hash_values": {"sha256": hashlib.sha256(b"").hexdigest()}},
    "null digest": lambda report: {**report, "hash_values": {"md5": None}},
    "confidence": lambda report: {**report, "confidence": 0.95},
    "another version of id": lambda report: {**report, "report_id": "7d6a3b62-5d3c-5a0e-9d0b-0c2f6f6f7a11"},
    "contact": lambda report: {**report, "reporter": {**report["reporter"], "contact": "a@b\r\nBcc: c@d"}},
    "domain of the reporter": lambda report: {**report, "sender": {**report["sender"], "domain": "not a domain"}},
    "screenshot": lambda report: {**report, "screenshot_url": "https://files.example/s.png"},
}


@pytest.mark.parametrize("trap", TRAPS)
def test_what_the_library_lets_pass_is_refused(trap: str) -> None:
    report = xarf.report(a_record())
    assert list(xarf.complaints(report)) == []
    changed = TRAPS[trap](copy.deepcopy(report))
    assert list(xarf.own_complaints(changed))
    with pytest.raises(ExportRefused):
        xarf.require_valid(changed)


def test_a_report_that_the_library_cannot_read_and_does_not_say_why_is_refused() -> None:
    report = xarf.report(a_record())
    assert list(xarf.library_complaints(report)) == []
    assert list(xarf.library_complaints({**report, "confidence": 0.95}))  # it is modelled as a whole number
    assert list(xarf.library_complaints({**report, "classification": "national"}))  # a report comes with errors


@given(records())
@settings(max_examples=60)
def test_every_case_is_exported_validly_or_refused_with_a_reason(record: ExportRecord) -> None:
    report, refused = None, ""
    try:
        report = xarf.report(record)
    except ExportRefused as error:
        refused = str(error)
    if report is None:
        assert refused.isprintable()
        assert refused
        return
    assert record.case.state is CaseState.OPEN
    assert list(xarf.complaints(json.loads(json.dumps(report)))) == []
    assert {one.category for one in record.case.verdict.listings} - {None} <= {report["classification"]}
    assert not any(one in json.dumps(report) for one in HOSTILE if len(one) > 6)
