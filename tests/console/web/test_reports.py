"""Reports are pasted or uploaded, looked at, and scheduled only then; a file is never written to a disk."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest
from console_site import Browser, an_account, serving
from fastapi import Request
from host_fleet import add_host
from orbweaver import settings
from orbweaver.console.web import forms
from orbweaver.console.web.pages.hosts import report_drafts
from orbweaver.console.web.pages.hosts.report_drafts import EnteredHost, ReportDraft, ReportDrafts
from orbweaver.model import Limits, Role, ScopeKind
from orbweaver.queue.hosts import host_store
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.counting import plan_of
from orbweaver.queue.intake.orders import Terms
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log
from spreadsheet_bytes import excel
from starlette.datastructures import UploadFile

PAYLOAD = "<script>alert(1)</script>"


@pytest.fixture
def browser(store: Store) -> Iterator[Browser]:
    an_account(store, Role.OPERATOR)
    with serving(store) as url, Browser(url) as browser:
        browser.sign_in("anna")
        yield browser


def hand_in(browser: Browser, body: bytes = b"", **fields: str) -> str:
    """Send the form with a file; returns the words of the answer."""
    page = browser.get("/recrawls/new")
    token = str(page.css_first('input[name="form_token"]').attributes["value"])  # type: ignore[union-attr]
    data = {"form_token": token, "scope": "host", "embeds": "off", **fields}
    files = {"file": ("reports", body)} if body else {"file": ("", b"")}
    answer = browser.session.post(browser.url + "/recrawls/drafts", data=data, files=files, timeout=60)
    browser._show(answer)
    return browser.text


def record(store: Store, name: str) -> host_store.HostRecord:
    found = host_store.read_record_of(store, name)
    assert found is not None
    return found


def test_pasted_reports_are_shown_with_what_is_wrong_and_then_scheduled(store: Store, browser: Browser) -> None:
    add_host(store, "paused.test", due_in=3_600)
    Operator(store, plan_of(settings.load())).pause("paused.test", PAYLOAD)
    pasted = f"hxxp://new[.]test/a\nhttp://paused.test/b\nno url at all {PAYLOAD}\nhttp://new.test/c"
    said = hand_in(browser, reports=pasted, authority="J. Doe", expires="2100-01-01T00:00", is_now="yes")
    assert browser.status == 200
    assert "Reports: 3, hosts: 2. URLs that would be fetched first: 2, that would not: 2." in said
    assert "Lines that could not be read: 1." in said
    assert "paused, not due: <script>alert(1)</script>" in said
    assert "hxxp://new[.]test/c" in said
    assert host_store.names(store) == ["paused.test"]
    preview = browser.path
    browser.send(preview + "/schedule")
    assert "Hosts added: 1, strengthened: 1. New reports: 3." in browser.text
    assert "paused.test : paused, not due" in browser.text
    assert (record(store, "new.test").scope.authority, len(record(store, "new.test").reports)) == ("J. Doe", 2)
    assert host_store.read_clock(store, "new.test").asked_at is not None
    browser.get(preview)  # it is done, and is not done again
    assert "Hosts added: 1" in browser.text
    audit_log.seal(store)
    said_of = [entry.entry for entry in audit_log.entries(store) if b"/recrawls/new" in entry.entry]
    assert [b"new.test" in one and b"anna" in one for one in said_of] == [True]


def test_each_format_that_the_command_reads_is_uploaded(store: Store, browser: Browser) -> None:
    sheet = excel(Reports=[["url"], ["http://sheet.test/a"]])
    for name, body, fields in (
        ("csv.test", b"url,report_id\nhttp://csv.test/a,R1\n", {}),
        ("lines.test", b'{"url": "http://lines.test/a"}\n', {}),
        ("text.test", b"\xff\xfe" + "http://text.test/ü".encode("utf-16-le"), {}),
        ("latin.test", "http://latin.test/ü".encode("latin-1"), {"encoding": "windows-1252"}),
        ("sheet.test", sheet, {}),
    ):
        said = hand_in(browser, body, max_pages="7", **fields)
        assert (name, "Reports: 1, hosts: 1." in said) == (name, True), said
        browser.send(browser.path + "/schedule")
        assert record(store, name).scope.limits.max_pages == 7


def test_what_cannot_be_used_is_said_and_nothing_is_kept(
    store: Store, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_drafts, "MOST_REPORTS", 3)
    one = "http://h.test/a"
    for fields, body, said in (
        ({}, b"", "one of the two"),
        ({"reports": one}, b"http://h.test/b", "one of the two"),
        ({"reports": "nothing\n"}, b"", "no report can be used"),
        ({"reports": "\n".join([one] * 4)}, b"", "more than 3"),
        ({"reports": one, "scope": "world"}, b"", "choose how far"),
        ({"reports": one, "max_pages": "0"}, b"", "a limit is a whole number"),
        ({"reports": one, "max_seconds": "9" * 11}, b"", "a limit is a whole number"),
        ({"reports": one, "expires": "soon"}, b"", "the expiry is a day"),
        ({"reports": one, "authority": "a\x1b[2J"}, b"", "printable"),
        ({"encoding": "klingon"}, b"http://h.test/b", "klingon"),
    ):
        text = hand_in(browser, body, **fields)
        assert (fields, browser.status, said in text) == (fields, 422, True), text
    assert host_store.names(store) == []
    browser.get("/recrawls/drafts/nothing")
    assert browser.status == 404


def test_nobody_sees_what_another_handed_in_and_old_drafts_go(monkeypatch: pytest.MonkeyPatch) -> None:
    drafts = ReportDrafts()

    def draft(owner: str, size: int = 1) -> ReportDraft:
        return ReportDraft(owner, b"x" * size, None, ScopeKind.HOST, Terms(), Limits(), is_now=False)

    first = drafts.put(draft("anna"))
    assert drafts.get(first, "anna") is not None
    assert drafts.get(first, "berit") is None
    monkeypatch.setattr(report_drafts, "MOST_BYTES", 10)
    last = drafts.put(draft("anna", 10))
    assert (drafts.get(first, "anna"), drafts.get(last, "anna") is not None) == (None, True)
    entered = tuple(EnteredHost(f"h{number}.test", True, 1, None) for number in range(10))
    scheduled = drafts.put(dataclasses.replace(draft("anna", 0), entered=entered))  # what is kept of it counts, too
    assert (drafts.get(last, "anna"), drafts.get(scheduled, "anna")) == (None, None)
    last = drafts.put(draft("anna"))
    monkeypatch.setattr(report_drafts, "KEPT_SECONDS", -1.0)
    assert drafts.get(last, "anna") is None


def test_a_large_file_stays_in_memory() -> None:
    content = b"x" * 5_000_000
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + content + b"\r\n--b--\r\n"

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)  # type: ignore[arg-type]
    form = asyncio.run(forms.read(request))
    upload = form["file"]
    assert isinstance(upload, UploadFile)
    assert not upload.file._rolled  # type: ignore[attr-defined]
    assert upload.file.read() == content
    asyncio.run(form.close())
