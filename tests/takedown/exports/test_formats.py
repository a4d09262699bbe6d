"""Every format of the same cases: what is in each file, what is refused, and what hostile texts cannot do in it."""

from __future__ import annotations

import base64
import csv
import email
import email.policy
import io
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from export_cases import CATEGORIES, HOSTILE, REPORTER, URL, a_case, a_listing, a_record, an_event, records
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.crawler.rules.urls import defang
from orbweaver.matcher_client.lists import build
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.model import (
    ALGORITHMS,
    Actor,
    ActorKind,
    Assessment,
    AssessmentDecision,
    CaseState,
    Classification,
    DigestSet,
    EntryStatus,
    EventType,
    ExportFormat,
    HoldReason,
    Hosting,
    HttpFacts,
    Nature,
    Presence,
    Redirect,
    Removal,
    Strength,
)
from orbweaver.takedown.exports import iccam, notice, xarf
from orbweaver.takedown.exports.export_record import ExportRecord, record_of
from orbweaver.takedown.exports.formats import Export, NoticeManner, export
from orbweaver.takedown.exports.reporter import Reporter

MADE_AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
BASELINE = a_listing(scheme="icse", category="baseline")


def exported(wanted: ExportFormat, *of: ExportRecord, language: str = "en") -> Export:
    return export(wanted, of, NoticeManner(language, MADE_AT, defang))


def only(made: Export) -> bytes:
    assert [one.reason for one in made.refused] == []
    (file,) = made.files
    return file.content


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def part_texts(content: bytes) -> tuple[email.message.EmailMessage, str, list[dict[str, Any]]]:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(mail, email.message.EmailMessage)
    body = mail.get_body()
    assert body is not None
    return mail, body.get_content(), [json.loads(part.get_content()) for part in mail.iter_attachments()]


# --- ICCAM ---


def test_iccam_has_its_own_numbers_and_says_nothing_that_nobody_looked_at() -> None:
    report = json.loads(only(exported(ExportFormat.ICCAM, a_record(BASELINE, referrer="https://files.example/"))))
    (url,) = report["urls"]
    assert report["hotlineReference"] == url["hotlineReference"] == str(a_case(BASELINE).case_id)
    assert (url["urlString"], url["hostingIpAddress"], url["contentType"]) == (URL, "192.0.2.10", 1)
    assert report["sourceUrlReferrer"] == "https://files.example/"
    assert url["assessment"] == {
        "assessingAnalystName": REPORTER.organisation,
        "classification": 1,
        "ageCategorization": 1,
        "genderCategorization": 1,
    }
    assert url["actions"] == []


def test_iccam_takes_what_only_national_law_forbids_as_national_alone() -> None:
    national = a_record(a_listing(scheme="iccam", category="national"))
    assert json.loads(only(exported(ExportFormat.ICCAM, national)))["urls"][0]["assessment"]["classification"] == 2


def test_only_gone_and_changed_are_removals_in_iccam() -> None:
    assert set(iccam.ANSWERS) == set(Presence)
    removals = {word for word, answer in iccam.ANSWERS.items() if answer is not None and answer.is_removal}
    assert removals == {Presence.GONE, Presence.CHANGED}
    answers = [answer for answer in iccam.ANSWERS.values() if answer is not None]
    assert len({(answer.action, answer.reason) for answer in answers}) == len(answers)
    assert {answer.action for answer in answers if not answer.is_removal} == {iccam.IccamAction.CONTENT_UNAVAILABLE}
    assert all(answer.action >= iccam.IccamAction.CONTENT_REMOVED for answer in answers)


@pytest.mark.parametrize(
    ("state", "removed_at"), [(CaseState.OPEN, MADE_AT), (CaseState.REMOVED, None), (CaseState.CLOSED, None)]
)
def test_a_removal_that_is_over_or_was_not_confirmed_is_no_action(
    state: CaseState, removed_at: datetime | None
) -> None:
    removal = Removal(
        presence=Presence.GONE,
        rule="rule",
        reason="reason",
        since=MADE_AT,
        checked_at=MADE_AT,
        confirmed_by="gone",
        removed_at=removed_at,
    )
    for told in (a_record(BASELINE, state=state, removal=removal), a_record(BASELINE, state=state)):
        assert json.loads(only(exported(ExportFormat.ICCAM, told)))["urls"][0]["actions"] == []


