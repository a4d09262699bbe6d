"""Any worker looks after what nobody works on any more, on a clock, with no run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from builders import (
    RUN,
    a_match,
    a_sighting,
    add_batch,
    an_order,
    beginning,
    build_list,
    digests_of,
    end_leases,
    kill_worker,
    parked,
    transaction,
    url_of,
    work,
)
from gate import Gate
from orbweaver.model import now
from orbweaver.queue import queues
from orbweaver.queue.fleet import dead_workers, upkeep
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries, recrawl_progress, recrawls, runs
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.runs import run_lock
from orbweaver.queue.runs.run_lock import VERIFY
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.delivery import lanes, outbox, sink_states
from orbweaver_command import Workplace, eventually
from synthetic_host import Resource, SyntheticHost

LOOPBACK = {"SANDBOX": "off", "ALLOW_ADDRESSES": "127.0.0.0/8"}
NOON = now().replace(hour=12, minute=0)
# A worker as production starts it, but it looks every second, where others look every minute.
QUICK_WORKER = """
import sys
from datetime import timedelta
from orbweaver.queue.fleet import upkeep
from orbweaver.queue.fleet.workers import plain_worker
from orbweaver.queue.queues import QueueName
from orbweaver.store import connection
plain_worker.MAINTENANCE_SECONDS, plain_worker.WORKER_SECONDS, upkeep.LOOK_EVERY = 0, 16, timedelta(0)
plain_worker.work(connection.connect(sys.argv[1]), [QueueName(sys.argv[2])])
"""


@contextmanager
def quick_worker(store: Store, name: QueueName, **environment: str) -> Iterator[None]:
    command = [sys.executable, "-P", "-c", QUICK_WORKER, url_of(store), name]
    with subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL) as worker:
        try:
            yield
        finally:
            worker.terminate()
            worker.wait()


def an_event(store: Store, run_id: str = "a run that is gone") -> str:
    """Write a case and its event, which waits for its delivery."""
    change = change_by_match(a_sighting(), a_match(), None, case_store.stamp(store))
    assert change.event is not None
    with transaction(store) as pipe:
        case_store.write(pipe, change)
        deliveries.note_events(store, pipe, run_id, str(change.event.event_id))
    return str(change.event.event_id)


def lines_of(folder: Path) -> int:
    path = folder / "events.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def jobs(store: Store, name: QueueName) -> list[str]:
    return queues.queue_for(store, name).get_job_ids()


def test_an_idle_worker_delivers_an_event_whose_job_was_lost_with_no_run(store: Store, tmp_path: Path) -> None:
    with quick_worker(store, QueueName.TAKEDOWN, TAKEDOWN_SINKS=f"jsonl:{tmp_path}"):
        eventually(lambda: store.exists(keys.upkeep()))  # it has looked once, and is idle
        change = change_by_match(a_sighting(), a_match(), None, case_store.stamp(store))
        assert change.event is not None
        with transaction(store) as pipe:
            case_store.write(pipe, change)
            outbox.put(pipe, [str(change.event.event_id)], "a run that is gone", lambda *_: None)
        eventually(lambda: not outbox.event_ids(store))
    assert lines_of(tmp_path) == 1


def test_a_delivery_that_failed_is_tried_again_after_a_while_by_any_worker(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{blocked / 'events'}")
    event_id = an_event(store)
    work(store, QueueName.TAKEDOWN)
    [sink] = sink_states.states(store)
    assert lanes.failing(store, sink, event_id) is not None
    blocked.unlink()
    assert upkeep.look_after(store, now() + upkeep.RETRY_EVERY)
    assert jobs(store, QueueName.TAKEDOWN) == []  # it waits for its time, and needs no job
    with quick_worker(store, QueueName.TAKEDOWN, TAKEDOWN_SINKS=f"jsonl:{blocked / 'events'}"):
        eventually(lambda: not outbox.event_ids(store))
    assert lines_of(blocked / "events") == 1
    assert (parked(store, QueueName.TAKEDOWN), lanes.waiting_ids(store, [sink])) == ({}, set())


def test_what_earlier_releases_left_in_the_outbox_is_delivered_by_any_worker(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path}")
    event_id = an_event(store)
    store.flushdb()
    change = change_by_match(a_sighting(), a_match(), None, case_store.stamp(store))
    assert change.event is not None
    event_id = str(change.event.event_id)
    store.hset(f"orbweaver:event:{event_id}", "json", change.event.model_dump_json())
    store.hset("orbweaver:undelivered", event_id, "0f3c5a")  # the id of a run
    work(store, QueueName.TAKEDOWN)
    assert (lines_of(tmp_path), store.exists("orbweaver:undelivered")) == (1, 0)


def test_a_killed_verify_leaves_its_recrawls_to_the_workers_of_its_store(store: Store, tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    gate = Gate(Resource("application/zip", b"known"))
    matcher = build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256])
    settings = {**LOOPBACK, "STORE_URL": url_of(store), "MATCHER_URL": matcher}
    with SyntheticHost({"/": Resource(None, gate.answer)}) as host:
        verify = place.start("verify", place.write("urls.txt", f"{host.url}\n"), **settings)
        eventually(lambda: gate.is_reached)
        registered = {key.decode().rpartition(":")[2] for key in store.smembers("rq:workers")}
        verify.send_signal(signal.SIGKILL)
        verify.communicate()
        eventually(lambda: all(dead_workers.is_dead(store, name) for name in registered))
        gate.open()
        [recrawl_id] = [key.decode().split(":")[2] for key in store.keys("orbweaver:recrawl:*")]
        with quick_worker(store, QueueName.RECRAWL, **LOOPBACK):
            eventually(lambda: recrawl_progress.statuses(store, [recrawl_id])[0].state is RecrawlState.FINISHED)
    record = recrawls.read(store, recrawl_id)
    assert record is not None
    assert (record.attempt, record.tally.files) == (2, 1)
    assert store.scard(keys.batches()) == 1


def test_an_unanswered_sighting_is_asked_again_with_no_run(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sighting = a_sighting()
    with transaction(store) as pipe:
        batches.keep_unanswered(pipe, [sighting])
    path = tmp_path / "list.hashes"
    monkeypatch.setenv("MATCHER_URL", build_list(path, [sighting.digests.sha256]))
    path.rename(tmp_path / "away")  # the service is down
    work(store, QueueName.MATCH)
    assert (store.zcard(keys.cases()), store.hlen(keys.unanswered()), batches.waiting_count(store)) == (0, 0, 1)
    (tmp_path / "away").rename(path)
    work(store, QueueName.MATCH)
    assert store.zcard(keys.cases()) == 1
    assert (store.scard(keys.batches()), store.hlen(keys.unanswered())) == (0, 0)


def test_a_sighting_that_stays_unanswered_is_asked_again_after_a_while_and_not_at_every_look(store: Store) -> None:
    add_batch(store, a_sighting())
    work(store, QueueName.MATCH)  # no service is set
    assert store.hlen(keys.unanswered()) == 1
    later = now() + upkeep.RETRY_EVERY / 2
    upkeep.look_after(store, later)
    assert (jobs(store, QueueName.MATCH), store.hlen(keys.unanswered())) == ([], 1)
    upkeep.look_after(store, later + upkeep.RETRY_EVERY / 2)
    assert (len(jobs(store, QueueName.MATCH)), store.hlen(keys.unanswered())) == (1, 0)


def test_a_run_that_goes_on_counts_what_is_asked_again_among_its_own(store: Store) -> None:
    with transaction(store) as pipe:
        batches.keep_unanswered(pipe, [a_sighting()])
    with run_lock.hold(store, RUN, VERIFY, threading.Event()):
        upkeep.look_after(store, NOON)
    assert runs.waiting(store, RUN) == (1, 0)


def test_a_batch_without_a_job_gets_one_and_stays_of_its_run(store: Store) -> None:
    lost, waiting, has_job = (add_batch(store, a_sighting(url=f"http://h.test/{n}")) for n in range(3))
    batch = batches.read(store, waiting)
    assert batch is not None
    with transaction(store) as pipe:
        batches.settle(pipe, waiting, batch, [one.sighting_id for one in batch.sightings])
    for batch_id in (lost, waiting):
        store.lrem("rq:queue:match", 0, queues.match_job_id(batch_id))
        store.delete(f"rq:job:{queues.match_job_id(batch_id)}")
    upkeep.look_after(store, NOON)
    upkeep.look_after(store, NOON + upkeep.LOOK_EVERY)
    assert [queues.batch_of(one) for one in jobs(store, QueueName.MATCH)] == [lost, has_job]
    assert (batches.waiting_count(store), runs.waiting(store, RUN)[0]) == (1, 3)


def test_a_parked_question_is_asked_again_after_a_while_and_parked_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = add_batch(store, a_sighting())
    job_id = queues.match_job_id(batch_id)
    store.hset(f"rq:job:{job_id}", "webhooks", "[]")  # so it is refused
    upkeep.look_after(store, now() - timedelta(minutes=1))
    work(store, QueueName.MATCH)
    assert parked(store, QueueName.MATCH).keys() == {job_id}
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [a_sighting().digests.sha256]))
    upkeep.look_after(store, now() + upkeep.RETRY_EVERY)
    assert parked(store, QueueName.MATCH) == {}
    work(store, QueueName.MATCH)
    assert (batches.read(store, batch_id), store.zcard(keys.cases())) == (None, 1)


def test_a_recrawl_whose_job_is_parked_has_failed_and_frees_its_host(store: Store) -> None:
    with SyntheticHost({"/": ("application/zip", b"PK")}, delay=3600) as host:
        recrawl_id = recrawls.create(store, "a run that is gone", an_order(host.host))
        queues.enqueue_recrawl(store, host.host, recrawl_id, 60)
        store.hset(f"rq:job:{queues.recrawl_job_id(host.host)}", "retries_left", 0)
        kill_worker(store, lambda said: said.endswith(" state running"), "recrawl", "--name", "doomed", **LOOPBACK)
        upkeep.look_after(store, now() + upkeep.LOOK_EVERY)
        record = recrawls.read(store, recrawl_id)
        assert record is not None
        assert record.state is RecrawlState.FAILED
        assert record.reason == "worker doomed died and no retry is left (tried 4 times)"
        queues.enqueue_recrawl(store, host.host, "another", 60)


@pytest.mark.parametrize(
    "moment", ["HSET orbweaver:upkeep", "ZADD orbweaver:released-batches", "HDEL orbweaver:unanswered"]
)
def test_nothing_is_lost_or_doubled_when_a_worker_is_killed_while_it_looks(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    unanswered, lost = (a_sighting(body, url=f"http://h.test/{body.decode()}") for body in (b"unanswered", b"lost"))
    environment = {
        "MATCHER_URL": build_list(tmp_path / "list.hashes", [one.digests.sha256 for one in (unanswered, lost)]),
        "TAKEDOWN_SINKS": f"jsonl:{tmp_path}",
    }
    event_id, batch_id = an_event(store), add_batch(store, lost)
    with transaction(store) as pipe:
        batches.keep_unanswered(pipe, [unanswered])
    store.delete("rq:queue:takedown", "rq:queue:match")
    store.delete(f"rq:job:{queues.delivery_job_id(event_id)}", f"rq:job:{queues.match_job_id(batch_id)}")
    kill_worker(store, beginning(moment), "match", "takedown", **environment)
    end_leases(store)
    dead_workers.recover_dead_workers(store)  # a job that it took and did not start: RQ would wait a minute
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    upkeep.look_after(store, now() + upkeep.RETRY_EVERY)
    work(store)
    assert (outbox.event_ids(store), store.hlen(keys.unanswered()), store.scard(keys.batches())) == ([], 0, 0)
    delivered = [json.loads(line)["event_id"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert (len(set(delivered)), store.zcard(keys.cases())) == (3, 3)


def test_two_workers_that_look_at_once_enqueue_each_thing_once(store: Store) -> None:
    event_id, batch_id = an_event(store), add_batch(store, a_sighting(b"lost"))
    with transaction(store) as pipe:
        batches.keep_unanswered(pipe, [a_sighting(b"unanswered")])
    store.delete("rq:queue:takedown", "rq:queue:match")
    store.delete(f"rq:job:{queues.delivery_job_id(event_id)}", f"rq:job:{queues.match_job_id(batch_id)}")
    together = threading.Barrier(4)

    def look() -> None:
        together.wait()
        upkeep.look_after(store, NOON)

    lookers = [threading.Thread(target=look) for _ in range(4)]
    for looker in lookers:
        looker.start()
    for looker in lookers:
        looker.join()
    assert jobs(store, QueueName.TAKEDOWN) == [queues.delivery_job_id(event_id)]
    assert len(jobs(store, QueueName.MATCH)) == 2
    assert store.scard(keys.batches()) == 2


def test_one_worker_looks_at_a_time_and_a_fast_clock_keeps_nobody_from_looking(store: Store) -> None:
    assert upkeep.look_after(store, NOON)
    assert not upkeep.look_after(store, NOON + upkeep.LOOK_EVERY / 2)
    assert upkeep.look_after(store, NOON + upkeep.LOOK_EVERY)
    assert upkeep.look_after(store, NOON + timedelta(days=1))
    assert upkeep.look_after(store, NOON)


def test_what_cannot_be_read_holds_up_nothing_else(store: Store) -> None:
    event_id = an_event(store)
    store.delete("rq:queue:takedown", f"rq:job:{queues.delivery_job_id(event_id)}")
    store.set(keys.batch("bad"), "not a batch")
    store.sadd(keys.batches(), "bad", "gone")
    store.hset(keys.unanswered(), "bad", "not a sighting")
    with transaction(store) as pipe:
        batches.keep_unanswered(pipe, [a_sighting()])
    assert upkeep.look_after(store, NOON)
    assert jobs(store, QueueName.TAKEDOWN) == [queues.delivery_job_id(event_id)]
    assert len(jobs(store, QueueName.MATCH)) == 1
    assert store.hkeys(keys.unanswered()) == [b"bad"]
