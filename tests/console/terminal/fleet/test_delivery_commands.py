"""`orbweaver deliveries`: what each sink has and has not taken, why, and having it tried or sent again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from builders import RUN, STAMP, a_match, a_sighting, transaction, work
from orbweaver import settings
from orbweaver.console.errors import NothingToDo
from orbweaver.console.terminal.doctor import examination
from orbweaver.model import Actor, ActorKind, EventType
from orbweaver.queue.matching import settlement
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import change_by_event
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.delivery import lanes, outbox
from orbweaver.takedown.errors import DeliveryUnknown

Run = Callable[..., str]
PERSON = Actor(kind=ActorKind.PERSON, name="A. Analyst")


@pytest.fixture
def case(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A case of three events, the second of which is a note, with one sink that cannot be written and one that can."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path / 'file'} jsonl:{tmp_path / 'well'}")
    opened = change_by_match(a_sighting(), a_match(), None, case_store.stamp(store))
    noted = change_by_event(opened.after, EventType.NOTE, case_store.stamp(store), actor=PERSON, reason="asked")
    seen = change_by_event(noted.after, EventType.SEEN_LIVE, case_store.stamp(store), actor=PERSON)
    with transaction(store) as pipe:
        settlement.write_changes(store, pipe, RUN, [opened, noted, seen])
    in_force.declare(store, settings.load(), [QueueName.TAKEDOWN])
    work(store, QueueName.TAKEDOWN)
    return str(opened.after.case.case_id)


def told(run: Run, *arguments: str) -> Any:
    return json.loads(run("deliveries", *arguments, "--json"))


def lines(folder: Path) -> list[int]:
    path = folder / "events.jsonl"
    return [json.loads(line)["sequence"] for line in path.read_text().splitlines()] if path.exists() else []


def test_each_sink_and_each_failed_event_is_told(run: Run, store: Store, case: str, tmp_path: Path) -> None:
    bad, well = (f"jsonl:{tmp_path / name}" for name in ("file", "well"))
    said = told(run, "list")
    assert [(one["sink"], one["state"], one["waiting"], one["failed"]) for one in said["sinks"]] == [
        (bad, "failing", 2, 1),
        (well, "well", 0, 0),
    ]
    [event] = said["events"]
    assert (event["sink"], event["case"], event["is_parked"]) == (bad, case, False)
    assert event["tries"] >= 1  # it is tried again after a second, which a slow worker may see
    assert "File exists" in event["reason"]
    shown = run("deliveries", "list")
    assert f"{well}: 0 events to deliver" in shown
    assert "did not take an event since" in shown
    assert "deliveries: 2 waiting for a sink, 1 failed, 0 parked" in run("jobs")
    checks = [one for one in examination.examine(settings.load()) if one.subject == "deliveries"]
    assert [one.state for one in checks] == ["warn", "ok"]
    store.zadd(lanes.waiting_key(bad), {event["event"]: "inf"})
    checks = [one for one in examination.examine(settings.load()) if one.subject == "deliveries"]
    assert [(one.state, "1 event parked" in one.finding) for one in checks] == [("fail", True), ("ok", False)]


def test_an_event_that_no_worker_has_looked_at_yet_is_still_to_be_delivered(
    run: Run, store: Store, case: str, tmp_path: Path
) -> None:
    """A person who has decided, and looks whether the engine knows it."""
    well = f"jsonl:{tmp_path / 'well'}"
    before = {one["sink"]: one["waiting"] for one in told(run, "list")["sinks"]}
    change = change_by_match(a_sighting(b"new", url="http://h.test/new"), a_match(body=b"new"), None, STAMP)
    assert change.event is not None
    with transaction(store) as pipe:
        case_store.write(pipe, change)
        outbox.put(pipe, [str(change.event.event_id)], "operator", lambda *_: None)
    assert {one["sink"]: one["waiting"] for one in told(run, "list")["sinks"]} == {
        sink: waiting + 1 for sink, waiting in before.items()
    }
    assert f"{well}: 1 event to deliver" in run("deliveries", "list")


def test_a_case_is_shown_with_what_each_sink_has_of_it(run: Run, case: str, tmp_path: Path) -> None:
    said = told(run, "show", case)
    assert [(one["sequence"], one["is_for_engine"]) for one in said["events"]] == [(1, True), (2, False), (3, True)]
    bad, well = said["events"][0]["sinks"]
    assert (bad["taken_at"], well["taken_at"] is None, "File exists" in bad["reason"]) == (None, False, True)
    assert said["first_delivered_at"] == well["taken_at"]
    assert said["acknowledged_at"] is None
    assert told(run, "show", said["events"][1]["event"]) == said
    shown = run("deliveries", "show", case)
    assert "2 case.note" in shown
    assert "not for the engine" in shown
    assert told(run, "show", case[:8]) == said
    for named in ("nothing", case[:7], "00000000"):
        with pytest.raises(DeliveryUnknown, match="no case and no event"):
            run("deliveries", "show", named)


def test_what_failed_is_tried_again_when_told(run: Run, store: Store, case: str, tmp_path: Path) -> None:
    (tmp_path / "file").unlink()
    sink = f"jsonl:{tmp_path / 'file'}"
    lanes.wait_until(store, sink, lanes.waiting_ids(store, [sink]), lanes.server_seconds(store) + 3600)
    work(store, QueueName.TAKEDOWN)
    assert lines(tmp_path / "file") == []
    assert told(run, "retry", "--case", case, "--sink", sink) == {
        "deliveries": 2,
        "done": "to be tried now",
    }
    work(store, QueueName.TAKEDOWN)
    assert (lines(tmp_path / "file"), outbox.event_ids(store)) == ([1, 3], [])
    assert "0 deliveries are to be tried now" in run("deliveries", "retry")
    with pytest.raises(DeliveryUnknown, match="no event goes to the sink jsonl:/elsewhere"):
        run("deliveries", "retry", "--sink", "jsonl:/elsewhere")


def test_a_new_sink_gets_what_it_never_got_and_any_sink_a_case_again(
    run: Run, store: Store, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    well, new = (f"jsonl:{tmp_path / name}" for name in ("well", "new"))
    monkeypatch.setenv("TAKEDOWN_SINKS", f"{well} {new}")
    in_force.declare(store, settings.load(), [QueueName.TAKEDOWN])
    with pytest.raises(NothingToDo, match="--yes"):
        run("deliveries", "retry", "--sink", new, "--missing")
    assert "2 deliveries are to be sent, by a takedown worker" in run(
        "deliveries", "retry", "--sink", new, "--missing", "--yes"
    )
    work(store, QueueName.TAKEDOWN)
    assert (lines(tmp_path / "new"), lines(tmp_path / "well"), outbox.event_ids(store)) == ([1, 3], [1, 3], [])
    assert "0 deliveries are to be sent" in run("deliveries", "retry", "--sink", new, "--missing", "--yes")
    assert told(run, "retry", "--sink", well, "--again", "--case", case)["deliveries"] == 2
    work(store, QueueName.TAKEDOWN)
    assert (lines(tmp_path / "well"), lines(tmp_path / "new"), outbox.event_ids(store)) == ([1, 3, 1, 3], [1, 3], [])


@pytest.mark.parametrize("options", [["--missing"], ["--again"], ["--again", "--sink", "s"], ["--missing", "--again"]])
def test_what_cannot_be_meant_is_refused(run: Run, options: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        run("deliveries", "retry", *options)
