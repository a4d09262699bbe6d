"""A worker tells RQ all of its jobs that RQ needs, in few questions to the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import a_sighting, add_batch, build_list, digests_of, monitored, transaction, work
from orbweaver.queue import queues
from orbweaver.queue.fleet.workers import bookkeeping, guarded_worker
from orbweaver.queue.queues import QueueName
from orbweaver.store import connection
from orbweaver.store.connection import Store
from redis import ConnectionPool, Redis
from redis.connection import UnixDomainSocketConnection
from rq.suspension import resume, suspend


def questions_of(store: Store, number: int, add: Callable[[int], object]) -> float:
    """Return how often a worker asks the store for each of so many jobs; what goes there together counts once."""
    asked = 0

    class Counting(UnixDomainSocketConnection):
        def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            nonlocal asked
            asked += 1
            super().send_packed_command(command, check_health)

    def asked_for(numbers: range) -> int:
        nonlocal asked
        for one in numbers:
            add(one)
        path, asked = connection.socket_path(store), 0
        with Redis.from_pool(ConnectionPool(connection_class=Counting, path=path)) as counting:
            work(counting, QueueName.MATCH)
        return asked

    return (asked_for(range(1, number + 2)) - asked_for(range(1))) / number


@pytest.fixture
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing asked by time: it would be counted, and more of it on a slow machine."""
    for module, name in ((guarded_worker, "LOOK_SECONDS"), (bookkeeping, "SUSPENSION_SECONDS")):
        monkeypatch.setattr(module, name, 10**6)


def test_a_job_takes_few_questions_besides_its_own(store: Store, timeless: None) -> None:
    def add(number: int) -> None:
        with transaction(store) as pipe:
            queues.enqueue_match(store, pipe, f"gone{number}")

    assert questions_of(store, 20, add) <= 10  # of which three are its own


def test_a_file_is_asked_about_in_few_questions_to_the_store(
    store: Store, timeless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [f"known {number}".encode() for number in range(22)]
    list_url = build_list(tmp_path / "list.hashes", [digests_of(one).sha256 for one in known])
    monkeypatch.setenv("MATCHER_URL", list_url)
    add_batch(store, a_sighting(b"first"))
    work(store, QueueName.MATCH)  # the list is noted
    others = [f"other {number}".encode() for number in range(22)]
    for bodies in (known, others):
        sightings = [a_sighting(body, url=f"http://h.test/{body.decode()}") for body in bodies]
        assert questions_of(store, 20, lambda number, of=sightings: add_batch(store, of[number])) <= 14


def test_a_worker_is_busy_with_a_job_until_the_job_is_gone(store: Store) -> None:
    job_id = queues.match_job_id(add_batch(store))
    with monitored(store) as commands:
        work(store, QueueName.MATCH)
    said = [one for one in commands if " state " in one and one.startswith("HSET rq:worker:")]
    assert [one.rpartition(" ")[2] for one in said] == ["started", "idle", "busy", "idle"]
    end = next(place for place, one in enumerate(commands) if one.startswith(f"DEL rq:job:{job_id} "))
    assert commands[end + 1] == said[-1]
    assert store.keys("rq:wip:*") + store.keys(f"rq:*{job_id}*") == []


def test_workers_that_are_suspended_take_no_job(store: Store) -> None:
    add_batch(store)
    suspend(store)
    work(store, QueueName.MATCH)
    assert queues.waiting_jobs(store, QueueName.MATCH) == 1
    resume(store)
    work(store, QueueName.MATCH)
    assert queues.waiting_jobs(store, QueueName.MATCH) == 0