@pytest.mark.parametrize("presence", Presence)
@pytest.mark.parametrize("confirmed_by", ["gone", "changed", "changed to 0123456789abcdef", "gone-slowly"])
@pytest.mark.parametrize("state", [CaseState.OPEN, CaseState.REMOVED, CaseState.CLOSED])
def test_only_a_confirmed_removal_is_an_action_in_iccam(
    presence: Presence, confirmed_by: str, state: CaseState
) -> None:
    removal = Removal(
        presence=presence,
        rule="rule",
        reason="reason",
        since=MADE_AT,
        checked_at=MADE_AT,
        confirmed_by=confirmed_by,
        removed_at=None if state is CaseState.OPEN else MADE_AT,
    )
    record = a_record(BASELINE, state=state, removal=removal)
    report = json.loads(only(exported(ExportFormat.ICCAM, record)))
    (url,) = report["urls"]
    if state is CaseState.OPEN:
        assert url["actions"] == []
        assert ("it is final" in report["memo"]) == (presence in {Presence.UNAVAILABLE, Presence.BLOCKED})
    else:
        (action,) = url["actions"]
        assert (action["actionType"], action["actionDate"]) == (3, "2026-03-02T08:00:00.000Z")
        assert action["reasonId"] == (2 if confirmed_by.startswith("changed") else 9)


# --- notices ---


@pytest.mark.parametrize("language", notice.languages())
def test_a_notice_has_every_point_that_the_law_asks_for(language: str) -> None:
    record = a_record(referrer="https://files.example/gallery", http=HttpFacts(status=200, archive_member="a/b.jpg"))
    text = only(exported(ExportFormat.DSA, record, language=language)).decode()
    case = record.case
    wanted = {
        "exact address": case.url,
        "landing page": case.referrer,
        "place in the archive": "a/b.jpg",
        "law": "2022/2065",
        "legal ground": "2011/93",
        "digest": case.sha256,
        "algorithm": "SHA-256",
        "list": "synthetic",
        "category": "A1",
        "first seen": "2026-03-01T12:00:00.250Z",
        "last seen": "2026-03-01T17:00:00.250Z",
        "notifier": REPORTER.organisation,
        "contact": REPORTER.contact,
        "reference": str(case.case_id),
        **{
            "en": {
                "waiver": "asks for no name and no mail address",
                "good faith": "believe in good faith",
                "automated": "automated means",
                "strength": "Strength of the evidence: strong",
                "correction": "correct or withdraw",
            },
            "sv": {
                "waiver": "varken namn eller e-postadress",
                "good faith": "god tro",
                "automated": "automatiskt",
                "strength": "Bevisets styrka: starkt",
                "correction": "rättar eller drar tillbaka",
            },
        }[language],
    }
    assert {what for what, said in wanted.items() if said not in text} == set()


def test_the_languages_are_the_files_that_lie_there() -> None:
    assert {"en", "sv"} <= set(notice.languages())


def test_a_notice_is_for_one_provider_and_day_and_its_reference_is_stable() -> None:
    here = [a_record(body=b"1"), a_record(body=b"2", url="https://other.example/x")]
    there = a_record(body=b"3", ip="192.0.2.99")
    unknown = a_record(body=b"4", ip=None)
    made = exported(ExportFormat.DSA, *here, there, unknown)
    assert sorted(file.content.decode().count("SHA-256: ") for file in made.files) == [1, 1, 2]
    assert made == exported(ExportFormat.DSA, *here, there, unknown)
    assert len({file.name for file in made.files}) == 3


