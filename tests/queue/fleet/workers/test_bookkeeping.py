"""What a worker tells RQ of its jobs, and in how many questions to the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from builders import add_batch, monitored, transaction, work
from orbweaver.queue import queues
from orbweaver.queue.fleet.workers import bookkeeping, guarded_worker
from orbweaver.queue.queues import QueueName
from orbweaver.store import connection
from orbweaver.store.connection import Store
from redis import ConnectionPool, Redis
from redis.connection import UnixDomainSocketConnection
from rq.suspension import resume, suspend


def questions_of(store: Store, act: Callable[[Store], None]) -> int:
    """Return how often something asks the store; what goes there together counts once."""
    asked = 0

    class Counting(UnixDomainSocketConnection):
        def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            nonlocal asked
            asked += 1
            super().send_packed_command(command, check_health)

    with Redis(
        connection_pool=ConnectionPool(connection_class=Counting, path=connection.socket_path(store))
    ) as counting:
        act(counting)
    return asked


def test_a_job_takes_few_questions_besides_its_own(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((guarded_worker, "LOOK_SECONDS"), (bookkeeping, "SUSPENSION_SECONDS")):
        monkeypatch.setattr(module, name, 10**6)  # what is asked by time is not counted, however slow the machine is

    def asked_for(number: int) -> int:
        with transaction(store) as pipe:
            for place in range(number):
                queues.enqueue_match(store, pipe, f"gone{place}")
        return questions_of(store, lambda counting: work(counting, QueueName.MATCH))

    assert (asked_for(21) - asked_for(1)) / 20 <= 14


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
