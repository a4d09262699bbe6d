"""`verify`, `reports import` and `recrawl` say with --dry-run what would be fetched and what not, in the same words."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from host_fleet import add_host, add_worker
from orbweaver.console import visit_preview
from orbweaver.console.terminal import dry_run
from orbweaver.queue.errors import AuthorityMissing
from orbweaver.queue.hosts import due, host_store
from orbweaver.queue.intake.reports import BadLine
from orbweaver.store.connection import Store

Run = Callable[..., str]
REPORTS = "http://a.test/1\nhttp://a.test/1\nhxxp://a[.]test/2\nhttp://b.test/\nnot a report\n"
TERMS = ("--authority", "J. Doe", "--expires", "2100-01-01T00:00:00Z", "--max-pages", "7")
A_TEST = """\
  would fetch hxxp://a[.]test/1
  would fetch hxxp://a[.]test/2
  then all that is linked within the host, up to its limits; what robots.txt refuses is not fetched
  max_pages 7, max_files 20,000, max_depth 20, max_bytes 53,687,091,200, max_seconds 3,600, max_host_cost 25,000; \
authority: J. Doe, until 2100-01-01T00:00:00.000Z
"""


@pytest.fixture
def reports(tmp_path: Path) -> str:
    path = tmp_path / "reports.txt"
    path.write_text(REPORTS)
    return str(path)


def lines(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def without_state(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in {"state", "why"}}


def test_the_three_commands_say_the_same_in_the_same_words(run: Run, store: Store, reports: str) -> None:
    of_file = [("verify", reports), ("reports", "import", reports)]
    said = [run(*command, *TERMS, "--dry-run") for command in of_file]
    as_json = [lines(run(*command, *TERMS, "--dry-run", "--json")) for command in of_file]
    assert host_store.names(store) == []
    run("reports", "import", reports, *TERMS)
    said.append(run("recrawl", "a.test", "b.test", "--dry-run"))
    as_json.append(lines(run("recrawl", "a.test", "b.test", "--dry-run", "--json")))
    assert [A_TEST in one for one in said] == [True] * 3
    sums = "2 hosts, 3 URLs would be fetched first, 0 not"
    made = "No connection was made, nothing was changed.\n"
    assert [one.splitlines(keepends=True)[-1] for one in said] == [
        f"{sums}; 1 line could not be read. {made}",
        f"{sums}; 1 line could not be read. {made}",
        f"{sums}. {made}",
    ]
    assert without_state(as_json[0][0]) == without_state(as_json[1][0]) == without_state(as_json[2][0])
    assert [len(one) for one in as_json] == [3, 3, 2]
    refused = {"line": 5, "reason": as_json[0][2]["reason"], "is_used": False}
    assert as_json[0][2] == as_json[1][2] == refused
    assert [one["host"] for one in as_json[2]] == ["a.test", "b.test"]


def test_nothing_is_made_by_it(run: Run, reports: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORE_URL")
    state = tmp_path / "state"
    for command in (("verify", reports), ("reports", "import", reports)):
        assert "a.test: " in run(*command, "--dry-run", "--state", str(state))
    assert not state.exists()


def test_what_would_not_be_fetched_is_said_with_the_rule(run: Run, store: Store, reports: str) -> None:
    past = due.server_time(store) - timedelta(days=1)
    add_host(store, "a.test", authority="J. Doe", expires_at=past)
    add_host(store, "b.test", pause="the police asked")
    add_host(store, "c.test")
    said = {one["host"]: one for one in lines(run("recrawl", "a.test", "b.test", "c.test", "--dry-run", "--json"))}
    assert {name: (one["state"], one["would_fetch"]) for name, one in said.items()} == {
        "a.test": ("expired", False),
        "b.test": ("paused", False),
        "c.test": ("ready", True),
    }
    assert [one["rule"] for one in said["a.test"]["refused"]] == ["scope.expired"]
    assert [(one["rule"], one["reason"]) for one in said["b.test"]["refused"]] == [
        ("host.paused", "paused, not due: the police asked")
    ]
    people = run("recrawl", "b.test", "--dry-run")
    assert "would not fetch hxxp://b[.]test/: host.paused: paused, not due: the police asked" in people
    assert "then all that is linked" not in people
    assert due.counts(store).leased == 0
    # An import renews the authority, and leaves the pause.
    imported = {
        one["host"]: one["would_fetch"]
        for one in lines(run("reports", "import", reports, *TERMS, "--dry-run", "--json"))
        if "host" in one
    }
    assert imported == {"a.test": True, "b.test": False}
    expired = lines(run("verify", reports, "--expires", "2020-01-01T00:00:00Z", "--dry-run", "--json"))
    assert [one["refused"][0]["rule"] for one in expired[:2]] == ["scope.expired"] * 2


def test_an_import_that_would_be_refused_is_refused(run: Run, reports: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHORITY_REQUIRED", "true")
    with pytest.raises(AuthorityMissing):
        run("reports", "import", reports, "--dry-run")


def test_a_host_whose_record_cannot_be_read_is_said(run: Run, store: Store) -> None:
    from orbweaver.store import keys

    add_worker(store)
    add_host(store, slack=-5.0)
    store.set(keys.host("h.test"), '{"version": 99}')
    [one] = lines(run("recrawl", "h.test", "--dry-run", "--json"))
    assert (one["state"], one["first"], one["scope"]) == ("unreadable", [], None)
    assert "is of version 99" in run("recrawl", "h.test", "--dry-run")


def test_no_more_urls_than_a_person_reads(capsys: pytest.CaptureFixture[str]) -> None:
    from builders import NOON, an_order
    from orbweaver.model import Report

    many = tuple(Report(url=f"http://h.test/{number}") for number in range(dry_run.URLS_SHOWN + 5))
    order = an_order().model_copy(update={"reports": many})
    dry_run.show([visit_preview.of_order(order, NOON, state="new")], [BadLine(3, "odd", "")], is_json=False)
    said = capsys.readouterr().out
    assert said.count("would fetch hxxp") == dry_run.URLS_SHOWN
    assert "5 more URLs, see --json" in said