def test_a_mail_has_the_id_of_an_earlier_one_only_when_it_says_the_same() -> None:
    """Mail systems take the second for the first (nextcloud/mail 10682)."""
    case = a_record(BASELINE)
    later = replace(case, case=case.case.model_copy(update={"last_seen": case.case.last_seen + timedelta(hours=4)}))
    at_night = NoticeManner("en", MADE_AT.replace(hour=23), defang)
    first, again, other = (
        email.message_from_bytes(only(export(ExportFormat.EML, [one], manner)), policy=email.policy.default)
        for one, manner in ((case, NoticeManner("en", MADE_AT, defang)), (case, at_night), (later, at_night))
    )
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first["Subject"] == other["Subject"]


def test_a_provider_with_very_many_cases_gets_several_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "MOST_CASES", 2)
    made = exported(ExportFormat.DSA, *(a_record(body=bytes([number])) for number in range(5)))
    assert [file.content.decode().count("SHA-256: ") for file in made.files] == [2, 2, 1]


# --- mail ---


def test_a_mail_has_text_for_people_and_the_exact_reports_attached() -> None:
    of = [a_record(body=b"1"), a_record(body=b"2")]
    content = only(exported(ExportFormat.EML, *of, language="sv"))
    mail, text, reports = part_texts(content)
    assert reports == [xarf.report(record) for record in of]
    assert {part.get_content_type() for part in mail.iter_attachments()} == {"application/json"}
    assert "https://" not in text
    assert text.count("hxxps://files[.]example/a/b.jpg?id=7") == 2
    assert (mail["From"], mail["To"], mail["X-Unsent"]) == ("Example Hotline <notice@hotline.example>", None, "1")
    assert mail["Date"].datetime == MADE_AT
    assert mail["Subject"].startswith("Anmälan")
    assert content == only(exported(ExportFormat.EML, *of, language="sv"))


@pytest.mark.parametrize("organisation", ['Föreningen "Barn" <x@y.example>, Åbo', "a" * 200, "=?utf-8?q?x?="])
def test_the_name_of_the_sender_stays_a_name(organisation: str) -> None:
    sender = Reporter(organisation, REPORTER.contact, REPORTER.domain)
    mail, text, (report,) = part_texts(only(exported(ExportFormat.EML, replace(a_record(), reporter=sender))))
    (address,) = mail["From"].addresses
    assert address.addr_spec == REPORTER.contact
    assert report["reporter"]["org"] == organisation
    assert organisation in text


@pytest.mark.parametrize(
    "text",
    [
        "=?utf-8?q?x=0D=0ABcc:_evil?=",
        "=?utf-8?b?eApCY2M6IGV2aWw=?=",
        "=?utf-7?q?+AAo-Bcc:_evil?=",
        "=?=?utf-8?q?=0ABcc:_evil?=",
        "a" * 99 + " =?utf-8?q?x=0ABcc:_evil?=",
        "x\r\nBcc: evil",
    ],
)
def test_no_name_of_a_provider_or_sender_becomes_a_header(text: str) -> None:
    sender = Reporter(text, REPORTER.contact, REPORTER.domain)
    record = replace(a_record(hosting=Hosting(asn=64500, provider=text)), reporter=sender)
    content = only(exported(ExportFormat.EML, record))
    mail, _, _ = part_texts(content)
    usual, _, _ = part_texts(only(exported(ExportFormat.EML, a_record())))
    assert mail.keys() == usual.keys()
    assert b"\nBcc" not in content
    assert [one.addr_spec for one in mail["From"].addresses] == [REPORTER.contact]


def test_a_mail_has_no_link_that_a_host_wrote_and_a_notice_has_its_text_as_it_is() -> None:
    member = "a/HTTPS://evil.example/x www.evil.example/b.jpg"
    record = a_record(http=HttpFacts(status=200, archive_member=member))
    _, text, _ = part_texts(only(exported(ExportFormat.EML, record)))
    assert "a/HTTPS[:]//evil[.]example/x www[.]evil[.]example/b[.]jpg" in text
    assert member in only(exported(ExportFormat.DSA, record)).decode()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_host_or_list_becomes_a_header_or_a_line(text: str) -> None:
    hostile = a_record(
        a_listing(list=text, entry_id=text), content_type=text, http=HttpFacts(status=200, archive_member=text)
    )
    plain = a_record(a_listing(list="l", entry_id="e"), http=HttpFacts(status=200, archive_member="m"))
    for wanted in (ExportFormat.EML, ExportFormat.DSA):
        content, usual = (only(exported(wanted, record)).decode() for record in (hostile, plain))
        if wanted is ExportFormat.EML:
            mail, content, _ = part_texts(content.encode())
            _, usual, _ = part_texts(usual.encode())
            assert "evil" not in str(mail.items())
        lines = content.replace("\r\n", "\n").split("\n")
        assert len(lines) == len(usual.replace("\r\n", "\n").split("\n"))
        assert all(line.isprintable() for line in lines)
        assert (text in content) == text.isprintable()  # no template either


