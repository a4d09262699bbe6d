"""Synthetic cases for the tests of exports: by hand, and generated. No address, digest or name of them is real."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from orbweaver.model import (
    ALGORITHMS,
    SCHEMA_VERSION,
    Case,
    CaseState,
    CaseVerdict,
    EntryStatus,
    Event,
    EventType,
    HoldReason,
    HttpFacts,
    Listing,
    Nature,
    Strength,
    VerdictResult,
    case_id_for,
    event_id_for,
)
from orbweaver.takedown.exports.export_record import ExportRecord, record_of
from orbweaver.takedown.exports.reporter import Reporter

SEEN_AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
SOURCE = UUID("0b8f1c6e-3d0a-4c53-9a7e-5f1d2b3c4a59")
REPORTER = Reporter("Example Hotline", "notice@hotline.example", "hotline.example")
URL = "https://files.example/a/b.jpg?id=7"


def a_listing(**fields: Any) -> Listing:
    return Listing(**{"list": "synthetic", "scheme": "ncmec", "category": "A1", "algorithms": ("sha256",), **fields})


def a_case(*listings: Listing, body: bytes = b"known", **fields: Any) -> Case:
    listings = listings or (a_listing(),)
    leading = listings[0]
    doubts = fields.pop("held_because", ())
    url = fields.pop("url", URL)
    sha256 = hashlib.sha256(body).hexdigest()
    given: dict[str, Any] = {
        "case_id": case_id_for(url, sha256),
        "state": CaseState.HELD if doubts else CaseState.OPEN,
        "url": url,
        "final_url": url,
        "host": url.split("/")[2],
        "ip": "192.0.2.10",
        "referrer": None,
        "report_ids": ("R-1",),
        "md5": hashlib.md5(body).hexdigest(),
        "sha1": hashlib.sha1(body).hexdigest(),
        "sha256": sha256,
        "size": len(body),
        "content_type": "image/jpeg",
        "sniffed_type": "image/jpeg",
        "verdict": CaseVerdict(
            result=fields.pop("result", VerdictResult.MATCH),
            algorithm=leading.algorithms[0],
            algorithms=leading.algorithms,
            strength=fields.pop("strength", Strength.STRONG),
            held_because=doubts,
            list=leading.list,
            entry_id=leading.entry_id,
            category=leading.category,
            scheme=leading.scheme,
            status=leading.status,
            list_version="d" * 64,
            listings=listings,
        ),
        "first_seen": SEEN_AT,
        "last_seen": SEEN_AT + timedelta(hours=5),
        "http": HttpFacts(status=200),
    }
    return Case(**{**given, **fields})


def an_event(case: Case, kind: EventType = EventType.OPENED, sequence: int = 1) -> Event:
    event = Event(
        schema_version=SCHEMA_VERSION,
        event_id=UUID(int=0),
        source=SOURCE,
        case_id=case.case_id,
        sequence=sequence,
        recorded_at=SEEN_AT,
        type=kind,
        at=SEEN_AT,
        case=case,
    )
    return event.model_copy(update={"event_id": event_id_for(event)})


def a_record(*listings: Listing, **fields: Any) -> ExportRecord:
    case = a_case(*listings, **fields)
    kind = EventType.HELD if case.state is CaseState.HELD else EventType.OPENED
    return record_of(case, [an_event(case, kind)], REPORTER)


# Texts of hosts and lists: what ends a header, begins a formula, turns the writing round, or looks like markup.
HOSTILE = (
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\t=1",
    "a\r\nBcc: x@evil.example",
    "{{ 7*7 }}",
    "gpj\u202e.exe",
    "a;=1",
    '"',
    "\u2028x",
)
texts = st.sampled_from(HOSTILE) | st.text(max_size=12)
_paths = st.text("abz09-._~!$&'()*+,;=:@/", max_size=30)
urls = st.builds(
    "{}://{}/{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["files.example", "xn--bcher-kva.example", "192.0.2.7:8080", "[2001:db8::1]", "a_b.example", "h"]),
    _paths,
)
CATEGORIES: tuple[tuple[str | None, str | None], ...] = (
    *(("ncmec", word) for word in ("A1", "A2", "B1", "B2", "C9", None)),
    *(("icse", word) for word in ("baseline", "not baseline")),
    *(("iccam", word) for word in ("baseline", "national", "ignore")),
    *(("iwf", word) for word in "ABC"),
    *(("vics-us", word) for word in "123"),
    *((("tcap", "islamist"), (None, None), (None, "baseline"), ("own", "1"))),
)


@st.composite
def records(draw: st.DrawFn) -> ExportRecord:
    """Any case that a store may have, most of them open; hostile texts wherever a host or a list writes."""
    listings = []
    for scheme, category in draw(st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=2)):
        algorithms = tuple(draw(st.sets(st.sampled_from(ALGORITHMS), min_size=1)))
        listings.append(
            Listing(
                list=draw(texts),
                entry_id=draw(texts),
                scheme=scheme,
                category=category,
                nature=draw(st.sampled_from([Nature.ABUSE] * 5 + [Nature.UNKNOWN])),
                status=draw(st.sampled_from([EntryStatus.ACTIVE] * 5 + [EntryStatus.DISPUTED])),
                algorithms=tuple(one for one in ALGORITHMS if one in algorithms),
            )
        )
    doubts = draw(st.sampled_from([()] * 4 + [(HoldReason.WEAK,), (HoldReason.WITHDRAWN,)]))
    return a_record(
        *listings,
        body=draw(st.binary(min_size=1, max_size=4)),
        url=draw(urls),
        held_because=doubts,
        strength=draw(st.sampled_from([Strength.STRONG] * 3 + [Strength.WEAK, None])),
        ip=draw(st.sampled_from(["192.0.2.10", "2001:db8::7", "::ffff:192.0.2.1", None])),
        referrer=draw(st.none() | urls),
        content_type=draw(texts),
        sniffed_type=draw(st.sampled_from(["image/png", "video/mp4", "application/zip", None])),
        report_ids=tuple(draw(st.lists(texts, max_size=2))),
        http=HttpFacts(status=200, archive_member=draw(st.none() | texts)),
    )
