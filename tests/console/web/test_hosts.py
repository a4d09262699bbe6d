"""People find hosts, see why one is due, and change one or many: what a host wrote is text and nothing else."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import pytest
from builders import RUN, a_match, a_sighting, transaction
from console_site import Browser, an_account, serving
from host_fleet import add_host, add_worker, end_recrawl
from orbweaver import settings
from orbweaver.model import HostAnswers, Outcome, Report, Reported, Role, Skip, Tally
from orbweaver.queue.fleet.scheduler import Scheduler
from orbweaver.queue.hosts import host_store
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.counting import plan_of
from orbweaver.queue.matching import settlement
from orbweaver.queue.records import recrawls
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match

PAYLOAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 77*77 }}"
URL = "http://h.test/%22%3E%3Cscript%3Ealert(1)%3C/script%3E"


@pytest.fixture
def browser(store: Store) -> Iterator[Browser]:
    an_account(store, Role.OPERATOR)
    with serving(store) as url, Browser(url) as browser:
        browser.sign_in("anna")
        yield browser


def shown(browser: Browser, path: str) -> list[str]:
    return [one.text(strip=True) for one in browser.get(path).css("tbody th")]


def pause_of(store: Store, name: str) -> str | None:
    record = host_store.read_record_of(store, name)
    assert record is not None
    return record.pause


def test_hosts_are_found_by_name_state_and_page_and_all_of_them_are_in_the_csv(store: Store, browser: Browser) -> None:
    for number in range(60):
        add_host(store, f"h{number:02}.test", due_in=3_600.0 + number)
    Operator(store, plan_of(settings.load())).pause("h07.test", "asked")
    first = shown(browser, "/hosts?sort=name")
    assert (first[0], len(first)) == ("h00.test", 50)
    further = [one for one in browser.get(browser.path).css("main a") if "Further" in one.text()]
    assert shown(browser, str(further[0].attributes["href"])) == [f"h{number}.test" for number in range(50, 60)]
    assert shown(browser, "/hosts?state=paused") == ["h07.test"]
    assert shown(browser, "/hosts?match=h1&sort=name") == [f"h1{number}.test" for number in range(10)]
    assert len(shown(browser, "/hosts?state=nonsense&after=x%7Cnan%7Cy&sort=%27")) == 50
    answer = browser.session.get(browser.url + "/hosts.csv?match=h0*&state=waiting", timeout=60)
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [row["host"] for row in rows] == [f"h0{number}.test" for number in range(10) if number != 7]
    assert {row["state"] for row in rows} == {"waiting"}
    add_host(store, "-1.example", due_in=3_600)  # for a spreadsheet a formula
    answer = browser.session.get(browser.url + "/hosts.csv?match=*.example", timeout=60)
    assert [row["host"] for row in csv.DictReader(answer.text.splitlines())] == ["'-1.example"]


def test_many_hosts_are_changed_after_their_number_was_shown_and_changed_back(store: Store, browser: Browser) -> None:
    for name in ("a.test", "b.test", "c.example"):
        add_host(store, name, due_in=3_600)
    browser.get("/hosts/change?act=pause&match=*.test")
    assert "2 hosts would be changed" in browser.text
    add_host(store, "new.test", due_in=3_600)
    browser.send("/hosts/change", reason=PAYLOAD)
    assert "2 hosts are changed" in browser.text
    names = ("a.test", "b.test", "c.example", "new.test")
    assert [pause_of(store, name) for name in names] == [PAYLOAD, PAYLOAD, None, None]
    undo = browser.path + "/undo"
    browser.send(undo)
    assert "Undone for 2 hosts." in browser.text
    assert [pause_of(store, name) for name in names] == [None] * 4
    audit_log.seal(store)
    said = [entry.entry for entry in audit_log.entries(store) if b"/hosts/change" in entry.entry]
    assert [b"a.test" in said[0], b"new.test" in said[0], b"anna" in said[0], b"undo pause" in said[1]] == [
        *(True, False, True, True)
    ]
    browser.get("/hosts/changes/nothing")
    assert browser.status == 404


def test_what_cannot_be_done_is_said_and_changes_nothing(store: Store, browser: Browser) -> None:
    add_host(store, "a.test", due_in=3_600, pause="asked")
    page = browser.get("/host?name=a.test")
    token = str(page.css_first('input[name="form_token"]').attributes["value"])  # type: ignore[union-attr]
    for fields, said in (
        ({"act": "burn", "hosts": "a.test"}, "choose what"),
        ({"act": "pause"}, "no host is chosen"),
        ({"act": "weight", "hosts": "a.test", "weight": "-1"}, "the weight is a number"),
        ({"act": "weight", "hosts": "a.test", "weight": "nan"}, "the weight is a number"),
        ({"act": "weight", "hosts": "a.test", "weight": "1e300"}, "weight"),
        ({"act": "pause", "hosts": "a.test " * 2_001}, "at most 2,000"),
    ):
        answer = browser.session.post(browser.url + "/hosts/change", {**fields, "form_token": token}, timeout=60)
        assert (fields.get("act"), answer.status_code, said in answer.text) == (fields.get("act"), 422, True)
    browser.get("/host?name=a.test")
    browser.send("/hosts/change", button="visit")
    assert "0 hosts are changed" in browser.text
    assert "a.test is not visited: paused" in browser.text
    browser.get("/host?name=no.test")
    assert browser.status == 404


def test_the_page_of_a_host_says_all_that_is_known_and_what_the_host_wrote_is_only_text(
    store: Store, browser: Browser
) -> None:
    reports = (Report(url=URL, report_id=PAYLOAD, source=PAYLOAD),)
    add_host(store, "h.test", authority=PAYLOAD, reports=reports, quiet_hours=None)
    add_worker(store, places=2)
    fleet = Scheduler(store, settings.load())
    fleet.tick()
    lease_reports = (Reported(url=URL, outcome=Outcome.HTTP_ERROR, rule=PAYLOAD, reason=PAYLOAD, status=404),)
    run_id = end_recrawl(
        store,
        tally=Tally(pages=3, files=2, bytes_read=5_000),
        reported=lease_reports,
        answers=HostAnswers(files={"given": 2, "http.404": 1}, pages={"given": 3}),
    )
    assert run_id
    fleet.tick()
    [visit] = host_store.visits(store, "h.test")
    skip = Skip(url=URL, outcome=Outcome.ROBOTS, rule=PAYLOAD, reason=PAYLOAD, is_failure=False, at=visit.ended_at)
    store.rpush(keys.recrawl_skips(str(visit.recrawl_id)), skip.model_dump_json())
    hostile = visit.model_copy(update={"reason": PAYLOAD, "outcome": PAYLOAD})
    store.lpush(keys.host_visits("h.test"), hostile.model_dump_json())
    Operator(store, plan_of(settings.load())).pause("h.test", PAYLOAD)
    page = browser.get("/host?name=h.test")
    assert browser.status == 200
    assert not page.css("script, img, [onerror]")
    assert "5929" not in browser.text
    assert browser.text.count("<script>alert(1)</script>") >= 5
    for words in (
        "paused, not due",
        "given",
        "http.404",
        "robots",
        "Pages a visit 2,000",
        "5.0 KB",
        "hxxp://h[.]test/",
    ):
        assert words in browser.text
    assert not [one for one in page.css("a") if "://" in str(one.attributes.get("href"))]
    browser.send("/host#test", url="hxxp://other[.]test/a.jpg", kind="file")
    assert "other" not in browser.path
    assert "would not be fetched" in browser.text
    browser.send("/host#test", url=PAYLOAD)
    assert "would not be fetched" in browser.text
    browser.send("/host#test", url="http://h.test/b")
    assert "would be fetched Rule" in browser.text
    assert recrawls.read(store, str(visit.recrawl_id)) is not None


def test_who_may_not_change_hosts_is_offered_no_change(store: Store) -> None:
    add_host(store, "h.test")
    an_account(store, Role.AUDITOR)
    with serving(store) as url, Browser(url) as browser:
        browser.sign_in("anna")
        for path in ("/hosts", "/host?name=h.test"):
            page = browser.get(path)
            assert not page.css('form[action^="/hosts/change"]')


def test_addresses_of_cases_are_shown_to_who_may_see_cases_and_that_is_noted(store: Store) -> None:
    sighting = a_sighting().model_copy(update={"ip": "192.0.2.77"})
    opened = change_by_match(sighting, a_match(), None, case_store.stamp(store))
    with transaction(store) as pipe:
        settlement.write_changes(store, pipe, RUN, [opened])
    case = opened.after.case
    add_host(store, case.host)
    an_account(store, Role.OPERATOR)
    an_account(store, Role.ANALYST, name="berit")
    with serving(store) as url:
        for name, is_shown in (("anna", False), ("berit", True)):
            with Browser(url) as browser:
                browser.sign_in(name)
                browser.get(f"/host?name={case.host}")
                assert (browser.status, "192.0.2.77" in browser.text) == (200, is_shown)
    audit_log.seal(store)
    said = [one.entry for one in audit_log.entries(store) if b"page /host, addresses" in one.entry]
    assert [str(case.case_id).encode() in one and b"berit" in one for one in said] == [True]