# --- CSV ---


def test_the_csv_has_a_line_for_each_exact_url() -> None:
    of = [a_record(body=b"1"), a_record(body=b"2", referrer="https://files.example/g")]
    rows = rows_of(only(exported(ExportFormat.CSV, *of)))
    assert [row["url"] for row in rows] == [record.case.url for record in of]
    assert [row["landing_page"] for row in rows] == ["", "https://files.example/g"]
    assert {(row["strength"], row["matched_by"], row["detection"]) for row in rows} == {
        ("strong", "SHA-256", "automated")
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("text", [*HOSTILE, "x;=1+1", "x; =1", 'x;"=1', "x,@SUM(1)", "\uff1d1", " =1", "x\n=1"])
def test_no_cell_is_a_formula_whatever_a_spreadsheet_splits_at(text: str, delimiter: str) -> None:
    url = "https://files.example/a;=1+1;@x"
    record = a_record(
        a_listing(list=text, scheme="ncmec", category="A1"),
        http=HttpFacts(status=200, archive_member=text),
        referrer=url,
        url=url,
    )
    for wanted in (ExportFormat.CSV, ExportFormat.VICS):
        content = only(exported(wanted, record)).decode()
        for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter):
            for cell in row:
                assert not cell.lstrip(" '\"").startswith(tuple("=+-@\t\uff1d")) or cell.lstrip(' "').startswith("'")


def test_the_first_column_has_the_url_unchanged() -> None:
    url = "https://files.example/a;=1+1;@x"
    (row,) = rows_of(only(exported(ExportFormat.CSV, a_record(url=url, referrer=url))))
    assert (row["url"], row["landing_page"]) == (url, "https://files.example/a%3B=1+1%3B@x")


VICS = {
    "a category of another scheme that looks like one of VICS": a_listing(scheme="own", category="1"),
    "no scheme": a_listing(scheme=None, category="A1"),
    "no category": a_listing(category=None),
}


@pytest.mark.parametrize("why", VICS)
def test_a_category_that_could_be_misread_is_in_no_list_of_digests(why: str) -> None:
    made = exported(ExportFormat.VICS, a_record(VICS[why]))
    assert (made.files, len(made.refused)) == ((), 1)


def test_a_file_of_which_the_lists_disagree_is_in_no_list_of_digests() -> None:
    (refused,) = exported(ExportFormat.VICS, a_record(a_listing(), a_listing(category="B2"))).refused
    assert "disagree" in refused.reason


def test_the_list_of_digests_is_read_back_by_hashlist_build(tmp_path: Path) -> None:
    of = [
        a_record(a_listing(scheme="vics-us", category="1"), body=b"1"),
        a_record(a_listing(scheme="vics-us", category="3", list="=1+1"), body=b"2"),
        a_record(a_listing(scheme="ncmec", category="B2"), body=b"3"),
        a_record(a_listing(scheme="iwf", category="C"), body=b"4"),
        a_record(a_listing(scheme="iwf", category="C"), body=b"4", url="https://other.example/same-file"),
    ]
    file, built = tmp_path / "digests.csv", tmp_path / "list.hashes"
    file.write_bytes(only(exported(ExportFormat.VICS, *of)))
    assert len(rows_of(file.read_bytes())) == 4
    assert build.build([file], built).entries == 4
    cases = [record.case for record in of]
    digests = [DigestSet(md5=case.md5, sha1=case.sha1, sha256=case.sha256, size=case.size) for case in cases]
    for case, verdict in zip(cases, HashListService(built).lookup(digests), strict=True):
        (listing,) = verdict.listings
        assert (listing.scheme, listing.category) == (case.verdict.scheme, case.verdict.category)
        assert (listing.algorithms, listing.size, listing.nature) == (ALGORITHMS, case.size, Nature.ABUSE)


