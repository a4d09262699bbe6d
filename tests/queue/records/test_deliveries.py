"""An event that waits is sent by a job, whoever it was written by, and leaves the outbox once."""

from __future__ import annotations

import pytest
from builders import RUN, parked, transaction, work
from orbweaver import settings
from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import deliveries, runs
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery import lanes, outbox

E1 = queues.delivery_job_id("e1")


def delivery_jobs(store: Store) -> list[str]:
    return queues.queue_for(store, QueueName.TAKEDOWN).get_job_ids()


def test_an_event_whose_delivery_job_was_lost_gets_another_and_its_run_stays_the_same(store: Store) -> None:
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "e1")
    store.delete("rq:queue:takedown", f"rq:job:{E1}")
    assert deliveries.enqueue_without_job(store, are_parked_due=False) == 1
    assert deliveries.enqueue_without_job(store, are_parked_due=False) == 0  # it waits in its queue already
    assert (delivery_jobs(store), outbox.event_ids_of(store, RUN)) == ([E1], ["e1"])


def test_a_run_takes_over_the_events_that_nobody_delivers(store: Store) -> None:
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "e1")
    assert deliveries.take_over(store, "run-2") == 0
    store.delete("rq:queue:takedown", f"rq:job:{E1}")
    assert deliveries.take_over(store, "run-2") == 1
    assert (runs.waiting(store, RUN), runs.waiting(store, "run-2")) == ((0, 0), (0, 1))
    assert delivery_jobs(store) == [E1]


def test_an_event_that_a_worker_has_just_taken_is_left_to_it(store: Store) -> None:
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "e1")
    store.lmove("rq:queue:takedown", "rq:queue:takedown:intermediate")
    assert deliveries.enqueue_without_job(store, are_parked_due=True) == 0
    assert delivery_jobs(store) == []


@pytest.mark.parametrize("written", ["a run that is gone", ""])
def test_what_an_earlier_release_left_in_the_outbox_gets_its_job(store: Store, written: str) -> None:
    store.hset("orbweaver:undelivered", "e1", written)  # as every release has written it
    assert outbox.event_ids(store) == ["e1"]
    assert deliveries.enqueue_without_job(store, are_parked_due=False) == 1
    assert delivery_jobs(store) == [E1]
    assert store.hgetall(keys.undelivered()) == {b"e1": written.encode()}


def test_events_that_are_written_together_have_one_job_which_sends_them_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAKEDOWN_SINKS", "jsonl:/events")
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "e1", "e2", "e3")
    assert delivery_jobs(store) == [E1]
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "e4")  # its job was lost: the other sends it, too
    store.lrem("rq:queue:takedown", 0, queues.delivery_job_id("e4"))
    assert deliveries.enqueue_without_job(store, are_parked_due=False) == 0
    assert deliveries.send(store, "e1", settings.load())
    assert lanes.waiting_ids(store, ["jsonl:/events"]) == {"e1", "e2", "e3", "e4"}
    assert (store.exists(keys.unsent()), len(outbox.event_ids(store))) == (0, 4)


def test_events_whose_job_was_lost_get_one_job_together(store: Store) -> None:
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "e1", "e2", "e3")
    store.delete("rq:queue:takedown", f"rq:job:{E1}")
    assert deliveries.enqueue_without_job(store, are_parked_due=False) == 3
    assert len(delivery_jobs(store)) == 1
    assert deliveries.enqueue_without_job(store, are_parked_due=False) == 0


def test_events_whose_job_is_parked_wait_with_it_until_parked_jobs_are_due(store: Store) -> None:
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "e1", "e2")
    work(store, QueueName.TAKEDOWN)  # which has no sink
    assert parked(store, QueueName.TAKEDOWN).keys() == {E1}
    assert deliveries.enqueue_without_job(store, are_parked_due=False) == 0
    assert deliveries.enqueue_without_job(store, are_parked_due=True) == 2
    assert len(delivery_jobs(store)) == 1
