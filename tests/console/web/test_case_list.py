"""An analyst's lists of cases: what is in them, how they go on, what is found, and what no text of a host can do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from case_pages import a_case, a_hostile_case, audited, signed_in
from console_site import Browser, serving
from orbweaver.model import Hosting, Role, now
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from selectolax.lexbor import LexborHTMLParser


@pytest.fixture
def browser(store: Store) -> Iterator[Browser]:
    with serving(store) as url, Browser(url) as browser:
        yield signed_in(store, browser, Role.ANALYST)


def shown(page: LexborHTMLParser) -> list[str]:
    """The ids of the cases on a page, in order."""
    return [str(one.attributes["href"]).removeprefix("/cases/").partition("?")[0] for one in page.css("a[data-row]")]


def test_each_filter_shows_its_cases_and_the_view_is_in_the_audit_log(store: Store, browser: Browser) -> None:
    sweden = Hosting(country="SE", asn=64496, provider="Fast Hosting")
    week_ago = now() - timedelta(days=7)
    strong = a_case(store, "http://files.example/a", hosting=sweden)
    weak = a_case(store, "http://files.example/b", "md5", body=b"b", hosting=Hosting(country="NL"))
    elsewhere = a_case(store, "http://else.example:8080/c", "md5", body=b"c", seen_at=week_ago)
    costly = [a_case(store, f"http://many{number}.example/d", "md5", body=b"d") for number in range(3)]
    provider = next(key for key in store.hkeys(keys.case_shelf_names()) if key.startswith(b"provider/")).decode()
    for query, wanted in {
        "": [costly[0], weak, elsewhere],
        "show=held&country=country/NL": [weak],
        "show=held&host=else[.]example": [elsewhere],
        "show=open": [strong],
        "show=open&country=country/NL": [],
        f"show=open&provider={provider}": [strong],
        "show=all&host=http://files.example:8080/x&order=oldest": [strong, weak],
        "show=all&age=older": [],
        "show=slow": [],
        "show=removed": [],
        "show=all&order=oldest&country=country/SE": [strong],
    }.items():
        page = browser.get(f"/cases?{query}")
        assert (query, browser.status, set(shown(page)) == set(wanted) or (query, wanted)) == (query, 200, True)
    first = shown(browser.get("/cases"))[0]
    assert first in costly, "a file at three places costs more"
    assert len(shown(browser.get("/cases?show=unreviewed"))) == 6
    said = [one for one in audited(store) if "page /cases, open" in one]
    assert len(said) == 3
    assert strong in said[0]
    assert '"anna"' in said[0]


def test_what_is_no_choice_is_refused_in_words(store: Store, browser: Browser) -> None:
    for query in (
        "show=nothing",
        "age=x",
        "country=host/a",
        "order=x",
        "after=x",
        "after=nan~1",
        "host=http://",
        "after=1",
    ):
        browser.get(f"/cases?{query}")
        assert (query, browser.status, "Traceback" in browser.text) == (query, 422, False)


def test_pages_go_on_after_the_last_case_also_when_that_one_has_gone(store: Store, browser: Browser) -> None:
    at = now()
    for number in range(60):
        a_case(store, f"http://h.example/{number}", "md5", body=b"%d" % number, seen_at=at - timedelta(hours=number))
    for show in ("held", "unreviewed"):
        page = browser.get(f"/cases?show={show}")
        first = shown(page)
        assert len(first) == 50
        [link] = page.css('a[rel="next"]')
        second = shown(browser.get(str(link.attributes["href"])))
        assert len({*first, *second}) == 60
        assert len(second) == 10


def test_a_list_is_worked_through_from_a_case_to_the_next_also_past_a_decision(store: Store, browser: Browser) -> None:
    at = now()
    for number in range(3):
        a_case(store, f"http://h.example/{number}", "md5", body=b"%d" % number, seen_at=at - timedelta(hours=number))
    for query in ("show=held", "show=unreviewed&order=oldest", "show=all&host=h.example"):
        page = browser.get(f"/cases?{query}")
        listed, gone_through = shown(page), []
        link = page.css_first("a[data-row]")
        while link is not None:
            page = browser.get(str(link.attributes["href"]))
            gone_through.append(browser.path.removeprefix("/cases/").partition("?")[0])
            link = page.css_first('nav a[rel="next"]')
        assert gone_through == listed
    first, second, _ = shown(browser.get("/cases"))
    browser.get(f"/cases/{first}?list=show%3Dheld")
    browser.send(f"/cases/{first}/decision", decision="rejected", reason="another file")
    page = browser.send(f"/cases/{first}/decision")
    assert "The file is rejected" in browser.text
    [link] = page.css('nav a[rel="next"]')
    assert str(link.attributes["href"]).startswith(f"/cases/{second}?list=")
    for list_ in ("show=nothing", "%22%3E%3Cscript%3E", "&" * 3_000):
        browser.get(f"/cases/{second}?list={list_}")
        assert (list_[:20], browser.status in {200, 422}) == (list_[:20], True)


def test_a_view_that_cannot_be_noted_shows_nothing_and_the_log_quotes_nothing(
    store: Store, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    case_id = a_case(store)
    store.set(keys.audit_waiting(), "no stream")
    browser.get("/cases?show=all")
    assert (browser.status, case_id[:8] in browser.text) == (503, False)
    assert ("the store does not answer" in caplog.text, case_id in caplog.text) == (True, False)


def test_cases_are_found_and_what_was_looked_for_stands_in_no_address_and_no_log(
    store: Store, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    case_id = a_case(store, "https://files.example/secret.jpg?x=1")
    [case] = case_store.read_many(store, [case_id])
    for asked in (
        case_id[:8],
        case.sha256,
        case.md5,
        "hxxps://files[.]example/secret.jpg?x=1",
        "files.example",
        "203[.]0[.]113[.]7",
    ):
        browser.get("/cases")
        page = browser.send("/cases/find", asked=asked)
        assert (asked, shown(page), browser.path) == (asked, [case_id], "/cases/find")
        assert page.css_first("title").text() == "Cases found - Orbweaver"
    said = [one for one in audited(store) if "/cases/find" in one]
    assert len(said) == 6
    assert all(case_id in one for one in said)
    assert not any("secret" in one or case.sha256 in one for one in said)
    assert "secret" not in caplog.text


def test_hostile_texts_do_nothing_in_lists_and_in_the_search(store: Store, browser: Browser) -> None:
    a_hostile_case(store)
    for path in ("/cases", "/cases?show=all&host=evil.example"):
        page = browser.get(path)
        assert browser.status == 200
        require_harmless(browser, page)
        assert len(shown(page)) == 1
    for asked in (
        "<script>alert(1)</script>",
        "'\"><img src=x>",
        "\x00\x1b[2J",
        "http://" + "a" * 9_000,
        "%",
        "[",
        "*",
        "a" * 64,
    ):
        browser.get("/cases")
        page = browser.send("/cases/find", asked=asked)
        assert (asked, browser.status in {200, 422}) == (asked, True)
        require_harmless(browser, page)
    browser.get("/cases?host=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&list=list/%3Cscript%3E")
    assert browser.status in {200, 422}


def require_harmless(browser: Browser, page: LexborHTMLParser) -> None:
    """Require that a page has no script but ours, no element of a host, and no link to one."""
    assert [one.attributes.get("src") for one in page.css("script")] in ([], ["/static/case_list.js"])
    assert page.css("img, iframe, object, [onerror], [onload], [onclick]") == []
    assert all(str(one.attributes["href"]).startswith(("/", "#")) for one in page.css("a"))


def test_cases_of_an_older_release_are_entered_page_by_page_and_the_page_says_so(
    store: Store, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orbweaver.console.web.pages.cases.case_list.ENTERED_AT_ONCE", 1)
    monkeypatch.setattr(case_store, "PAGE", 1)
    for number in range(3):
        case_id = a_case(store, f"http://h.example/{number}", body=b"%d" % number)
        store.hdel(keys.case(case_id), "entries")
    store.delete(keys.case_shelf("state/open"))
    counts = []
    for _ in range(4):
        page = browser.get("/cases?show=open")
        counts.append((len(shown(page)), "is being made" in browser.text))
    assert counts == [(1, True), (2, True), (3, False), (3, False)]
