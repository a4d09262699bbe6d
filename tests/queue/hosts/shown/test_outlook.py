"""The outlook on the next days, and on other policies, is of the hosts in the store; for people and for scripts."""

from __future__ import annotations

import dataclasses
import io
import json

import pytest
from host_fleet import add_host
from orbweaver import settings
from orbweaver.console.terminal.hosts import schedule_outlook
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.hosts import due, host_store
from orbweaver.queue.hosts.host_clock import Stop
from orbweaver.queue.hosts.shown import outlook
from orbweaver.queue.schedule.explanation import Cause
from orbweaver.queue.schedule.policy import PolicyName
from orbweaver.queue.schedule.simulation import comparison
from orbweaver.store import keys
from orbweaver.store.connection import Store
from rich.console import Console

DAY = 86_400.0


def settings_of(**values: str) -> settings.Settings:
    return settings.load({"SCHEDULE_BUDGET": "5", **values})


def fill(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten hosts: two late, one of them by a day, four due tomorrow, one paused, two with many cases, one unusable."""
    monkeypatch.setattr(host_store, "READ_AT_ONCE", 3)
    add_host(store, "late.test", due_in=-DAY)
    add_host(store, "soon.test", due_in=-60)
    for number in range(4):
        add_host(store, f"h{number}.test", due_in=1.5 * DAY, visits=3, hits=0.0, days=90.0, last_visit=1e9)
    for number in range(2):
        add_host(store, f"often{number}.test", due_in=6.5 * DAY, visits=9, hits=30.0, days=30.0, last_visit=1e9)
    add_host(store, "paused.test", due_in=float("inf"), stop=Stop.PAUSED)
    add_host(store, "broken.test", due_in=DAY)
    store.hset(keys.host_clock("broken.test"), "w", "-1")


def printed(show: object, *values: object) -> str:
    console = Console(file=io.StringIO(), width=160, highlight=False)
    show(console, *values)  # type: ignore[operator]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_becomes_due_is_counted_by_the_due_times_of_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, monkeypatch)
    seen = outlook.look_ahead(store, settings_of())

    assert seen.forecast.hosts == 9
    assert seen.unreadable == 1
    assert seen.forecast.overdue.visits == 2
    assert seen.forecast.longest_overdue_days == pytest.approx(1, abs=0.01)
    assert seen.forecast.not_due == {Cause.PAUSE: 1}
    assert seen.forecast.load_by_day()[1].visits >= 4

    said = printed(schedule_outlook.show_outlook, seen)
    assert "policy square-root, budget 5 visits a day; 9 hosts: 2 due now, 0 under way, 6 due later, 1 not due" in said
    for part in ("overdue by 24 hours", "not due: 1 pause", "1 host cannot be scheduled", "of the budget"):
        assert part in said
    assert len(said.splitlines()) == 13


def test_a_host_under_way_is_counted_as_due_now(store: Store) -> None:
    add_host(store, due_in=-DAY)
    assert len(due.claim(store, 1)) == 1
    seen = outlook.look_ahead(store, settings_of())

    assert (seen.counts.leased, seen.forecast.overdue.visits) == (1, 1)
    said = printed(schedule_outlook.show_outlook, seen)
    assert "1 host: 0 due now, 1 under way, 0 due later, 0 not due" in said


def test_the_outlook_for_scripts_has_every_hour(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, monkeypatch)
    told = json.loads(json.dumps(schedule_outlook.outlook_as_json(outlook.look_ahead(store, settings_of()))))

    assert (told["policy"], told["budget"], told["unit"]) == ("square-root", 5, "visits")
    assert len(told["load"]) == len(told["backlog"]) == 168
    assert told["hosts"] == {"waiting": 7, "ready": 2, "leased": 0, "never": 1, "unreadable": 1}
    assert told["not_due"] == {"pause": 1}


def test_a_budget_of_0_is_no_division(store: Store) -> None:
    add_host(store, due_in=DAY, asked_at=4e9)
    seen = outlook.look_ahead(store, settings_of(SCHEDULE_BUDGET="0"))

    assert " -  " in printed(schedule_outlook.show_outlook, seen)
    with pytest.raises(ScheduleRefused, match="the budget is 0"):
        outlook.compare_policies(store, settings_of(SCHEDULE_BUDGET="0"))


def test_the_policies_are_compared_on_the_hosts_of_the_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, monkeypatch)
    monkeypatch.setattr(comparison, "DAYS", 30.0)
    plan, compared = outlook.compare_policies(store, settings_of(SCHEDULE_POLICY="tiers", SCHEDULE_UNIT="requests"))

    assert (compared.hosts, compared.budget) == (8, 5)
    assert [one.name for one in compared.results] == list(PolicyName)
    said = printed(schedule_outlook.show_comparison, plan, compared)
    assert "8 hosts; budget 5 requests a day; 5 simulations of 30 days" in said
    assert "tiers (in force)" in said
    assert "1.00 (1.00-1.00)" in said
    drawn = printed(schedule_outlook.show_comparison, plan, dataclasses.replace(compared, hosts=9_000))
    assert "9,000 hosts, 8 of them drawn" in drawn
