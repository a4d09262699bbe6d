"""Reports that are handed in: of each line it is said what was taken, and what could not be read and why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from api_site import Program, a_program
from console_site import serving
from orbweaver import settings
from orbweaver.console.web.accounts.account import Right
from orbweaver.model import ScopeKind
from orbweaver.queue.errors import TooManyReports
from orbweaver.queue.hosts import host_store
from orbweaver.queue.intake import handing_in
from orbweaver.queue.intake.orders import Terms
from orbweaver.store.connection import Store


@pytest.fixture(scope="module")
def url(_server: Store) -> Iterator[str]:
    with serving(_server) as url:
        yield url


@pytest.fixture
def program(store: Store, url: str) -> Iterator[Program]:
    with a_program(store, url, Right.SEND_REPORTS) as program:
        yield program


def test_one_report_is_taken_as_a_form_sends_it(store: Store, program: Program) -> None:
    form = {
        "url": "Look: hxxps://board[.]example/t/1 and https://img.example/a.jpg",
        "reportId": "R-7",
        "received_at": "2026-11-01T10:00:00Z",
        "comment": "seen today",
        "email": None,
    }
    said = program.send("/reports?authority=J.+Doe&expires_at=2100-01-01T00:00:00Z&is_now=true", json=form)
    assert (said["reports"], said["refused"]) == (2, 0)
    assert [(one["host"], one["is_new"], one["new_reports"]) for one in said["hosts"]] == [
        ("board.example", True, 1),
        ("img.example", True, 1),
    ]
    assert said["notes"] == ["line 1: key that is not read: comment", "line 1: key that is not read: email"]
    [line] = said["lines"]
    assert (line["line"], line["hosts"]) == (1, ["board.example", "img.example"])
    record = host_store.read_record_of(store, "board.example")
    assert record is not None
    assert (record.scope.authority, record.reports[0].report_id) == ("J. Doe", "R-7")
    assert host_store.read_clock(store, "board.example").asked_at is not None
    again = program.send("/reports", json=form)
    assert [(one["is_new"], one["new_reports"]) for one in again["hosts"]] == [(False, 0), (False, 0)]


def test_of_many_reports_each_is_answered_by_its_place(program: Program) -> None:
    many = [
        {"url": "http://a.example/1"},
        {"url": "ftp://b.example/"},
        {},
        {"url": ["http://a.example/2", "http://b.example/"]},
        {"url": 7},
    ]
    said = program.send("/reports/batch", json={"reports": many})
    assert [(one["line"], one["reports"], bool(one["refused_because"])) for one in said["lines"]] == [
        (1, 1, False),
        (2, 0, True),
        (3, 0, True),
        (4, 2, False),
        (5, 0, True),
    ]
    assert (said["reports"], said["refused"], [one["host"] for one in said["hosts"]]) == (
        3,
        3,
        ["a.example", "b.example"],
    )
    for wrong in ({}, {"reports": []}, {"reports": {}}, {"reports": ["http://a.example/"]}):
        program.send("/reports/batch", 422, json=wrong)
    program.send("/reports/batch", 422, json=[])
    program.send("/reports/batch", 400, data="[", headers={"Content-Type": "application/json"})
    nothing = program.send("/reports", 422, json={"url": "nothing"})
    assert nothing["errors"] == [{"place": "line 1", "reason": nothing["errors"][0]["reason"]}]
    assert "nothing was changed" in nothing["detail"]


def test_a_file_is_read_as_the_command_reads_it(store: Store, program: Program) -> None:
    csv = "url,report id,other\r\nhxxp://a.example/1,R-1,x\r\nnot a url,R-2,x\r\nhttp://b.example/,R-3,x\r\n"
    said = program.send(
        "/reports/file?scope=site", data=csv.encode(), headers={"Content-Type": "text/csv; charset=utf-8"}
    )
    assert (said["reports"], said["refused"], said["notes"]) == (2, 1, ["line 1: columns that are not read: other"])
    assert [(one["line"], one["hosts"]) for one in said["lines"]] == [(2, ["a.example"]), (3, []), (4, ["b.example"])]
    latin = "http://a.example/ä\n".encode("latin-1")
    plain = {"Content-Type": "text/plain"}
    assert program.send("/reports/file?encoding=latin-1", data=latin, headers=plain)["reports"] == 1
    assert "encoding" in program.send("/reports/file?encoding=none", 422, data=latin, headers=plain)["detail"]
    assert "no reports in it" in program.send("/reports/file", 422, data=b"", headers=plain)["detail"]
    assert "JSON array" in program.send("/reports/file", 422, data=b"[{}]", headers=plain)["detail"]
    program.send("/reports/file", 415, data=csv, headers={"Content-Type": "application/json"})
    program.send("/reports/file?authority=%01", 422, data=csv, headers=plain)
    program.send("/reports/file?expires_at=9999-12-31T23:59:59-12:00", 422, data=csv, headers=plain)
    large = program.send("/reports/file", 413, data=b"x" * (16 * 1024 * 1024 + 1), headers=plain)
    assert "at most 16 MiB" in large["detail"]


def test_reports_without_an_authority_are_refused_where_one_is_required(store: Store) -> None:
    loaded = settings.load().model_copy(update={"authority_required": True})
    with serving(store, loaded) as url, a_program(store, url, Right.SEND_REPORTS) as program:
        assert "AUTHORITY_REQUIRED" in program.send("/reports", 422, json={"url": "http://a.example/"})["detail"]
        program.send("/reports?authority=Doe&expires_at=2100-01-01T00:00:00Z", json={"url": "http://a.example/"})
    assert host_store.names(store) == ["a.example"]


def test_too_many_reports_at_once_are_refused_as_a_whole() -> None:
    many = handing_in.lines_of([{"url": f"http://h{n}.example/"} for n in range(4)])
    with pytest.raises(TooManyReports, match="more than 3"):
        handing_in.read(many, ScopeKind.HOST, Terms(), name="the file", most=3)
