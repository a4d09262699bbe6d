"""Job ids, the one job of a host, and giving back what a killed worker held."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from builders import a_sighting, add_batch, an_order, kill_worker, parked, started_worker, transaction, url_of, work
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.queue import queues
from orbweaver.queue.allowed_jobs import JOB_ID, AllowedJob, AllowedQueue
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.queues import QueueName, encoded
from orbweaver.queue.records import batches, recrawls
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.store import keys
from orbweaver.store.connection import Store
from redis import Redis
from rq.exceptions import DequeueTimeout, DuplicateJobError
from rq.job import validate_job_id
from synthetic_host import SyntheticHost

names = st.text() | st.text(alphabet="_-ab0.:5f")


@given(names, names)
def test_different_names_have_different_ids(one: str, other: str) -> None:
    assert (encoded(one) == encoded(other)) is (one == other)


@given(names)
def test_every_name_gives_an_id_that_rq_takes(name: str) -> None:
    validate_job_id(queues.recrawl_job_id(name))
    assert JOB_ID.fullmatch(queues.recrawl_job_id(name).encode())


@pytest.mark.parametrize(
    ("name", "job_id"),
    [
        ("h.test", "recrawl-h_2e_test"),
        ("h.test:8080", "recrawl-h_2e_test_3a_8080"),
        ("[2001:db8::1]", "recrawl-_5b_2001_3a_db8_3a__3a_1_5d_"),
        ("a_2e_b", "recrawl-a_5f_2e_5f_b"),
    ],
)
def test_an_id_can_still_be_read(name: str, job_id: str) -> None:
    assert queues.recrawl_job_id(name) == job_id


def test_a_host_has_one_recrawl_job_at_a_time(store: Store) -> None:
    queues.enqueue_recrawl(store, "h.test", "first", 60)
    with pytest.raises(DuplicateJobError):
        queues.enqueue_recrawl(store, "h.test", "second", 60)
    queues.enqueue_recrawl(store, "h.test:8080", "third", 60)
    queue = queues.queue_for(store, QueueName.RECRAWL)
    assert [job.args for job in queue.get_jobs()] == [["first"], ["third"]]


def test_a_job_is_alive_while_it_waits(store: Store) -> None:
    job_id = queues.match_job_id(add_batch(store, a_sighting()))
    assert queues.is_alive(store, QueueName.MATCH, job_id)
    work(store)
    assert not queues.is_alive(store, QueueName.MATCH, job_id)


def test_a_job_is_alive_whatever_else_is_in_its_queue(store: Store) -> None:
    store.rpush("rq:queue:match", b"\xff", b"gone", b"a:b")
    job_id = queues.match_job_id(add_batch(store, a_sighting()))
    assert queues.is_alive(store, QueueName.MATCH, job_id)
    assert queues.under_way(store, QueueName.MATCH) == {job_id}


@pytest.mark.parametrize("is_registered", [False, True])
def test_a_job_that_was_taken_but_not_started_is_put_back(store: Store, is_registered: bool) -> None:
    batch_id = add_batch(store, a_sighting())
    job_id = queues.match_job_id(batch_id)
    store.lmove("rq:queue:match", "rq:queue:match:intermediate")  # as a worker does, and then dies
    if is_registered:  # which comes before the job says who has started it
        store.zadd("rq:wip:match", {f"{job_id}:execution": time.time() + 600})
    assert queues.waiting_jobs(store, QueueName.MATCH) == 1 + is_registered
    assert not queues.is_alive(store, QueueName.MATCH, job_id)
    dead_workers.recover(store, QueueName.MATCH, "dead")
    assert queues.is_alive(store, QueueName.MATCH, job_id)
    work(store)
    assert batches.read(store, batch_id) is None
    assert queues.waiting_jobs(store, QueueName.MATCH) == 0


@pytest.mark.parametrize("seconds", [None, 1])
def test_a_worker_of_several_queues_that_dies_before_it_starts_a_job_leaves_it_to_others(
    store: Store, seconds: int | None
) -> None:
    taken = [queues.queue_for(store, name).key for name in (QueueName.MATCH, QueueName.TAKEDOWN)]
    with transaction(store) as pipe:
        queues.enqueue_delivery(store, pipe, "event")
    assert AllowedQueue.lpop(taken, seconds, store) == (taken[1], b"deliver-event")  # and then it dies
    assert queues.waiting_jobs(store, QueueName.TAKEDOWN) == 1
    dead_workers.recover(store, QueueName.TAKEDOWN, "dead")
    assert queues.is_alive(store, QueueName.TAKEDOWN, "deliver-event")
    work(store)
    assert queues.waiting_jobs(store, QueueName.MATCH, QueueName.TAKEDOWN) == 0


def test_a_worker_of_several_queues_waits_for_all_of_them(store: Store) -> None:
    with pytest.raises(DequeueTimeout):
        AllowedQueue.lpop(["rq:queue:match", "rq:queue:takedown"], 1, store)


def test_a_job_that_was_put_back_though_it_was_done_is_held_for_no_work(store: Store) -> None:
    store.rpush("rq:queue:match", "gone")
    work(store, QueueName.MATCH)
    assert queues.waiting_jobs(store, QueueName.MATCH) == 0


def test_what_is_no_job_is_not_put_back(store: Store) -> None:
    store.rpush("rq:queue:match:intermediate", "missing", "not an id", "a:b")
    dead_workers.recover(store, QueueName.MATCH, "dead")
    assert queues.waiting_jobs(store, QueueName.MATCH) == 0


def test_a_refused_job_is_put_back_so_that_it_is_parked(store: Store) -> None:
    store.hset("rq:job:bad", mapping={"data": b"[]", "status": b"queued", "origin": b"match"})
    store.rpush("rq:queue:match:intermediate", "bad")
    dead_workers.recover(store, QueueName.MATCH, "dead")
    work(store)
    assert parked(store, QueueName.MATCH).keys() == {"bad"}


def test_a_job_that_is_done_while_it_is_looked_at_is_no_error(store: Store) -> None:
    class Ending(Redis):
        """A connection on which a job is gone as soon as it was read."""

        def hgetall(self, name: Any) -> Any:
            read = super().hgetall(name)
            self.delete(name)
            return read

    queues.enqueue_recrawl(store, "h.test", "recrawl", 60)
    job_id = queues.recrawl_job_id("h.test")
    store.hset(queues.job_key(job_id), mapping={"status": "started", "worker_name": "w"})
    store.hset("rq:worker:w", "queues", "recrawl")
    with contextlib.closing(Ending.from_url(url_of(store))) as ending:
        assert queues.is_being_worked_on(ending, QueueName.RECRAWL, job_id)
    assert not queues.is_being_worked_on(store, QueueName.RECRAWL, job_id)


OPEN = {"SANDBOX": "off", "ALLOW_ADDRESSES": "127.0.0.0/8"}


def kill_in_its_recrawl(store: Store, name: str) -> None:
    """Kill a recrawl worker while its crawl process waits for an answer of the host."""
    kill_worker(store, lambda said: said.endswith(" state running"), "recrawl", "--name", name, **OPEN)


def test_the_job_of_a_killed_worker_is_done_again(store: Store) -> None:
    with SyntheticHost({"/": ("application/zip", b"PK")}, delay=3600) as host:
        recrawl_id = recrawls.create(store, "run", an_order(host.host))
        queues.enqueue_recrawl(store, host.host, recrawl_id, 60)
        kill_in_its_recrawl(store, "doomed")
        dead_workers.recover(store, QueueName.RECRAWL, "another")  # not its worker: nothing is given back
        queue = queues.queue_for(store, QueueName.RECRAWL)
        assert queue.get_job_ids() == []
        dead_workers.recover(store, QueueName.RECRAWL, "doomed")
        job = AllowedJob.fetch(queues.recrawl_job_id(host.host), connection=store)
        assert (queue.get_job_ids(), job.retries_left) == ([job.id], queues.RETRIES - 1)
        assert queues.waiting_jobs(store, QueueName.RECRAWL) == 1
        host.delay = 0
        with started_worker(store, "recrawl", "--burst", **OPEN) as worker:
            assert worker.wait() == 0
    record = recrawls.read(store, recrawl_id)
    assert record is not None
    assert (record.state, record.attempt, record.tally.files) == (RecrawlState.FINISHED, 2, 1)
    assert store.scard(keys.batches()) == 1


def test_a_job_whose_workers_die_again_and_again_is_parked(store: Store) -> None:
    with SyntheticHost({"/": ("application/zip", b"PK")}, delay=3600) as host:
        recrawl_id = recrawls.create(store, "run", an_order(host.host))
        queues.enqueue_recrawl(store, host.host, recrawl_id, 60)
        store.hset(f"rq:job:{queues.recrawl_job_id(host.host)}", "retries_left", 0)
        kill_in_its_recrawl(store, "doomed")
        dead_workers.recover(store, QueueName.RECRAWL, "doomed")
    said = parked(store, QueueName.RECRAWL)
    assert said == {queues.recrawl_job_id(host.host): "worker doomed died and no retry is left"}
    assert queues.waiting_jobs(store, QueueName.RECRAWL) == 0


@pytest.mark.parametrize(
    ("job_id", "read"),
    [
        ("match-0f3c", ("0f3c", "")),
        ("match-0f3c-77aa", ("0f3c", "77aa")),  # as every release has written it
        ("rematch-0f3c", None),
        ("recrawl-match-1", None),
        ("match", None),
        ("match-", None),
    ],
)
def test_a_match_jobs_id_says_its_batch_and_which_asking_it_is(job_id: str, read: tuple[str, str] | None) -> None:
    found = queues.MatchJobId.read(job_id)
    assert found == read
    assert found is None or str(found) == job_id
