"""An operator asks for visits: each is one more, none delays another, and what will not be made is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import typer
from host_fleet import add_host, add_worker, end_recrawl
from orbweaver import settings
from orbweaver.console.errors import NothingToDo
from orbweaver.model import format_time
from orbweaver.queue.fleet.scheduler import Scheduler
from orbweaver.queue.hosts import due, host_store
from orbweaver.store.connection import Store

Run = Callable[..., str]
LATER = "2100-01-01T00:00:00Z"
DAY = 86_400.0


def shown(run: Run, name: str = "h.test") -> Any:
    return json.loads(run("hosts", "show", name, "--json"))


def at(moment: datetime) -> str:
    return format_time(moment.replace(microsecond=0))


def test_a_visit_that_is_asked_for_later_delays_none_before_it(run: Run, store: Store) -> None:
    add_host(store, due_in=DAY, visits=1, last_visit=due.server_time(store).timestamp() - 60)
    run("hosts", "set", "h.test", "--max-pages", "7")  # the policy decides
    before = shown(run)["due_at"]
    assert run("recrawl", "h.test", "--at", LATER) == "1 host asked for at 2100-01-01 00:00 UTC\n"
    assert shown(run)["due_at"] == before < LATER
    assert shown(run)["why"][0] == "operator: asked for one more visit, at 2100-01-01 00:00 UTC"
    assert host_store.read_clock(store, "h.test").slack >= 0


def test_a_visit_that_is_asked_for_earlier_is_made_then_and_before_the_others(run: Run, store: Store) -> None:
    add_host(store, due_in=DAY, visits=1, last_visit=due.server_time(store).timestamp())
    wanted = due.server_time(store) + timedelta(minutes=10)
    run("recrawl", "h.test", "--at", format_time(wanted))
    assert shown(run)["due_at"] == at(wanted)
    assert shown(run)["cause"] == "operator"
    assert host_store.read_clock(store, "h.test").slack == due.ASKED_SLACK


def test_a_visit_before_it_does_not_fulfil_a_wish(run: Run, store: Store) -> None:
    add_host(store)
    add_worker(store)
    ticking = Scheduler(store, settings.load())
    run("recrawl", "h.test", "--at", LATER)
    assert ticking.tick().dispatched.started.keys() == {"h.test"}
    end_recrawl(store)
    ticking.tick()
    assert shown(run)["asked_at"] == "2100-01-01T00:00:00.000Z"
    [visit] = shown(run)["last_visits"]
    assert "asked_at" not in visit


def test_a_wish_whose_time_comes_while_the_budget_is_spent_is_fulfilled(run: Run, store: Store) -> None:
    at_once = due.server_time(store).timestamp()
    add_host(store, asked_at=at_once - 1, slack=5.0)  # it was due by itself before
    add_host(store, "other.test")
    due.claim(store, 0)
    assert due.is_ready(store, "h.test")
    add_worker(store, places=9)
    ticking = Scheduler(store, settings.load({"SCHEDULE_BUDGET": "0"}))
    started = [ticking.tick().dispatched.started.keys() for _ in range(2)]
    assert {"h.test"} in started
    assert {"other.test"} not in started


def test_a_host_has_one_wish_at_a_time_and_the_earlier_one_counts(
    run: Run, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    add_host(store, due_in=DAY, visits=1, last_visit=due.server_time(store).timestamp())
    soon = due.server_time(store) + timedelta(minutes=10)
    run("recrawl", "h.test", "--at", LATER)
    said = json.loads(run("recrawl", "h.test", "--at", format_time(soon), "--json"))
    assert said["replaced"] == {"h.test": "2100-01-01T00:00:00.000Z"}
    assert "is asked for at" in run("recrawl", "h.test", "--at", LATER)
    assert shown(run)["asked_at"] == at(soon)
    assert run("recrawl", "h.test") == "1 host asked for\n"
    assert run("recrawl", "h.test") == "1 host asked for\n"


KEPT_BACK: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "paused": (
        {"pause": "the police asked"},
        ("--now",),
        "the police asked; `orbweaver hosts resume h.test` ends that",
    ),
    "paused, later": ({"pause": "the police asked"}, ("--at", LATER), "`orbweaver hosts resume h.test` ends that"),
    "retired": (
        {"retired_at": datetime.fromisoformat("2026-01-01T00:00:00Z")},
        (),
        "retired, not due; `orbweaver hosts res",
    ),
    "expired": (
        {"authority": "J. Doe", "expires_at": datetime.fromisoformat("2026-01-01T00:00:00Z")},
        (),
        "authority J. Doe, not due: it expires at 2026-01-01 00:00 UTC; `orbweaver hosts set h.test --expires TIME`",
    ),
    "expires before": (
        {"authority": "J. Doe", "expires_at": datetime.fromisoformat("2099-01-01T00:00:00Z")},
        ("--at", LATER),
        "its authority expires at 2099-01-01T00:00:00.000Z, before that",
    ),
    "quiet all day": (
        {"quiet_hours": "00:00-24:00 UTC"},
        (),
        "whole day: not due; `orbweaver hosts set h.test --clear",
    ),
}


@pytest.mark.parametrize(("changes", "options", "reason"), KEPT_BACK.values(), ids=KEPT_BACK)
def test_a_visit_that_will_not_be_made_is_refused_with_the_reason_and_the_mend(
    run: Run, store: Store, changes: dict[str, Any], options: tuple[str, ...], reason: str
) -> None:
    add_host(store, due_in=1e6, visits=1, last_visit=due.server_time(store).timestamp(), **changes)
    add_host(store, "other.test", due_in=1e6)
    said = run("recrawl", "h.test", "other.test", *options)
    assert said.startswith("1 host asked for")
    assert "orbweaver: h.test is not visited: " in said
    assert reason in said
    assert said.endswith("status 1")
    [refused] = json.loads(run("recrawl", "h.test", *options, "--json").partition("status")[0])["refused"]
    assert refused["host"] == "h.test"
    assert shown(run)["asked_at"] is None


def test_a_host_without_the_authority_that_is_demanded_is_not_asked_for(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_host(store)
    monkeypatch.setenv("AUTHORITY_REQUIRED", "true")
    assert "AUTHORITY_REQUIRED asks for a named authority with an expiry: `orbweaver hosts set h" in run(
        "recrawl", "h.test"
    )
    run("hosts", "set", "h.test", "--authority", "J. Doe", "--expires", LATER)
    assert run("recrawl", "h.test") == "1 host asked for\n"


def test_an_import_says_which_hosts_are_not_visited_all_the_same(run: Run, store: Store, tmp_path: Any) -> None:
    path = tmp_path / "reports.txt"
    path.write_text("http://h.test/x\nhttp://new.test/\n")
    add_host(store, pause="the police asked")
    said = {
        one["host"]: one["kept_back"]
        for one in json.loads(run("reports", "import", str(path), "--now", "--json"))["hosts"]
    }
    assert said["new.test"] is None
    assert "the police asked" in said["h.test"]


def test_hosts_have_to_be_named_or_chosen(run: Run, store: Store) -> None:
    add_host(store)
    for arguments in ((), ("--dry-run",)):
        with pytest.raises(NothingToDo, match="give host names"):
            run("recrawl", *arguments)


def test_now_and_at_are_not_both_given(run: Run, store: Store) -> None:
    add_host(store)
    with pytest.raises(typer.BadParameter, match="not both"):
        run("recrawl", "h.test", "--at", LATER, "--now")
