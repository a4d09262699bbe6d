"""The page of a case: what it shows and what it never does, and what analysts decide there under their own names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from case_pages import XSS, a_case, a_hostile_case, audited, signed_in
from console_site import Browser, serving
from orbweaver.console.case_wording import not_known
from orbweaver.console.evidence_wording import WHY_HELD
from orbweaver.console.web.pages.cases import case_words
from orbweaver.model import CaseState, EventType, HttpFacts, Role
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.delivery.progress import DeliveryClocks

Person = Callable[..., Browser]


@pytest.fixture
def needs_two() -> bool:
    return False


@pytest.fixture
def person(store: Store, needs_two: bool) -> Iterator[Person]:
    """Give the browser of a person who has signed in."""
    settings = Settings(
        assessors=2 if needs_two else 1, reporter_organisation="Hotline", reporter_contact="a@hotline.example"
    )
    with ExitStack() as stack:
        url = stack.enter_context(serving(store, settings))

        def sign_in(name: str = "anna", *roles: Role) -> Browser:
            return signed_in(store, stack.enter_context(Browser(url)), *(roles or (Role.ANALYST,)), name=name)

        yield sign_in


def state_of(store: Store, case_id: str) -> CaseState:
    record = case_store.record_of(store, case_id)
    assert record is not None
    return record.case.state


def test_hostile_texts_stand_on_the_page_and_do_nothing(store: Store, person: Person) -> None:
    case_id = a_hostile_case(store)
    anna = person()
    anna.get(f"/cases/{case_id}")
    anna.send(f"/cases/{case_id}/note", words=XSS)
    page = anna.get(f"/cases/{case_id}")
    assert anna.status == 200
    assert page.css("script, img, iframe, object, [onerror], [onload], [style]") == []
    assert all(str(one.attributes["href"]).startswith(("/", "#")) for one in page.css("a"))
    assert "http://evil" not in anna.text
    assert "hxxp://evil[.]example/" in anna.text
    assert "<script>alert(1)</script>" in anna.text, "as text"
    assert page.css_first("title").text() == f"Case {case_id[:8]} - Orbweaver"
    page = anna.send(f"/cases/{case_id}/exact")
    assert page.css("script, img") == []
    assert [one.attributes["value"][:20] for one in page.css("input[readonly]")] == ["http://evil.example/"] * 3
    page = anna.get(f"/cases/{case_id}?done=<script>&changed=<script>&staying=9999999999999999999999")
    assert (anna.status, page.css(".done"), page.css("script")) == (200, [], [])
    anna.get(f"/cases/{case_id}")
    page = anna.send(f"/cases/{case_id}/decision", decision="released", reason=XSS, scheme=XSS, category="%(x)s%s%")
    assert (anna.status, page.css("script, img")) == (200, [])
    anna.send(f"/cases/{case_id}/decision")
    assert state_of(store, case_id) is CaseState.OPEN
    page = anna.get(f"/cases/{case_id}")
    assert (anna.status, page.css("script, img"), "%(x)s%s%" in anna.text) == (200, [], True)
    anna.session.headers["Accept-Language"] = "sv"
    anna.get(f"/cases/{case_id}")
    assert (anna.status, "Underlag" in anna.text) == (200, True)


def test_each_view_is_noted_first_and_the_exact_url_only_for_who_asks_for_it(store: Store, person: Person) -> None:
    case_id = a_case(store, "http://files.example/secret.jpg", referrer="http://forum.example/t")
    auditor = person("aud", Role.AUDITOR)
    page = auditor.get(f"/cases/{case_id}")
    assert auditor.status == 200
    assert page.css(f'form[action^="/cases/{case_id}"]') == []
    assert "http://files.example" not in str(page.html)
    assert "what the file shows: Orbweaver keeps no byte of it" in auditor.text
    anna = person()
    anna.get(f"/cases/{case_id}")
    anna.send(f"/cases/{case_id}/exact")
    said = audited(store)
    views = [one for one in said if '"access"' in one and case_id in one]
    assert [("aud" in one, "exact" in one) for one in views] == [(True, False), (False, False), (False, True)]
    assert not any("secret" in one for one in said)
    store.delete(keys.audit_waiting())
    store.set(keys.audit_waiting(), "no stream")
    for send in (lambda: anna.get(f"/cases/{case_id}"), lambda: anna.send(f"/cases/{case_id}/exact")):
        store.delete(keys.audit_waiting())
        anna.get(f"/cases/{case_id}")
        store.delete(keys.audit_waiting())
        store.set(keys.audit_waiting(), "no stream")
        send()
        assert (anna.status, "secret" in anna.text) == (503, False)
    store.delete(keys.audit_waiting())
    for unknown in ("0" * 36, "x", "%00", "..%2F..", "a" * 5_000):
        anna.get(f"/cases/{unknown}")
        assert (unknown[:40], anna.status) == (unknown[:40], 404)


def test_a_person_releases_a_file_after_seeing_how_much_that_decides(store: Store, person: Person) -> None:
    case_id, *others = (a_case(store, f"http://h{number}.example/a", "md5") for number in range(3))
    anna = person()
    anna.get(f"/cases/{case_id}")
    assert "this case and 2 more held cases, and every re-upload" in anna.text
    anna.send(f"/cases/{case_id}/take")
    anna.send(f"/cases/{case_id}/decision", decision="released", reason="seen in ICCAM", scheme="iwf", category="A")
    assert "2 more held cases, and every re-upload" in anna.text
    assert state_of(store, case_id) is CaseState.HELD, "it was only asked"
    anna.send(f"/cases/{case_id}/decision")
    assert anna.path == f"/cases/{case_id}?done=released&changed=3&staying=0"
    assert "Cases now decided: 3" in anna.text
    assert {state_of(store, one) for one in (case_id, *others)} == {CaseState.OPEN}
    [released] = [one for one in case_store.events_of(store, case_id) if one.type is EventType.RELEASED]
    assert released.actor is not None
    assert (released.actor.name, "seen in ICCAM" in str(released.reason)) == ("anna", True)
    assert "Taken by" not in anna.text, "it is given back"
    anna.get(f"/cases/{others[0]}")
    assert "Decide about the file" not in anna.text


@pytest.mark.parametrize("needs_two", [True])
def test_two_people_release_and_nobody_agrees_with_herself(store: Store, person: Person) -> None:
    case_id = a_case(store, "http://h.example/a", "md5")
    anna, berit = person(), person("berit")

    def decide(browser: Browser, **fields: str) -> None:
        browser.get(f"/cases/{case_id}")
        browser.send(f"/cases/{case_id}/decision", decision="released", reason="known", **fields)
        assert "Two people have to agree" in browser.text
        browser.send(f"/cases/{case_id}/decision")

    decide(anna)
    assert "done=proposed" in anna.path
    decide(anna)
    assert (anna.status, "a second person has to agree" in anna.text) == (422, True)
    assert state_of(store, case_id) is CaseState.HELD
    berit.get(f"/cases/{case_id}")
    assert "A proposal waits for a second person: released, anna" in berit.text
    decide(berit)
    assert state_of(store, case_id) is CaseState.OPEN
    [case] = case_store.read_many(store, [case_id])
    assessment = assessment_store.read(store, case.sha256)
    assert assessment is not None
    assert [one.name for one in assessment.decided_by] == ["anna", "berit"]


def test_a_file_is_rejected_a_case_withdrawn_and_a_note_written_each_with_its_reason(
    store: Store, person: Person
) -> None:
    weak, strong = a_case(store, "http://h.example/a", "md5"), a_case(store, "http://h.example/b", body=b"b")
    anna = person()
    anna.get(f"/cases/{weak}")
    for fields in ({"reason": " "}, {"reason": "x" * 2_001}, {"reason": "x", "scheme": "iwf"}, {"decision": "else"}):
        anna.get(f"/cases/{weak}")
        anna.send(f"/cases/{weak}/decision", **({"decision": "rejected", "reason": "r"} | fields))
        assert (fields, anna.status) == (fields, 422)
    anna.get(f"/cases/{weak}")
    anna.send(f"/cases/{weak}/decision", decision="rejected", reason="another file")
    anna.send(f"/cases/{weak}/decision")
    assert state_of(store, weak) is CaseState.WITHDRAWN
    anna.get(f"/cases/{strong}")
    anna.send(f"/cases/{strong}/withdraw", reason="the report was wrong")
    assert state_of(store, strong) is CaseState.OPEN
    anna.send(f"/cases/{strong}/withdraw")
    assert (state_of(store, strong), "is told to stop" in anna.text) == (CaseState.WITHDRAWN, True)
    anna.send(f"/cases/{strong}/note", words="the provider called")
    assert "the provider called" in anna.text
    events = case_store.events_of(store, strong)
    assert {one.actor.name for one in events[1:] if one.actor is not None} == {"anna"}


def test_two_people_do_not_take_one_file_and_it_is_given_back(store: Store, person: Person) -> None:
    case_id = a_case(store, "http://h.example/a", "md5")
    a_case(store, "http://else.example/a", "md5")
    anna, berit = person(), person("berit")
    berit.get(f"/cases/{case_id}")
    anna.get(f"/cases/{case_id}")
    anna.send(f"/cases/{case_id}/take")
    assert "You have taken the file" in anna.text
    berit.send(f"/cases/{case_id}/take")
    assert "Somebody else was faster" in berit.text
    assert "Taken by anna" in berit.text
    berit.get("/cases")
    assert "anna" in berit.text, "of each case of the file"
    anna.send(f"/cases/{case_id}/give-back")
    assert "You have given the file back" in anna.text
    berit.get(f"/cases/{case_id}")
    berit.send(f"/cases/{case_id}/take")
    assert "You have taken the file" in berit.text


def test_a_case_is_downloaded_in_a_format_or_the_page_says_why_not(store: Store, person: Person) -> None:
    category = {"category": "A1", "scheme": "ncmec", "entry_id": "1"}
    case_id, held = a_case(store, listing=category), a_case(store, "http://h.example/x", "md5", body=b"x")
    anna = person()
    for wanted, inside in {"csv": b"files.example", "xarf": b"Hotline", "dsa": b"http://files.example/a.jpg"}.items():
        anna.get(f"/cases/{case_id}")
        anna.send(f"/cases/{case_id}/export", format=wanted)
        assert anna.answer is not None
        assert (wanted, anna.status, inside in anna.answer.content) == (wanted, 200, True), anna.text
        assert anna.answer.headers["Content-Disposition"].startswith('attachment; filename="')
        assert anna.answer.headers["Content-Type"] == "application/octet-stream"
    anna.get(f"/cases/{held}")
    anna.send(f"/cases/{held}/export", format="csv")
    assert (anna.status, "a person has to decide first" in anna.text) == (422, True)
    for fields in ({"format": "exe"}, {"language": "xx"}):
        anna.get(f"/cases/{case_id}")
        anna.send(f"/cases/{case_id}/export", **fields)
        assert (fields, anna.status) == (fields, 422)
    assert sum("export as csv" in one for one in audited(store)) == 2


def test_what_is_not_known_is_said_in_the_language_of_the_reader(store: Store, person: Person) -> None:
    case_id = a_case(store, "http://h.example/a", "md5", ip=None, http=HttpFacts(status=200, framing="close"))
    anna = person()
    anna.session.headers["Accept-Language"] = "sv"
    page = anna.get(f"/cases/{case_id}")
    said = [one.text() for one in page.css("section[aria-labelledby=unknown] li")]
    english = {*case_words.WORDS, "what the file shows: Orbweaver keeps no byte of it, and has no preview"}
    assert len(said) == 9
    assert not english & set(said)
    [case] = case_store.read_many(store, [case_id])
    lines = {*not_known(case, [], DeliveryClocks()), *WHY_HELD.values()}
    assert lines <= set(case_words.WORDS), "each can be translated"