# --- signals ---


def test_signals_count_a_file_over_all_its_places() -> None:
    case = a_case()
    events = [an_event(case), an_event(case, EventType.OPENED, 2)]
    of = [record_of(case, events, None), record_of(a_case(url="http://other.example/b"), [], None)]
    document = json.loads(only(exported(ExportFormat.AVIATOR, *of)))
    (signal,) = document["signals"]
    assert signal["digests"] == {"sha256": case.sha256, "sha1": case.sha1, "md5": case.md5}
    assert signal["hosts"] == ["files.example", "other.example"]
    assert (signal["times_observed"], signal["returns"]) == (3, 0)
    assert [place["url"] for place in signal["places"]] == ["http://other.example/b", case.url]
    assert signal["listings"][0]["list"] == "synthetic"


# --- where it is hosted ---


@pytest.mark.parametrize("is_cdn", [False, True])
def test_the_provider_is_told_and_a_network_of_others_files_is_said_to_be_one(is_cdn: bool) -> None:
    name = "Example Hosting\u202e AB"
    hosting = Hosting(country="SE", asn=64496, provider=name, is_cdn=is_cdn)
    here = a_record(BASELINE, hosting=hosting)
    also = a_record(BASELINE, body=b"2", hosting=hosting, ip="192.0.2.77")
    shown = name.replace("\u202e", "\N{REPLACEMENT CHARACTER}")
    report = json.loads(only(exported(ExportFormat.XARF, here)))
    assert (report["hosting_provider"], report["asn"]) == (shown, 64496)
    assert report.get("country_code") == (None if is_cdn else "SE")
    (url,) = json.loads(only(exported(ExportFormat.ICCAM, here)))["urls"]
    assert (url["hostingIsp"], url["hostingCountryCode"]) == (shown, None if is_cdn else "SE")
    assert url["hostingOrganization"] == {
        "autonomousSystemNumber": 64496,
        "organizationName": shown,
        "isContentDeliveryNetwork": is_cdn,
    }
    text = only(exported(ExportFormat.DSA, here, also)).decode()  # one notice: it is one provider
    assert text.count("content delivery network") == (2 if is_cdn else 0)
    assert f"To: {shown}" in text
    (row,) = rows_of(only(exported(ExportFormat.CSV, here)))
    assert (row["provider"], row["is_cdn"]) == (shown, "yes" if is_cdn else "no")
    (signal,) = json.loads(only(exported(ExportFormat.AVIATOR, here)))["signals"]
    assert signal["places"][0]["hosting"]["is_cdn"] is is_cdn


# --- all of them ---


@pytest.mark.parametrize(
    "spoilt",
    [
        "https://files.example/a\r\nBcc: x@evil.example",
        "https://files.example/\u202egpj.exe",
        "https://files.example/\x00",
        "https://files.example\u2044@evil.example/",
        "https://user:word@files.example/",
        "https://files.example/%zz",
        "https://files.example/a#b",
        "https://b\u00fccher.example/",
        "javascript:alert(1)",
        "hxxps://files[.]example/",
        "https://[.]/",
        "https://[2001:db8::1::2]/",
    ],
)
@pytest.mark.parametrize("field", ["last_url", "final_url", "referrer"])
def test_a_url_that_readers_would_take_differently_is_in_no_export(field: str, spoilt: str) -> None:
    """The crawler makes no such URL; a store that was restored, or written to by others, may have one."""
    for wanted in ExportFormat:
        made = exported(wanted, a_record(BASELINE, **{field: spoilt}))
        assert spoilt not in b"".join(file.content for file in made.files).decode()
        assert not made.refused or "RFC 3986" in made.refused[0].reason
        assert made.refused or json.dumps(spoilt) not in b"".join(file.content for file in made.files).decode()


