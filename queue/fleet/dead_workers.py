"""Gives back, or removes, what dead workers and killed runs left on the queues, without waiting for RQ to notice.

Executions are found by their names in RQ's register, never by their own keys, which may have expired.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from orbweaver.queue.allowed_jobs import KnownJob
from orbweaver.queue.queues import QueueName, queue_for
from orbweaver.store.connection import Store, text
from redis.client import Pipeline
from rq import Worker
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.job_lifecycle import record_job_failure
from rq.results import Result
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

# The module that a run's workers are started with.
WORKER_CHILD = "orbweaver.queue.fleet.worker_child"


def discard(store: Store, name: QueueName, job_id: str) -> None:
    """Remove a job and every trace of it that could hold up another of the same id."""
    queue = queue_for(store, name)
    entries = _executions(store, name, job_id)
    with store.pipeline(transaction=True) as pipe:
        pipe.lrem(queue.key, 0, job_id)
        pipe.zrem(queue.failed_job_registry.key, job_id)
        _end_executions(pipe, name, store, job_id, entries)
        pipe.delete(KnownJob.key_for(job_id), Result.get_key(job_id))
        pipe.execute()


def withdraw(store: Store, name: QueueName, job_id: str) -> bool:
    """Remove a job that waits in its queue; False when it does not, or a worker has just taken it.

    To remove a job that a worker has would make RQ fail there, and do the job again.
    """
    if not store.lrem(queue_for(store, name).key, 0, job_id):
        return False
    discard(store, name, job_id)
    return True


def recover(store: Store, name: QueueName, worker_name: str) -> None:
    """Give back the jobs of a worker that is known to be dead, and forget it."""
    retry_jobs_of(store, name, worker_name)
    put_back_taken(store, name)
    forget_worker(store, name, worker_name)


def retry_jobs_of(store: Store, name: QueueName, worker_name: str) -> None:
    """Treat the jobs that a dead worker was working on as after a killed horse: retried, or parked."""
    queue = queue_for(store, name)
    for job_id in _started(store, name):
        job = queue.fetch_job(job_id)
        if job is None or job.worker_name != worker_name:
            continue
        entries = _executions(store, name, job_id)
        with store.pipeline(transaction=True) as pipe:
            _end_executions(pipe, name, store, job_id, entries)
            if job.should_retry:
                job.retry(queue, pipe)
            else:
                record_job_failure(job, f"worker {worker_name} died and no retry is left", pipe)
            pipe.execute()


def put_back_taken(store: Store, name: QueueName) -> None:
    """Put jobs back that were taken from the queue and never started; what is no job, or none any more, is dropped.

    A worker registers an execution before it writes that the job is started, so the register alone says nothing.
    """
    queue = queue_for(store, name)
    for job_id in (text(one) for one in store.lrange(queue.intermediate_queue_key, 0, -1)):
        job = _job(store, job_id)
        if job is None or job.get_status(refresh=False) != JobStatus.STARTED:
            entries = _executions(store, name, job_id)
            with store.pipeline(transaction=True) as pipe:
                _end_executions(pipe, name, store, job_id, entries)
                if job is not None:
                    pipe.lpush(queue.key, job_id)
                pipe.execute()


def forget_worker(store: Store, name: QueueName, worker_name: str) -> None:
    """Remove a worker that is known to be dead from RQ's registers, where it would look alive for minutes."""
    key = Worker.redis_worker_namespace_prefix + worker_name
    with store.pipeline(transaction=True) as pipe:
        pipe.srem(REDIS_WORKER_KEYS, key)
        pipe.srem(WORKERS_BY_QUEUE_KEY % name.value, key)
        pipe.delete(key)
        pipe.execute()


def recover_dead_workers(store: Store) -> None:
    """Recover the jobs of every registered worker of this machine whose process is gone, as after a killed run."""
    for key in (text(one) for one in store.smembers(REDIS_WORKER_KEYS)):
        hostname, pid = (text(one) if one is not None else "" for one in store.hmget(key, "hostname", "pid"))
        is_ours = hostname in {socket.gethostname(), ""}  # no host name: its record has expired
        worker_name = key.removeprefix(Worker.redis_worker_namespace_prefix)
        if is_ours and not (pid.isdigit() and _is_worker(int(pid), worker_name)):
            for name in QueueName:
                recover(store, name, worker_name)


def is_worker_command(words: Sequence[str], worker_name: str) -> bool:
    """Whether a process with this command line can be the worker of that name. Pure.

    A run starts the module worker_child, wherever in the package it lies; people, and runs of earlier releases, start
    `orbweaver worker`. Both are followed by queues. A name in the command line is the worker's: the id may be that of
    another worker by now.
    """
    is_command = [word == "worker" or word.endswith(".worker_child") for word in words]
    began = is_command.index(True) if any(is_command) else None
    given = words[began + 1 :] if began is not None else ()
    if set(QueueName).isdisjoint(given):
        return False
    names = {after for option, after in itertools.pairwise(given) if option == "--name"}
    names |= {word.removeprefix("--name=") for word in given if word.startswith("--name=")}
    return not names or worker_name in names


def _is_worker(pid: int, worker_name: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    return pid != os.getpid() and is_worker_command(words, worker_name)


def _started(store: Store, name: QueueName) -> set[str]:
    return {entry.partition(":")[0] for entry in _entries(store, name)}


def _executions(store: Store, name: QueueName, job_id: str) -> list[str]:
    return [entry for entry in _entries(store, name) if entry.partition(":")[0] == job_id]


def _entries(store: Store, name: QueueName) -> list[str]:
    """Return the entries `job id:execution id` of a queue's register of started jobs."""
    entries = store.execute_command("ZRANGE", queue_for(store, name).started_job_registry.key, 0, -1)
    return [text(entry) for entry in entries]


def _end_executions(pipe: Pipeline, name: QueueName, store: Store, job_id: str, entries: list[str]) -> None:
    queue = queue_for(store, name)
    pipe.lrem(queue.intermediate_queue_key, 0, job_id)
    if entries:
        pipe.zrem(queue.started_job_registry.key, *entries)


def _job(store: Store, job_id: str) -> Job | None:
    try:
        return KnownJob.fetch(job_id, connection=store)
    except NoSuchJobError:
        return None
