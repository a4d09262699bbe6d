"""A host that said that it has too many requests is not visited before its time, which is said, and cannot hide so."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from builders import url_of
from host_fleet import add_host, add_worker, end_recrawl
from orbweaver import cli
from orbweaver.commands.plain_help import command_of
from orbweaver.model import Outcome, Report, Reported, Tally
from orbweaver.queue.hosts import completion, counting, dispatch, due, host_store, host_waits
from orbweaver.queue.hosts.counting import BudgetPlan
from orbweaver.queue.hosts.dispatch import Dispatched, NotStarted
from orbweaver.queue.hosts.visit_outcome import SLOWED_VISITS, VisitEnding, VisitOutcome, slowed
from orbweaver.queue.records import paces
from orbweaver.queue.records.paces import Waited
from orbweaver.queue.schedule.host_pace import HostPace, after_wait
from orbweaver.queue.schedule.policy import SchedulePolicy
from orbweaver.store import keys
from orbweaver.store.connection import Store

PLAN = BudgetPlan(SchedulePolicy(budget=1_000, jitter=0))


def asks_to_wait(store: Store, host: str = "h.test", seconds: float = 600) -> float:
    """Have a host ask a recrawl to wait, as a worker writes it; returns until when."""
    at = due.server_time(store).timestamp()
    pace = after_wait(paces.paces(store, [host])[host], at, seconds)
    waits = {host: Waited(HostPace(), pace)}
    paces.ask(store, "worker", {}, [], number=1, places=2, lasts=10, turn=10, waits=waits)
    return pace.until


def dispatched(store: Store) -> Dispatched:
    shares = counting.provisional(PLAN.policy, 1)
    return dispatch.dispatch(store, PLAN, shares, due.server_time(store))


def test_no_visit_begins_before_the_time_that_a_host_asked_for(store: Store) -> None:
    add_worker(store)
    add_host(store)
    until = asks_to_wait(store)
    assert dispatched(store).given_back == {"h.test": NotStarted.ASKED}
    assert due.due_times(store, ["h.test"]) == [pytest.approx(until, abs=1)]
    add_host(store, asked_at=due.server_time(store).timestamp())  # not even when an operator asks for it
    assert dispatched(store).given_back == {"h.test": NotStarted.ASKED}
    store.delete(keys.host_pace("h.test"))
    add_host(store)
    assert list(dispatched(store).started) == ["h.test"]


def test_a_site_waits_while_all_of_its_reported_hosts_do(store: Store) -> None:
    reports = [Report(url=f"http://{name}.h.test/") for name in ("a", "b")]
    at = due.server_time(store)
    first, later = asks_to_wait(store, "a.h.test", 60), asks_to_wait(store, "b.h.test", 600)
    both, one, none = host_waits.waits_of(store, [reports, reports[:1], []], at)
    assert both.until is not None
    assert both.until.timestamp() == pytest.approx(first)
    assert one.until == both.until
    assert none.until is None
    assert first < later
    store.delete(keys.host_pace("a.h.test"))
    assert host_waits.waits_of(store, [reports], at)[0].until is None
    many = [Report(url=f"http://h{number}.test/") for number in range(host_waits.MOST_HOSTS + 1)]
    assert host_waits.asked_hosts(many) == ()


def test_operators_are_told_what_a_host_asked_for(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("STORE_URL", url_of(store))
    monkeypatch.setenv("STATE_DIR", str(tmp_path))

    def run(*arguments: str) -> str:
        command_of(cli.app).main(list(arguments), standalone_mode=False)
        said = capsys.readouterr()
        return said.out + said.err

    add_host(store)
    assert "asked to wait" not in run("recrawl", "h.test", "--now") + run("hosts", "show", "h.test")
    until = asks_to_wait(store)
    assert "h.test: asked to wait (429 or 503) until 20" in run("recrawl", "h.test", "--now")
    [said] = json.loads(run("recrawl", "h.test", "--json"))["asked_to_wait"].values()
    assert said.startswith("20")
    shown = json.loads(run("hosts", "show", "h.test", "--json"))
    assert shown["state"] == "waiting"
    assert any(line.startswith("the host asked to wait until 20") for line in shown["why"])
    assert any(line.startswith("slowed: it answered 429 or 503 once") for line in shown["why"])
    assert "slowed: it answered" in run("hosts", "show", "h.test")
    assert until > due.server_time(store).timestamp()


@pytest.mark.parametrize(
    ("outcome", "visits", "becomes"),
    [
        (VisitOutcome.BUDGET, SLOWED_VISITS, VisitOutcome.BLOCKED),
        (VisitOutcome.REFUSED, SLOWED_VISITS + 4, VisitOutcome.BLOCKED),
        (VisitOutcome.BUDGET, SLOWED_VISITS - 1, VisitOutcome.BUDGET),
        (VisitOutcome.BUDGET, 0, VisitOutcome.BUDGET),
        (VisitOutcome.FINISHED, SLOWED_VISITS, VisitOutcome.FINISHED),
        (VisitOutcome.CRASHED, SLOWED_VISITS, VisitOutcome.CRASHED),
        (VisitOutcome.SLICED, SLOWED_VISITS, VisitOutcome.SLICED),
    ],
)
def test_who_keeps_us_waiting_again_and_again_is_blocked(
    outcome: VisitOutcome, visits: int, becomes: VisitOutcome
) -> None:
    ending = slowed(VisitEnding(outcome, "a limit"), visits)
    assert ending.outcome is becomes
    assert (ending.reason != "a limit") is (becomes is not outcome)


def test_a_host_that_asks_for_ten_years_at_each_visit_is_blocked_and_its_visits_say_why(store: Store) -> None:
    add_worker(store)
    for number in range(SLOWED_VISITS):
        store.delete(keys.host_pace("h.test"))  # an hour later
        add_host(store)
        assert list(dispatched(store).started) == ["h.test"]
        asks_to_wait(store, seconds=10 * 365 * 24 * 3600)
        refused = Reported(url="http://h.test/", outcome=Outcome.ROBOTS, rule="robots", reason="")
        end_recrawl(store, tally=Tally(), reported=(refused,))
        shares = counting.provisional(PLAN.policy, 1)
        completion.complete(store, PLAN, shares, due.server_time(store) + timedelta(seconds=1))
        assert len(host_store.visits(store, "h.test")) == number + 1
    assert [(one.outcome, one.is_slowed) for one in host_store.visits(store, "h.test")] == [
        ("blocked", True),
        ("refused", True),
        ("refused", True),
    ]
    assert host_store.visits(store, "h.test")[0].reason == (
        "it answered 429 or 503 in 3 visits in a row; 1 of 1 reported URLs: robots"
    )
    assert store.ttl(keys.host_pace("h.test")) < 7_200
