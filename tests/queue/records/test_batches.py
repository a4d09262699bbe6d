"""Sightings without an answer are kept and asked about again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import RUN, a_sighting, add_batch, build_list, digests_of, monitored, transaction, work
from orbweaver.matcher_client.gate import service_health
from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, runs
from orbweaver.store import keys
from orbweaver.store.connection import Store
from stand_ins.answering import Asked, Reply, answering


def test_what_stayed_unknown_is_asked_again_and_then_forgotten(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, other = a_sighting(), a_sighting(b"other", url="http://h.test/b.bin")
    add_batch(store, known, other)
    work(store, QueueName.MATCH)
    assert store.hlen(keys.unanswered()) == 2

    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256]))
    assert batches.ask_again(store, "run-2") == 2
    [batch_id] = store.smembers(keys.batches())
    batch = batches.read(store, batch_id.decode())
    assert batch is not None  # which keeps them until there is an answer, and nothing else does
    assert {one.sighting_id for one in batch.sightings} == {known.sighting_id, other.sighting_id}
    assert store.hlen(keys.unanswered()) == 0
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


def test_many_batches_that_are_let_go_are_asked_about_in_their_order_a_few_at_a_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "RELEASED_AT_ONCE", 2)
    path = tmp_path / "list.hashes"
    monkeypatch.setenv("MATCHER_URL", build_list(path, [digests_of(b"known").sha256]))
    path.rename(tmp_path / "away")
    waiting = [add_batch(store, a_sighting(url=f"http://h.test/{number}")) for number in range(5)]
    work(store, QueueName.MATCH)
    assert batches.waiting_count(store) == 5
    newer = add_batch(store, a_sighting(url="http://h.test/newer"))
    with transaction(store) as pipe:
        batches.release(pipe)
    for _ in range(2):
        batches.enqueue_released(store)
        jobs = queues.queue_for(store, QueueName.MATCH).get_job_ids()
        assert [queues.batch_of(one) for one in jobs] == [*waiting[:2], newer]
    (tmp_path / "away").rename(path)
    with monitored(store) as seen:
        work(store, QueueName.MATCH)
    ended = [one.partition("batch:")[2] for one in seen if one.startswith("DEL orbweaver:batch:")]
    assert ended == [*waiting, newer]


def test_a_batch_at_which_a_healthy_service_fails_three_times_is_put_aside_and_all_others_are_answered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, fine = (a_sighting(one, url=f"http://h.test/{one.decode()}") for one in (b"poison", b"fine"))

    def answer(asked: Asked) -> Reply:
        of = {"list_version": "1", "built_to": "2026-03-01T12:00:00.000Z", "entries": 1}
        if asked.path == "/v1/health":
            return Reply(body=json.dumps(of | {"is_healthy": True}).encode(), content_type="application/json")
        questions = json.loads(asked.body)["digest_sets"]
        if poison.digests.sha256 in {one["sha256"] for one in questions}:
            return Reply(status=400)
        answers = of | {"answers": [one | {"listings": []} for one in questions]}
        return Reply(body=json.dumps(answers).encode(), content_type="application/json")

    with answering(answer) as port:
        monkeypatch.setenv("MATCHER_URL", f"http://127.0.0.1:{port}?canary=none")
        batch_ids = [add_batch(store, one) for one in (poison, fine)]
        for failures in (1, 2):
            work(store, QueueName.MATCH)  # it checks the service first, and finds it healthy
            batch = batches.read(store, batch_ids[0])
            assert batch is not None
            assert (batch.failures, batches.waiting_count(store)) == (failures, 2)
        work(store, QueueName.MATCH)
        assert batches.read(store, batch_ids[0]) is None
        assert store.hkeys(keys.unanswered()) == [poison.sighting_id.encode()]
        assert batches.waiting_count(store) == 1  # the gate is closed once more
        work(store, QueueName.MATCH)
    assert (batches.read(store, batch_ids[1]), batches.waiting_count(store)) == (None, 0)
    assert [one.url for one in runs.unknown(store, RUN)] == [poison.url]
    [health] = service_health.read_all(store).values()
    assert health.is_healthy


def test_a_batch_that_cannot_be_found_was_answered(store: Store) -> None:
    assert batches.read(store, "missing") is None