def test_every_format_about_a_place_has_the_way_to_the_file_and_a_hop_refuses_no_case() -> None:
    way = [f"https://files.example/{name}" for name in ("a/b.jpg?id=7", "second", "third|x", "end.jpg")]
    redirects = tuple(Redirect(url=url, status=302) for url in way[:-1])
    record = a_record(BASELINE, final_url=way[-1], redirects=redirects)
    for wanted in sorted(set(ExportFormat) - {ExportFormat.VICS}):
        made = exported(wanted, record)
        assert not made.refused, wanted
        whole = only(made).decode()
        if wanted is ExportFormat.XARF:
            whole = base64.b64decode(json.loads(whole)["evidence"][0]["payload"]).decode()
        if wanted is ExportFormat.EML:
            text = email.message_from_string(whole, policy=email.policy.default).get_body()
            assert text is not None
            whole = text.get_content().replace("hxxps://files[.]example", "https://files.example")
        assert way[1] in whole, wanted
        assert way[3] in whole, wanted
        assert way[2] not in whole, "readers may take it for another address"


@pytest.mark.parametrize("state", [CaseState.REMOVED, CaseState.CLOSED])
def test_a_case_that_is_over_is_told_of_and_no_notice_is_made(state: CaseState) -> None:
    record = a_record(BASELINE, state=state)
    told = {wanted for wanted in ExportFormat if exported(wanted, record).files}
    assert told == {ExportFormat.ICCAM, ExportFormat.VICS, ExportFormat.AVIATOR}


def assessed(record: ExportRecord, decision: AssessmentDecision, scheme: str = "", category: str = "") -> ExportRecord:
    case = record.case
    assessment = Assessment(
        assessment_id=UUID(int=7),
        revision=1,
        digests=DigestSet(md5=case.md5, sha1=case.sha1, sha256=case.sha256, size=case.size),
        decision=decision,
        decided_at=MADE_AT,
        decided_by=(Actor(kind=ActorKind.PERSON, name="A. Person"),),
        reason="seen",
        classification=Classification(scheme=scheme, category=category) if scheme else None,
    )
    return replace(record, assessment=assessment)


def test_a_weak_match_that_people_released_is_exported_and_says_both() -> None:
    weak = a_record(a_listing(algorithms=("md5",)), strength=Strength.WEAK)
    released = assessed(weak, AssessmentDecision.RELEASED)
    for wanted in (ExportFormat.DSA, ExportFormat.XARF):
        assert "weak" in only(exported(wanted, released)).decode()
    text = only(exported(ExportFormat.DSA, released)).decode()
    assert "a person has assessed it" in text
    report = json.loads(only(exported(ExportFormat.XARF, released)))
    assert "(weak match by MD5, and people who assessed the file released it)" in report["description"]
    assert "A. Person" not in text


@pytest.mark.parametrize("wanted", ExportFormat)
def test_a_file_that_people_rejected_is_exported_by_no_format(wanted: ExportFormat) -> None:
    """A decision reaches the cases one after another; until then such a case is still open."""
    (refused,) = exported(wanted, assessed(a_record(BASELINE), AssessmentDecision.REJECTED)).refused
    assert "rejected" in refused.reason


def test_people_who_assessed_the_file_have_the_last_word_about_its_category() -> None:
    lists = (a_listing(category="C9"), a_listing(category="B2", status=EntryStatus.DISPUTED))
    record = assessed(a_record(*lists), AssessmentDecision.RELEASED, "iccam", "national")
    (url,) = json.loads(only(exported(ExportFormat.ICCAM, record)))["urls"]
    assert url["assessment"]["classification"] == 2
    (refused,) = exported(ExportFormat.XARF, record).refused
    assert "'national' of the scheme 'iccam' has no safe equivalent" in refused.reason
    assert "by the people who assessed it: national (scheme iccam)" in only(exported(ExportFormat.DSA, record)).decode()
    (row,) = rows_of(only(exported(ExportFormat.CSV, record)))
    assert (row["category"], row["scheme"], row["category_by"]) == ("national", "iccam", "people")
    (row,) = rows_of(only(exported(ExportFormat.VICS, record)))
    assert (row["Category"], row["Scheme"]) == ("national", "iccam")
    other = assessed(a_record(), AssessmentDecision.RELEASED, "tcap", "far-right")
    assert exported(ExportFormat.DSA, other).files == ()


