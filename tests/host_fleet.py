"""A fleet without processes: hosts in a real store, RQ records of workers, and recrawls that end as a test says."""

from __future__ import annotations

import dataclasses
import os
import time

from builders import NOON, an_order
from orbweaver.model import HostAnswers, Reported, Tally
from orbweaver.queue import queues
from orbweaver.queue.fleet import processes
from orbweaver.queue.hosts import due, host_store
from orbweaver.queue.hosts.host_clock import HostClock
from orbweaver.queue.hosts.host_record import HostRecord, new_record
from orbweaver.queue.queues import KERNEL, PROCESS_START, QueueName
from orbweaver.queue.records import recrawls
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.store.connection import Store
from recorded_recrawls import note_reported, recorder
from rq.job import JobStatus
from rq.job_lifecycle import record_job_failure
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY


def add_host(store: Store, name: str = "h.test", *, due_in: float = -60.0, **changes: object) -> None:
    """Add a host that is due in so many seconds; `changes` are of its record or of its clock."""
    of_clock = {one.name for one in dataclasses.fields(HostClock)} - {
        "weight",
        "quiet_hours",
        "floor_days",
        "expires_at",
    }
    clock = dataclasses.replace(HostClock(), **{key: value for key, value in changes.items() if key in of_clock})
    record = new_record(an_order(name), NOON)
    scope = {key: value for key, value in changes.items() if key in {"authority", "expires_at"}}
    others = {key: value for key, value in changes.items() if key not in of_clock and key not in scope}
    record = record.model_copy(update={**others, "scope": record.scope.model_copy(update=scope)})
    at = due.server_time(store).timestamp() + due_in

    def enter(_record: HostRecord | None, _clock: HostClock) -> tuple[HostRecord, HostClock, float]:
        return record, clock, at

    host_store.change(store, name, enter)


def add_worker(store: Store, name: str = "worker", *, places: int | None = None, queue: str = "recrawl") -> None:
    """Register a live worker, as RQ and our workers do: its process is this one."""
    key = f"rq:worker:{name}"
    store.sadd(REDIS_WORKER_KEYS, key)
    store.sadd(WORKERS_BY_QUEUE_KEY % queue, key)
    fields: dict[str, object] = {
        "pid": os.getpid(),
        PROCESS_START: processes.start_of(os.getpid()) or 0,
        KERNEL: processes.kernel(),
        "queues": queue,
    }
    if places is not None:
        fields["recrawls_at_once"] = places
    store.hset(key, mapping=fields)


def jobs(store: Store) -> list[str]:
    """Return the recrawl ids of the jobs that wait, in order."""
    return [job.args[0] for job in queues.queue_for(store, QueueName.RECRAWL).get_jobs()]


def take_job(store: Store, name: str = "h.test") -> None:
    """Take a host's job from the queue and start it, as a worker does."""
    queue = queues.queue_for(store, QueueName.RECRAWL)
    job_id = queues.recrawl_job_id(name)
    assert store.lrem(queue.key, 1, job_id) == 1
    store.zadd(queue.started_job_registry.key, {f"{job_id}:execution": time.time() + 600})
    store.hset(queues.job_key(job_id), mapping={"status": JobStatus.STARTED.value, "worker_name": "worker"})


def park_job(store: Store, name: str, said: str) -> None:
    """Park a host's job that waits, as a worker does after the last try; `said` is the end of its traceback."""
    queue = queues.queue_for(store, QueueName.RECRAWL)
    job = queue.fetch_job(queues.recrawl_job_id(name))
    assert job is not None
    store.lrem(queue.key, 1, job.id)
    with store.pipeline(transaction=True) as pipe:
        record_job_failure(job, f"Traceback (most recent call last):\n{said}", pipe)
        pipe.execute()


def drop_job(store: Store, name: str = "h.test") -> None:
    """Remove a job that a worker has done."""
    queue = queues.queue_for(store, QueueName.RECRAWL)
    job_id = queues.recrawl_job_id(name)
    store.zrem(queue.started_job_registry.key, f"{job_id}:execution")
    store.lrem(queue.key, 1, job_id)
    store.delete(queues.job_key(job_id))


def end_recrawl(
    store: Store,
    name: str = "h.test",
    state: RecrawlState = RecrawlState.FINISHED,
    *,
    tally: Tally | None = None,
    reported: tuple[Reported, ...] = (),
    stopped_by: str | None = None,
    reason: str | None = None,
    answers: HostAnswers | None = None,
) -> str:
    """Do the recrawl of a host that is under way, as its worker does; returns its run's id."""
    lease = due.lease_of(store, name)
    assert lease is not None
    assert lease.recrawl_id is not None
    assert lease.run_id is not None
    take_job(store, name)
    attempt = recrawls.begin(store, lease.recrawl_id)
    assert attempt is not None
    if reported:
        note_reported(store, lease.recrawl_id, attempt, reported)
    recorder(store, lease.recrawl_id, lease.run_id, attempt)((), (), tally or Tally(pages=3, files=2))
    recrawls.end(
        store,
        lease.recrawl_id,
        state,
        attempt=attempt,
        stopped_by=stopped_by,
        reason=reason,
        answers=None if answers is None else {name: answers},
    )
    drop_job(store, name)
    return lease.run_id
