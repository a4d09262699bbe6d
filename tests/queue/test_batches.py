"""Sightings without an answer are kept and asked about again."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import RUN, a_sighting, add_batch, build_list, digests_of, work
from orbweaver.queue import batches, queues, runs
from orbweaver.queue.queues import QueueName
from orbweaver.store import keys
from orbweaver.store.connection import Store


def test_what_stayed_unknown_is_asked_again_and_then_forgotten(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, other = a_sighting(), a_sighting(b"other", url="http://h.test/b.bin")
    add_batch(store, known, other)
    work(store, QueueName.MATCH)
    assert store.hlen(keys.unanswered()) == 2

    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256]))
    assert batches.ask_again(store, "run-2") == 2
    assert store.hlen(keys.unanswered()) == 2  # kept until there is an answer
    work(store, QueueName.MATCH)
    assert store.hlen(keys.unanswered()) == 0
    assert runs.case_ids(store, "run-2") == [known.sighting_id]
    assert runs.unknown(store, "run-2") == []
    assert batches.ask_again(store, "run-3") == 0


def test_many_unanswered_sightings_are_asked_about_in_bounded_batches(store: Store) -> None:
    sightings = [a_sighting(b"%d" % n) for n in range(batches.ASKED_AT_ONCE + 1)]
    with store.pipeline() as pipe:
        batches.keep_unanswered(pipe, sightings)
        pipe.execute()
    assert batches.ask_again(store, RUN) == len(sightings)
    found = [batches.read(store, one.decode()) for one in store.smembers(keys.run_batches(RUN))]
    assert sorted(len(batch.sightings) for batch in found if batch is not None) == [1, batches.ASKED_AT_ONCE]


def test_a_batch_whose_job_was_lost_gets_another(store: Store) -> None:
    sighting = a_sighting()
    lost = add_batch(store, sighting)
    store.delete("rq:queue:match", f"rq:job:{queues.match_job_id(lost)}")
    assert batches.ask_again(store, "run-2") == 1
    assert batches.read(store, lost) is None
    [batch_id] = store.smembers(keys.batches())
    batch = batches.read(store, batch_id.decode())
    assert batch == batches.Batch(run_id="run-2", sightings=(sighting,), place=1)
    assert queues.queue_for(store, QueueName.MATCH).get_job_ids() == [queues.match_job_id(batch_id.decode())]
    assert (runs.waiting(store, RUN), runs.waiting(store, "run-2")) == ((0, 0), (1, 0))


def test_a_batch_whose_job_still_waits_is_left_alone(store: Store) -> None:
    batch_id = add_batch(store, a_sighting())
    assert batches.ask_again(store, "run-2") == 0
    assert batches.read(store, batch_id) is not None
    assert queues.queue_for(store, QueueName.MATCH).get_job_ids() == [queues.match_job_id(batch_id)]


def test_a_batch_that_cannot_be_found_was_answered(store: Store) -> None:
    assert batches.read(store, "missing") is None
