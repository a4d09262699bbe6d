"""The change of many hosts at once is undone at once, but for what somebody changed since."""

from __future__ import annotations

from host_fleet import add_host
from orbweaver import settings
from orbweaver.queue.hosts import due, host_store, undoing
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.counting import plan_of
from orbweaver.queue.hosts.undoing import HostAct
from orbweaver.store import keys
from orbweaver.store.connection import Store

LOADED = settings.load()
NAMES = ["a.test", "b.test", "c.test"]


def stands(store: Store, name: str) -> tuple[str | None, bool, float | None, bool]:
    record = host_store.read_record_of(store, name)
    assert record is not None
    is_asked_for = host_store.read_clock(store, name).asked_at is not None
    return record.pause, record.retired_at is not None, record.weight, is_asked_for


def test_each_change_is_made_to_all_hosts_and_undone(store: Store) -> None:
    for name in NAMES:
        add_host(store, name, due_in=3_600)
    operator = Operator(store, plan_of(LOADED))
    operator.set("b.test", {"weight": 7})
    operator.pause("c.test", "the police asked")
    before = [stands(store, name) for name in NAMES]
    due_before = due.due_times(store, ["c.test"])
    for act, expected in (
        (HostAct.PAUSE, [("why", False, None, False), ("why", False, 7, False), ("why", False, None, False)]),
        (HostAct.RESUME, [(None, False, None, False), (None, False, 7, False), (None, False, None, False)]),
        (HostAct.RETIRE, [(None, True, None, False), (None, True, 7, False), ("the police asked", True, None, False)]),
        (HostAct.WEIGHT, [(None, False, 3, False), (None, False, 3, False), ("the police asked", False, 3, False)]),
        (HostAct.VISIT, [(None, False, None, True), (None, False, 7, True), ("the police asked", False, None, False)]),
    ):
        made = undoing.change(store, LOADED, act, [*NAMES, "a.test"], by="anna", reason="why", weight=3)
        assert [stands(store, name) for name in NAMES] == expected
        undone = undoing.undo(store, LOADED, made)
        assert [stands(store, name) for name in NAMES] == before
        assert (undone.kept, undone.undone_at is not None) == (0, True)
        kept = undoing.read(store, made.change_id)
        assert kept is not None
        assert (kept.after, kept.undone_at is not None) == (undone.after, True)
    assert due.due_times(store, ["c.test"]) == due_before
    assert store.ttl(keys.host_changes(made.change_id)) > 0


def test_what_is_not_possible_is_refused_with_its_reason_and_the_others_are_changed(store: Store) -> None:
    add_host(store, "a.test", due_in=3_600)
    add_host(store, "b.test", due_in=3_600)
    Operator(store, plan_of(LOADED)).pause("b.test", "asked")
    made = undoing.change(store, LOADED, HostAct.VISIT, ["a.test", "b.test", "no.test"], by="anna")
    assert made.changed == ("a.test",)
    assert "paused" in made.refused["b.test"]
    assert "not revisited" in made.refused["no.test"]


def test_what_was_changed_since_is_left_alone(store: Store) -> None:
    for name in NAMES:
        add_host(store, name, due_in=3_600)
    made = undoing.change(store, LOADED, HostAct.PAUSE, NAMES, by="anna", reason="first")
    operator = Operator(store, plan_of(LOADED))
    operator.pause("b.test", "second")
    operator.set("c.test", {"weight": 2})  # something else: that is no reason to keep the pause
    undone = undoing.undo(store, LOADED, made)
    assert undone.kept == 1
    assert [stands(store, name)[0] for name in NAMES] == [None, "second", None]
    assert stands(store, "c.test")[2] == 2
    operator.pause("a.test", "third")
    assert undoing.undo(store, LOADED, undone) == undone
    assert stands(store, "a.test")[0] == "third"
