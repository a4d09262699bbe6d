"""The pages of the auditor: the log with its filters and its verification, and the machine room without its secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from builders import NOON, transaction
from console_site import Browser, an_account, serving
from orbweaver import settings
from orbweaver.console import audit_verifying
from orbweaver.console.audit_verifying import VerifiedLog
from orbweaver.console.web.pages import audit, system
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.model import Actor, ActorKind, Role
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, records

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def auditor(store: Store) -> Iterator[Browser]:
    with serving(store) as url, Browser(url) as browser:
        browser.sign_in_by_form(an_account(store, Role.AUDITOR, name="ulf"))
        yield browser


def note(store: Store, who: str, what: str, *subject: str) -> None:
    actor = Actor(kind=ActorKind.PERSON, name=who)
    with transaction(store) as pipe:
        audit_log.note(pipe, records.of_access(actor, NOON, what, list(subject)))


def rows(browser: Browser, path: str) -> list[list[str]]:
    page = browser.get(path)
    assert browser.answer is not None
    assert "<script" not in browser.answer.text
    return [[" ".join(cell.text().split()) for cell in row.css("th, td")] for row in page.css("tbody tr")]


def test_the_log_is_shown_newest_first_and_by_who_kind_and_id(store: Store, auditor: Browser) -> None:
    note(store, HOSTILE, HOSTILE, "4ca89230-1")
    note(store, "Berit", "cases list", *(f"id-{number}" for number in range(5)))
    shown = rows(auditor, "/audit")
    assert [(row[0], row[2], row[4]) for row in shown] == [
        ("4", "ulf", "page /audit"),
        ("3", "Berit", "cases list"),
        ("2", HOSTILE, HOSTILE),
        ("1", "ulf", "signed in"),
    ]
    assert shown[1][5].endswith("and 2 more")
    assert [row[2] for row in rows(auditor, "/audit?who=beri")] == ["Berit"]
    assert [row[2] for row in rows(auditor, "/audit?about=4ca89230")] == [HOSTILE]
    assert rows(auditor, "/audit?kind=event") == [["Nothing here."]]
    for wrong in ("/audit?kind=gossip", "/audit?before=x", "/audit?before=" + "9" * 30, "/audit?before=١"):
        auditor.get(wrong)
        assert (wrong, auditor.status) == (wrong, 422)


def test_older_entries_are_on_further_pages_and_none_is_left_out(store: Store, auditor: Browser) -> None:
    for number in range(2 * audit.ENTRIES_SHOWN):
        note(store, "Berit", f"look {number}")
    seen: list[str] = []
    path: str | None = "/audit?who=berit"
    while path is not None:
        seen += [row[4] for row in rows(auditor, path) if row != ["Nothing here."]]
        links = [one.attributes["href"] for one in auditor.get(path).css("main p a")]
        path = links[0] if links else None
    assert seen == [f"look {number}" for number in reversed(range(100))]


def test_the_log_is_verified_when_told_and_each_fault_is_said(store: Store, auditor: Browser) -> None:
    note(store, "Berit", "cases list")
    auditor.get("/audit")
    auditor.send("/audit")
    assert "nothing was changed" in auditor.text
    assert "Compared with no checkpoint" in auditor.text
    store.xdel(keys.audit_entries(), "2-0")
    store.xadd(keys.audit_entries(), {"entry": b"\xff not json"}, id="900-0")
    shown = rows(auditor, "/audit")
    assert shown[0][1] == "cannot be read"
    assert "run orbweaver audit verify" in auditor.text.replace("`", "")
    auditor.send("/audit")
    assert "entry 2" in auditor.text
    assert auditor.status == 200


def test_one_page_reads_so_much_of_the_log_and_one_person_at_a_time_has_it_verified(
    store: Store, auditor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(store, "Berit", "cases list")
    known, said = audit_verifying.verify, list[bool]()

    def verify(*values: Any) -> VerifiedLog:
        if not said:
            with Browser(auditor.url) as other:
                other.session.cookies.update(auditor.session.cookies)
                other.get("/audit")
                said.append("being verified already" in other.send("/audit").text())
        return known(*values)

    monkeypatch.setattr(audit_verifying, "verify", verify)
    auditor.get("/audit")
    auditor.send("/audit")
    assert (said, auditor.status) == ([True], 200)
    auditor.get("/audit")
    auditor.send("/audit")
    assert auditor.status == 200
    monkeypatch.setattr(audit, "MOST_BYTES", 1)
    assert rows(auditor, "/audit?who=berit") == [["Nothing here."]]
    assert len(auditor.get("/audit?who=berit").css("main p a")) == 1


def test_services_settings_and_versions_are_shown_and_secrets_are_not(
    store: Store, auditor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = ServiceHealth(service=HOSTILE, checked_at=NOON, unhealthy_since=NOON, reason=HOSTILE, entries=12345)
    service_health.write(store, health)
    shown = rows(auditor, "/system")
    assert [row[2] for row in shown if row[0] == HOSTILE] == ["12,345"]
    monkeypatch.setenv("STORE_URL", "redis://user:hunter2@localhost/0")
    monkeypatch.setenv("MATCHER_URL", "https://matcher.example/?token=env:NAME&canary=" + "0" * 64)
    monkeypatch.setenv("SINK_SECRETS", "engine.example=file:/run/secrets/engine")
    listed = {one.name: one for one in system.shown_settings(settings.load())}
    assert listed["STORE_URL"].value == "redis://user:***@localhost/0"
    assert "0" * 64 not in listed["MATCHER_URL"].value
    assert listed["MATCHER_URL"].is_changed
    assert not listed["RECHECK_EVERY"].is_changed
    assert {name.upper() for name in settings.Settings.model_fields} == set(listed)
