"""Operators import, list, show, change and ask for hosts, and see the schedule; as people and as scripts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from host_fleet import add_host, add_worker, end_recrawl
from orbweaver import settings
from orbweaver.commands.exit_status import status_of
from orbweaver.console.errors import NothingToDo
from orbweaver.model import Outcome, Reported, format_time
from orbweaver.queue.errors import AuthorityMissing, HostUnknown
from orbweaver.queue.fleet.scheduler import Scheduler
from orbweaver.queue.hosts import due, host_store
from orbweaver.queue.hosts.report_weight import weight_of
from orbweaver.store import keys
from orbweaver.store.connection import Store

Run = Callable[..., str]
LATER = "2100-01-01T00:00:00Z"


def shown(run: Run, name: str) -> Any:
    return json.loads(run("hosts", "show", name, "--json"))


@pytest.fixture
def reports(tmp_path: Path) -> str:
    path = tmp_path / "reports.csv"
    path.write_text(
        "url,report_id,classification\nhttp://a.test/1,R1,baseline\nhttp://a.test/2,R2,\nhxxp://b[.]test/,R3,\n"
    )
    return str(path)


def test_reports_add_hosts_and_strengthen_them(run: Run, store: Store, reports: str, tmp_path: Path) -> None:
    assert run("reports", "import", reports) == "2 hosts added, 0 hosts strengthened, by 3 reports\n"
    assert json.loads(run("reports", "import", reports, "--json")) == {
        "hosts": [
            {"host": name, "is_new": False, "new_reports": 0, "kept_back": None} for name in ("a.test", "b.test")
        ],
        "bad_lines": 0,
        "reports_left_out": 0,
    }
    more = tmp_path / "more.txt"
    more.write_text("http://b.test/x\nhttp://b.test/y\n")
    before = shown(run, "b.test")["weight"]
    assert run("reports", "import", str(more)) == "0 hosts added, 1 host strengthened, by 2 reports\n"
    assert shown(run, "b.test")["weight"] > before
    record = host_store.read_record_of(store, "a.test")
    assert record is not None
    assert shown(run, "a.test")["weight"] == pytest.approx(weight_of(record.reports, due.server_time(store)), rel=1e-3)


def test_an_authority_and_an_expiry_are_demanded_where_a_setting_says_so(
    run: Run, store: Store, reports: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHORITY_REQUIRED", "true")
    for arguments in ((), ("--authority", "J. Doe"), ("--expires", LATER)):
        with pytest.raises(AuthorityMissing, match="AUTHORITY_REQUIRED") as caught:
            run("reports", "import", reports, *arguments)
        assert status_of(caught.value) == 2
    assert host_store.names(store) == []
    run("reports", "import", reports, "--authority", "J. Doe", "--expires", LATER)
    assert shown(run, "a.test")["record"]["scope"]["authority"] == "J. Doe"


def test_hosts_are_added_listed_and_found(run: Run) -> None:
    run("hosts", "add", "www.a.test", "https://B.test:8443/board/")
    assert [json.loads(line)["host"] for line in run("hosts", "list", "--json").splitlines()] == [
        "b.test:8443",
        "www.a.test",
    ]
    assert run("hosts", "list", "--match", "*.a.test").splitlines()[-1] == "1 host"
    assert "b.test:8443" in run("hosts", "list", "--host-state", "ready")
    assert shown(run, "https://b.test:8443/")["record"]["reports"][0]["url"] == "https://b.test:8443/board/"


def test_hosts_are_paused_resumed_and_retired_and_a_report_brings_one_back(
    run: Run, store: Store, reports: str
) -> None:
    run("reports", "import", reports)
    assert run("hosts", "pause", "a.test", "--reason", "why") == "1 host paused\n"
    assert due.counts(store).never == 1
    assert run("hosts", "resume", "a.test") == "1 host resumed\n"
    assert due.counts(store).never == 0
    assert json.loads(run("hosts", "retire", "a.test", "b.test", "--json")) == {
        "hosts": ["a.test", "b.test"],
        "done": "retired",
    }
    assert due.counts(store).never == 2
    run("reports", "import", reports)
    assert due.counts(store).never == 0


def test_hosts_are_named_or_chosen_and_not_both(run: Run, store: Store) -> None:
    add_host(store)
    with pytest.raises(NothingToDo, match="give host names"):
        run("hosts", "pause")
    with pytest.raises(typer.BadParameter, match="not both"):
        run("hosts", "pause", "h.test", "--all")
    assert run("hosts", "pause", "h.test", "http://h.test/x") == "1 host paused\n"


def test_values_are_set_and_taken_back(run: Run, store: Store) -> None:
    add_host(store)
    run(
        "hosts", "set", "h.test", "--weight", "5", "--quiet-hours", "22:00-06:00 Europe/Stockholm", "--floor", "6h",
        "--ceiling", "14d", "--authority", "J. Doe", "--expires", LATER, "--max-pages", "7",
    )  # fmt: skip
    record = host_store.read_record_of(store, "h.test")
    assert record is not None
    assert (record.weight, record.floor_days, record.ceiling_days, record.scope.limits.max_pages) == (5, 0.25, 14, 7)
    assert record.quiet_hours == "22:00-06:00 Europe/Stockholm"
    assert record.scope.expires_at is not None
    assert (record.scope.authority, format_time(record.scope.expires_at)) == ("J. Doe", "2100-01-01T00:00:00.000Z")
    clock = host_store.read_clock(store, "h.test")
    assert (clock.weight, clock.floor_days, clock.quiet_hours) == (5, 0.25, record.quiet_hours)
    run(
        "hosts",
        "set",
        "h.test",
        "--clear",
        "weight",
        "--clear",
        "quiet-hours",
        "--clear",
        "floor",
        "--clear",
        "expires",
    )
    record = host_store.read_record_of(store, "h.test")
    assert record is not None
    assert (record.weight, record.quiet_hours, record.floor_days, record.scope.expires_at) == (None, None, None, None)
    assert host_store.read_clock(store, "h.test").quiet_hours is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--weight", "-1"), "greater than or equal to 0"),
        (("--quiet-hours", "night"), "22:00-06:00 Europe/Stockholm"),
        (("--floor", "often"), "not a duration"),
        ((), "nothing to set"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_one_line(
    run: Run, store: Store, arguments: tuple[str, ...], said: str
) -> None:
    add_host(store)
    with pytest.raises(Exception, match=said) as caught:
        run("hosts", "set", "h.test", *arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", ["hosts show", "hosts pause", "recrawl", "recrawl --dry-run"])
def test_a_host_that_is_not_there_is_said(run: Run, store: Store, command: str) -> None:
    add_host(store)
    with pytest.raises(HostUnknown, match=r"other\.test is not revisited") as caught:
        run(*command.split(), "other.test")
    assert status_of(caught.value) == 2


def test_the_answers_for_reported_urls_at_the_last_visit_are_shown_until_they_are_forgotten(
    run: Run, store: Store
) -> None:
    add_host(store)
    add_worker(store)
    ticking = Scheduler(store, settings.load())
    ticking.tick()
    gone = Reported(url="http://h.test/", outcome=Outcome.HTTP_ERROR, rule="http.404", reason="HTTP 404", status=404)
    run_id = end_recrawl(store, reported=(gone,))
    ticking.tick()
    [report] = shown(run, "h.test")["reports"]
    assert (report["url"], report["outcome"], report["is_answered"]) == ("http://h.test/", "gone", False)
    people = " ".join(run("hosts", "show", "h.test").split())
    assert "Reports, at the last visit: 1 (1 gone)" in people
    assert "reported URL answered 404 (gone, or misread?)" in people
    store.delete(keys.run(run_id), keys.run_recrawls(run_id))
    assert shown(run, "h.test")["reports"] == []
    assert "The outcomes of its reports at the last visit are kept no longer." in run("hosts", "show", "h.test")


def test_a_visit_is_asked_for_and_says_so_at_its_end(run: Run, store: Store) -> None:
    add_host(store, due_in=1e6, visits=1, last_visit=due.server_time(store).timestamp())
    add_worker(store)
    ticking = Scheduler(store, settings.load({"SCHEDULE_BUDGET": "0"}))
    assert ticking.tick().dispatched.started == {}
    assert run("recrawl", "h.test") == "1 host asked for\n"
    assert ticking.tick().dispatched.started.keys() == {"h.test"}
    assert host_store.visits(store, "h.test") == []
    end_recrawl(store)
    ticking.tick()
    [visit] = host_store.visits(store, "h.test")
    assert (visit.outcome, visit.asked_at is not None) == ("finished", True)


def test_no_cookie_and_no_proxy_is_shown(run: Run, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("url,cookies\nhttp://h.test/,session=secret\n")
    access = tmp_path / "access.toml"
    access.write_text('proxy = "http://user:secret@proxy.test:1/"\n')
    run("reports", "import", str(path), "--access", str(access))
    assert "secret" in str(store.get(keys.host("h.test")))
    for arguments in (("hosts", "show", "h.test"), ("hosts", "list"), ("recrawl", "h.test", "--dry-run")):
        assert "secret" not in run(*arguments) + run(*arguments, "--json")
