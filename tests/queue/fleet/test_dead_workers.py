"""Which worker is known to be dead, and giving back its jobs when several do so at once."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from builders import a_sighting, add_batch, transaction, url_of
from loopback_ports import free_port
from orbweaver.queue import queues
from orbweaver.queue.fleet import dead_workers, processes
from orbweaver.queue.hosts import dispatch
from orbweaver.queue.queues import QueueName
from orbweaver.store.connection import Store, connect
from redis import Redis

HERE = {
    "hostname": socket.gethostname(),
    "pid": str(os.getpid()),
    "process_start": str(processes.start_of(os.getpid())),
    "kernel": processes.kernel(),
}
NO_PROCESS = str(2**22 + 1)  # more than the kernel gives
BOOT, _, SPACE = processes.kernel().partition("/")


@pytest.mark.parametrize(
    ("record", "is_dead"),
    [
        ({}, True),  # it has expired
        (HERE, False),
        (HERE | {"pid": NO_PROCESS}, True),
        (HERE | {"process_start": "1"}, True),  # another process has its number by now
        # Another container of this host, with the name of the host: it lives, and its processes cannot be seen.
        (HERE | {"pid": NO_PROCESS, "kernel": f"{BOOT}/pid:[1]"}, False),
        ({"hostname": "another-machine", "pid": NO_PROCESS}, False),
        # Of an earlier release, which wrote no more.
        ({"hostname": socket.gethostname(), "pid": NO_PROCESS}, True),
        ({"hostname": socket.gethostname(), "pid": str(os.getpid())}, False),
        # One that was away for so long that its record expired, and then gave its next sign of life.
        ({"last_heartbeat": "2026-01-01T00:00:00Z"}, False),
    ],
)
def test_a_worker_is_dead_when_its_record_or_its_process_says_so(
    store: Store, record: dict[Any, Any], is_dead: bool
) -> None:
    if record:
        store.hset("rq:worker:mine", mapping=record)
    assert dead_workers.is_dead(store, "mine") is is_dead


def test_a_worker_of_an_earlier_boot_is_dead_where_all_workers_are_of_this_machine(store: Store) -> None:
    store.hset("rq:worker:mine", mapping=HERE | {"kernel": f"another boot/{SPACE}"})
    assert dead_workers.is_dead(store, "mine")  # this store is reached over a Unix socket
    port = free_port()
    store.config_set("port", port)
    try:
        with connect(f"redis://127.0.0.1:{port}/0") as other:
            assert not dead_workers.is_dead(other, "mine")  # another machine may have the same name
    finally:
        store.config_set("port", 0)


def test_the_jobs_of_a_worker_whose_process_id_another_program_has_by_now_are_given_back(store: Store) -> None:
    store.rpush("rq:queue:match:intermediate", queues.match_job_id(add_batch(store, a_sighting())))
    store.lpop("rq:queue:match")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        store.sadd("rq:workers", "rq:worker:gone")
        store.hset("rq:worker:gone", mapping=HERE | {"pid": other.pid, "process_start": "1"})
        dead_workers.recover_dead_workers(store)
        other.communicate()
    assert store.llen("rq:queue:match") == 1
    assert not store.exists("rq:worker:gone")


def started_by_a_dead_worker(store: Store) -> str:
    """Write a job that a worker has started whose record has expired."""
    job_id = queues.match_job_id(add_batch(store, a_sighting()))
    store.lrem("rq:queue:match", 0, job_id)
    store.hset(f"rq:job:{job_id}", mapping={"status": "started", "worker_name": "dead"})
    store.zadd("rq:wip:match", {f"{job_id}:execution": time.time() + 600})
    return job_id


class Looking(Redis):
    """A connection on which something happens when it has looked whether a worker is dead."""

    happens: Callable[[], object] | None = None

    def exists(self, *names: Any) -> Any:
        found = super().exists(*names)
        if self.happens is not None and names[0].startswith("rq:worker:"):
            happens, self.happens = self.happens, None
            happens()
        return found


def test_a_job_that_two_give_back_at_once_is_done_once_more(store: Store) -> None:
    job_id = started_by_a_dead_worker(store)
    with contextlib.closing(Looking.from_url(url_of(store))) as other:
        assert isinstance(other, Looking)
        other.happens = lambda: dead_workers.retry_abandoned_jobs(store)
        dead_workers.retry_abandoned_jobs(other)
        assert other.happens is None
    assert queues.queue_for(store, QueueName.MATCH).get_job_ids() == [job_id]
    assert store.hget(f"rq:job:{job_id}", "retries_left") == str(queues.RETRIES - 1).encode()


def test_a_job_that_another_worker_has_started_meanwhile_is_left_to_it(store: Store) -> None:
    job_id = started_by_a_dead_worker(store)
    with contextlib.closing(Looking.from_url(url_of(store))) as other:
        assert isinstance(other, Looking)
        other.happens = lambda: store.hset(f"rq:job:{job_id}", "worker_name", "alive")
        dead_workers.retry_abandoned_jobs(other)
    assert queues.queue_for(store, QueueName.MATCH).get_job_ids() == []
    assert store.zcard("rq:wip:match") == 1


def test_a_job_that_a_worker_is_about_to_begin_is_among_the_jobs_all_the_time(store: Store) -> None:
    queues.enqueue_recrawl(store, "h.test", "r1", 60)
    job_id = queues.recrawl_job_id("h.test")
    store.lmove("rq:queue:recrawl", "rq:queue:recrawl:intermediate")
    store.zadd("rq:wip:recrawl", {f"{job_id}:of-a-dead-one": 2e9})
    with transaction(store) as pipe:
        dead_workers.end_executions(store, pipe, QueueName.RECRAWL, job_id)
    assert store.zcard("rq:wip:recrawl") == 0
    assert job_id in dispatch.seen_jobs(store).under_way


def test_a_parked_job_is_not_removed_when_another_of_its_id_took_its_place(store: Store) -> None:
    job_id = queues.match_job_id(add_batch(store, a_sighting()))
    dead_workers.discard_parked(store, QueueName.MATCH, job_id)
    assert queues.queue_for(store, QueueName.MATCH).get_job_ids() == [job_id]
    store.hset(f"rq:job:{job_id}", "status", "failed")
    dead_workers.discard_parked(store, QueueName.MATCH, job_id)
    assert not store.exists(f"rq:job:{job_id}")