def test_a_list_of_other_material_beside_one_of_abuse_changes_nothing() -> None:
    other = a_listing(list="other", scheme="tcap", category="far-right")
    assert only(exported(ExportFormat.XARF, a_record(a_listing(), other)))
    assert exported(ExportFormat.XARF, a_record(other, a_listing())).files == ()


def test_what_is_refused_is_said_for_each_case() -> None:
    of = {
        "held (weak)": a_record(held_because=(HoldReason.WEAK,), body=b"1"),
        "weak": a_record(strength=Strength.WEAK, body=b"2"),
        "withdrawn": a_record(result="no_match", held_because=(HoldReason.WITHDRAWN,), body=b"3"),
        "not of child sexual abuse": a_record(a_listing(scheme="tcap", category="far-right"), body=b"4"),
    }
    for wanted in ExportFormat:
        made = exported(wanted, *of.values())
        assert (made.files, made.cases) == ((), 0)
        for expected, refusal in zip(of.items(), made.refused, strict=True):
            assert refusal.case == expected[1].case
            assert expected[0] in refusal.reason


def test_of_a_whole_set_what_is_exported_is_valid_and_what_is_not_is_listed() -> None:
    """Every category, with every doubt and strength that a case may have, and two lists that agree or not."""
    of = []
    for number, (scheme, category) in enumerate(CATEGORIES):
        listing = a_listing(scheme=scheme, category=category)
        for second in ([], [a_listing(list="second")], [a_listing(list="second", category=None)]):
            for doubts in ((), (HoldReason.UNKNOWN_CATEGORY,)):
                for strength in Strength:
                    body = f"{number} {second} {doubts} {strength}".encode()
                    of.append(a_record(listing, *second, body=body, held_because=doubts, strength=strength))
    made = exported(ExportFormat.XARF, *of)
    reports = [json.loads(file.content) for file in made.files]
    assert [list(xarf.complaints(report)) for report in reports] == [[]] * made.cases
    assert Counter(report["classification"] for report in reports) == {
        "A1": 5,
        "A2": 2,
        "B1": 2,
        "B2": 2,
        "baseline": 4,
    }
    assert made.cases + len(made.refused) == len(of)
    by_id = {str(record.case.case_id): record.case for record in of}
    for file in made.files:
        verdict = by_id[file.name.partition(".")[0]].verdict
        assert (verdict.strength, verdict.held_because) == (Strength.STRONG, ())
    assert {refusal.reason.partition(" ")[0].rstrip(":") for refusal in made.refused} == {
        *("held", "weak", "category", "the", "no"),
    }


@given(st.lists(records(), min_size=1, max_size=6))
@settings(max_examples=15)
def test_each_case_of_a_generated_set_is_in_the_files_of_a_format_or_among_its_refusals(of: list[ExportRecord]) -> None:
    of = list({record.case.case_id: record for record in of}.values())
    for wanted in ExportFormat:
        made = exported(wanted, *of)
        assert made.cases + len(made.refused) == len(of)
        assert all(refusal.reason.isprintable() and refusal.reason for refusal in made.refused)
        refused = {refusal.case.case_id for refusal in made.refused}
        taken = [record for record in of if record.case.case_id not in refused]
        assert all(record.case.state == "open" for record in taken)
        together = b"".join(file.content for file in made.files).decode()
        assert "\u202e" not in together
        if wanted is ExportFormat.XARF:
            reports = [json.loads(line) for line in together.splitlines()]
            assert [list(xarf.complaints(report)) for report in reports] == [[]] * len(taken)
        if wanted is ExportFormat.EML:
            counted = Counter(str(report) for file in made.files for report in part_texts(file.content)[2])
            assert counted == Counter(str(xarf.report(record)) for record in taken)
