"""What is left of a case and its events says nothing of where the file was, which it was, or who reported it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from builders import NOON, STAMP, a_match, a_sighting
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.model import (
    Actor,
    ActorKind,
    AppliedAssessment,
    AssessmentDecision,
    Case,
    CaseState,
    CaseVerdict,
    Correction,
    Event,
    EventType,
    Evidence,
    Hosting,
    HttpFacts,
    LeftOut,
    Listing,
    Place,
    Presence,
    Pseudonymised,
    Published,
    Redirect,
    Removal,
    Retraction,
    SightingEvidence,
    TlsFacts,
)
from orbweaver.takedown.cases.changes import CaseRecord
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.retention.limits import ended_at, is_due, year_of
from orbweaver.takedown.retention.pseudonymous import (
    KEPT,
    is_pseudonymised,
    pseudonymised_case,
    pseudonymised_event,
)
from orbweaver.takedown.retention.pseudonyms import KeyedPseudonyms

NAMES = KeyedPseudonyms(bytes(range(32)))
MARK = Pseudonymised(at=NOON, reason="closed")
PERSON = Actor(kind=ActorKind.PERSON, name="anna")
YEAR = timedelta(days=365)
# What every field of each noun is, so that a field which is added is decided about.
TAKEN: dict[type[Published], frozenset[str]] = {
    Case: frozenset(
        {
            "url",
            "last_url",
            "place",
            "final_url",
            "redirects",
            "host",
            "ip",
            "referrer",
            "report_ids",
            "md5",
            "sha1",
            "sha256",
        }
        | {"size", "content_type", "assessment", "verdict", "http", "removal", "hosting", "pseudonymised"}
    ),
    CaseVerdict: frozenset({"entry_id", "listings"}),
    Listing: frozenset({"entry_id", "size"}),
    HttpFacts: frozenset({"headers", "bytes_received", "archive_member", "tls", "spelling"}),
    TlsFacts: frozenset({"reason", "certificate_sha256"}),
    Removal: frozenset({"reason", "confirmed_by"}),
    Hosting: frozenset({"also_at"}),
    Event: frozenset({"reason", "evidence", "case", "correction"}),
}
SECRETS = st.lists(st.from_regex(r"[0-9a-f]{40}", fullmatch=True), min_size=12, max_size=12, unique=True)


def a_full_event(secrets: list[str], kind: EventType = EventType.CORRECTED) -> tuple[Event, list[str]]:
    """Return an event in which everything that has to go is one of the secrets, and the words that may not stay."""
    host, path, other_host, report, word, tag, report_2, entry, name, member, md5, sha = secrets
    sha256, md5 = sha + "0" * 24, md5[:32]
    url, other = f"https://{host}.test:8443/{path}", f"http://{other_host}.test/{word}"
    listing = Listing(service="s", list="l", entry_id=entry, category="c", algorithms=("sha256",), size=471147114711)
    verdict = CaseVerdict(
        result="match",
        algorithm="sha256",
        list="l",
        entry_id=entry,
        category="c",
        scheme="x",
        list_version="1",
        listings=(listing,),
    )
    http = HttpFacts(
        status=200,
        headers={"etag": tag, "content-disposition": name},
        bytes_received=471147114711,
        archive_member=member,
        spelling=f"/{path}",
        tls=TlsFacts(is_verified=False, reason=f"not {host}", certificate_sha256=sha256),
    )
    assessed = AppliedAssessment(
        assessment_id=UUID(md5), revision=1, decision=AssessmentDecision.RELEASED, decided_at=NOON
    )
    case = Case(
        case_id=UUID(int=1),
        state=CaseState.CLOSED,
        received_at=NOON,
        assessment=assessed,
        url=url,
        last_url=other,
        place=Place(url=url, left_out={word: LeftOut.TOKEN}),
        final_url=other,
        redirects=(Redirect(url=url, status=302),),
        host=f"{host}.test:8443",
        ip="203.0.113.77",
        referrer=other,
        report_ids=(report, report_2),
        md5=md5,
        sha1=sha,
        sha256=sha256,
        size=471147114711,
        content_type=name,
        sniffed_type="image/png",
        verdict=verdict,
        first_seen=NOON,
        last_seen=NOON,
        http=http,
        removal=Removal(presence=Presence.GONE, rule="gone.http-404", reason=url, since=NOON, checked_at=NOON),
        hosting=Hosting(country="SE", asn=64496, provider="P", also_at={"203.0.113.77": NOON}),
    )
    seen = SightingEvidence(
        seen_at=NOON,
        url=url,
        final_url=other,
        redirects=(Redirect(url=url, status=302),),
        ip="203.0.113.77",
        http=http,
        md5=md5,
        sha1=sha,
        sha256=sha256,
        size=471147114711,
    )
    event = Event(
        event_id=UUID(int=2),
        case_id=case.case_id,
        sequence=1,
        recorded_at=NOON,
        type=kind,
        at=NOON,
        actor=PERSON,
        reason=f"see {url}",
        evidence=Evidence(sighting=seen, assessment=assessed, facts={word: path}),
        case=case,
        correction=Correction(retraction=Retraction.WITHDRAWN, before=verdict),
    )
    return event, [*secrets[:-2], md5, sha, str(UUID(md5)), "203.0.113.77", "471147114711"]


def words_in(value: Any) -> str:
    """Every key and value in JSON, however deep, as one text."""
    if isinstance(value, dict):
        return "\n".join(f"{key}\n{words_in(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return "\n".join(map(words_in, value))
    return str(value)


@given(SECRETS, st.binary(min_size=32, max_size=32))
@settings(max_examples=20)
def test_nothing_that_names_file_place_or_report_is_left(secrets: list[str], key: bytes) -> None:
    event, forbidden = a_full_event(secrets)
    for whole in (event, event.case):
        said = words_in(json.loads(whole.model_dump_json()))
        assert all(one in said for one in forbidden if whole is event), "the test puts each of them somewhere"
    after = pseudonymised_event(event, KeyedPseudonyms(key), MARK)
    for left in (after, pseudonymised_case(event.case, KeyedPseudonyms(key), MARK)):
        said = words_in(json.loads(left.model_dump_json()))
        assert [one for one in forbidden if one in said] == []
    assert Event.model_validate_json(after.model_dump_json()) == after
    assert is_pseudonymised(after)
    assert not is_pseudonymised(event)


@pytest.mark.parametrize("kind", KEPT, ids=lambda kind: kind.__name__)
def test_every_field_is_either_kept_or_taken_away(kind: type[Published]) -> None:
    assert KEPT[kind] | TAKEN[kind] == set(kind.model_fields)
    assert not KEPT[kind] & TAKEN[kind]


def test_equal_hosts_and_files_have_equal_pseudonyms_under_one_key() -> None:
    one, other = (
        pseudonymised_case(change_by_match(a_sighting(url=url), a_match(), None, STAMP).after.case, NAMES, MARK)
        for url in ("http://h.test/1", "http://h.test/2")
    )
    assert (one.host, one.sha256) == (other.host, other.sha256)
    assert one.case_id != other.case_id
    assert KeyedPseudonyms(bytes(32)).host("h.test") != NAMES.host("h.test") == one.host
    again = pseudonymised_case(one, KeyedPseudonyms(bytes(32)), MARK)
    assert again == one, "a pseudonym stays what it is"
    assert repr(NAMES.key) not in repr(NAMES)


@pytest.mark.parametrize(
    "change",
    [
        {"host": "h.test", "url": "http://h.test/", "final_url": "http://h.test/"},
        {"url": "http://h.test/a.bin"},
        {"size": 1},
        {"md5": "1" * 32},
        {"ip": "192.0.2.1"},
        {"report_ids": ("R-1",)},
        {"pseudonymised": None},
    ],
)
def test_an_event_that_says_anything_else_is_not_one_that_retention_left(change: dict[str, Any]) -> None:
    event, _ = a_full_event([f"{number:040x}" for number in range(12)])
    after = pseudonymised_event(event, NAMES, MARK)
    assert is_pseudonymised(after)
    assert not is_pseudonymised(after.model_copy(update={"case": after.case.model_copy(update=change)}))
    assert not is_pseudonymised(after.model_copy(update={"reason": "see elsewhere"}))


def a_record(state: CaseState, **fields: Any) -> CaseRecord:
    case = change_by_match(a_sighting(), a_match(), None, STAMP).after.case
    return CaseRecord(case.model_copy(update={"state": state, **fields}), 3, True, NOON)


@pytest.mark.parametrize("state", CaseState)
def test_only_cases_that_are_over_are_due(state: CaseState) -> None:
    record = a_record(state)
    is_final = state in {CaseState.CLOSED, CaseState.WITHDRAWN}
    assert is_due(record, YEAR, NOON + YEAR) is is_final
    assert not is_due(record, YEAR, NOON + YEAR - timedelta(milliseconds=1))
    assert ended_at(record) == (NOON if is_final else None)


def test_a_pseudonymised_case_is_due_again_for_an_event_that_came_since() -> None:
    late = NOON + 3 * YEAR
    assert not is_due(a_record(CaseState.CLOSED, pseudonymised=MARK), YEAR, late)
    before = Pseudonymised(at=NOON - YEAR, reason="closed")
    assert is_due(a_record(CaseState.CLOSED, pseudonymised=before), YEAR, late)


def test_a_case_counts_for_the_year_of_its_receipt() -> None:
    assert year_of(a_record(CaseState.CLOSED).case) == 2026
    assert year_of(a_record(CaseState.CLOSED, received_at=NOON - YEAR).case) == 2025
