"""An event is in the outbox from the transaction that causes it until it is taken out."""

from __future__ import annotations

from builders import transaction
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery import outbox


def test_an_event_and_its_job_come_in_one_transaction(store: Store) -> None:
    with transaction(store) as pipe:
        outbox.put(pipe, ["e1"], "run-1", lambda pipe, event_id: pipe.rpush("jobs", event_id))
        assert outbox.event_ids(store) == []
        assert not store.exists("jobs")
    assert outbox.event_ids(store) == ["e1"]
    assert store.lrange("jobs", 0, -1) == [b"e1"]


def test_events_are_counted_by_the_run_that_waits_for_them(store: Store) -> None:
    with transaction(store) as pipe:
        for event_id, run_id in (("e1", "run-1"), ("e2", "run-2"), ("e3", "run-1")):
            outbox.put(pipe, [event_id], run_id, lambda *_: None)
    assert sorted(outbox.event_ids_of(store, "run-1")) == ["e1", "e3"]
    assert (outbox.count_of(store, "run-1"), outbox.count_of(store, "run-3")) == (2, 0)
    with transaction(store) as pipe:
        outbox.take_out(pipe, "e1")
    assert outbox.event_ids_of(store, "run-1") == ["e3"]


def test_an_event_of_another_run_is_taken_over_not_doubled(store: Store) -> None:
    for run_id in ("run-1", "run-2"):
        with transaction(store) as pipe:
            outbox.put(pipe, ["e1"], run_id, lambda *_: None)
    assert outbox.run_of(store, "e1") == "run-2"
    assert (outbox.event_ids(store), outbox.count_of(store, "run-1")) == (["e1"], 0)
