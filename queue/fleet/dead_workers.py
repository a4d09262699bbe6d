"""Gives back, or removes, what dead workers and killed runs left on the queues, without waiting for RQ to notice.

Executions are found by their names in RQ's register, never by their own keys, which may have expired. Several
processes may do this at once: each writes about a job only if nobody else has written about it meanwhile.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from orbweaver.queue.allowed_jobs import AllowedJob
from orbweaver.queue.fleet import processes
from orbweaver.queue.queues import KERNEL, PROCESS_START, QueueName, queue_for
from orbweaver.store.connection import Store, socket_path, text
from redis.client import Pipeline
from redis.exceptions import WatchError
from rq import Worker
from rq.exceptions import NoSuchJobError
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job, JobStatus
from rq.job_lifecycle import record_job_failure
from rq.results import Result
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY


def discard(store: Store, name: QueueName, job_id: str) -> None:
    """Remove a job and every trace of it that could hold up another of the same id."""
    entries = _executions(store, name, job_id)
    with store.pipeline(transaction=True) as pipe:
        _remove(store, pipe, name, job_id, entries)
        pipe.execute()


def discard_parked(store: Store, name: QueueName, job_id: str) -> None:
    """Remove a job that is parked, unless another of the same id has taken its place."""
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(AllowedJob.key_for(job_id))
        job = _job(store, job_id)
        if job is not None and job.get_status(refresh=False) == JobStatus.FAILED:
            entries = _executions(store, name, job_id)
            pipe.multi()
            _remove(store, pipe, name, job_id, entries)
            with contextlib.suppress(WatchError):  # it is enqueued again
                pipe.execute()


def _remove(store: Store, pipe: Pipeline, name: QueueName, job_id: str, entries: list[str]) -> None:
    queue = queue_for(store, name)
    pipe.lrem(queue.key, 0, job_id)
    pipe.zrem(queue.failed_job_registry.key, job_id)
    _forget_work(store, pipe, name, job_id, entries)
    pipe.delete(AllowedJob.key_for(job_id), Result.get_key(job_id))


def end_executions(store: Store, pipe: Pipeline, name: QueueName, job_id: str) -> None:
    """Queue removing what says that somebody works on a job that a worker has taken, and is about to begin."""
    _forget_executions(store, pipe, name, job_id, _executions(store, name, job_id))
    pipe.delete(ExecutionRegistry(job_id, connection=store).key)


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
    """Treat the jobs that a dead worker was working on as after a failure: retried, or parked."""
    for job_id in _started(store, name):
        _retry(store, name, job_id, lambda other: other == worker_name)


def retry_abandoned_jobs(store: Store) -> None:
    """Retry or park the jobs of every worker that is known to be dead, and forget these workers.

    A job that a worker took and was killed before it started is left to RQ, which waits a minute: here nobody knows
    whether the worker that took it is one of the dead.
    """
    for name in QueueName:
        for job_id in _started(store, name):
            _retry(store, name, job_id, lambda worker_name: is_dead(store, worker_name))
    for worker_name in _registered(store):
        if is_dead(store, worker_name):
            for name in QueueName:
                forget_worker(store, name, worker_name)


def _retry(store: Store, name: QueueName, job_id: str, is_of_a_dead: Callable[[str], bool]) -> None:
    queue = queue_for(store, name)
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(AllowedJob.key_for(job_id))
        job = queue.fetch_job(job_id)
        if job is None or job.worker_name is None or job.get_status(refresh=False) != JobStatus.STARTED:
            return
        if not is_of_a_dead(job.worker_name):
            return
        entries = _executions(store, name, job_id)
        pipe.multi()
        _forget_work(store, pipe, name, job_id, entries)
        if job.should_retry:
            job.retry(queue, pipe)
        else:
            record_job_failure(job, f"worker {job.worker_name} died and no retry is left", pipe)
        with contextlib.suppress(WatchError):  # its worker lives, or somebody else has given it back
            pipe.execute()


def put_back_taken(store: Store, name: QueueName) -> None:
    """Put jobs back that were taken from the queue and never started; an entry that is no job is dropped.

    A worker registers an execution before it writes that the job is started, so the register alone says nothing.
    """
    queue = queue_for(store, name)
    for job_id in (text(one) for one in store.lrange(queue.intermediate_queue_key, 0, -1)):
        job = _job(store, job_id)
        if job is None or job.get_status(refresh=False) != JobStatus.STARTED:
            entries = _executions(store, name, job_id)
            with store.pipeline(transaction=True) as pipe:
                _forget_work(store, pipe, name, job_id, entries)
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


def forget_all_workers(store: Store) -> None:
    """Forget every worker, alive or not: those of a store that was restored work on the one that was backed up."""
    for worker_name in _registered(store):
        for name in QueueName:
            forget_worker(store, name, worker_name)


def recover_dead_workers(store: Store) -> None:
    """Recover the jobs of every registered worker that is known to be dead, as after a killed run."""
    for worker_name in _registered(store):
        if is_dead(store, worker_name):
            for name in QueueName:
                recover(store, name, worker_name)


def is_dead(store: Store, worker_name: str) -> bool:
    """Whether a worker is known to be dead: its record has expired, or its process on this machine has ended."""
    key = Worker.redis_worker_namespace_prefix + worker_name
    hostname, pid, start, kernel = store.hmget(key, "hostname", "pid", PROCESS_START, KERNEL)
    if pid is None or not pid.isdigit():
        return not store.exists(key)  # one that was away for long writes its next sign of life into a record of its own
    if start is None or kernel is None:
        # The record of a worker of an earlier release says no more of its process than a number, which another
        # process may have by now. Its jobs are then given back when the record has expired, at the latest.
        return text(hostname or "") == socket.gethostname() and not processes.is_there(int(pid))
    # All workers of a store with a Unix socket are on one machine, so another boot of the kernel is an earlier one.
    is_before_this_boot = socket_path(store) is not None and not processes.is_of_this_boot(text(kernel))
    return is_before_this_boot or processes.has_ended(int(pid), int(start), text(kernel))


def alive(store: Store) -> list[str]:
    """Return the names of the registered workers that are not known to be dead."""
    return sorted(name for name in _registered(store) if not is_dead(store, name))


def _registered(store: Store) -> list[str]:
    prefix = Worker.redis_worker_namespace_prefix
    return [text(key).removeprefix(prefix) for key in store.smembers(REDIS_WORKER_KEYS)]


def _started(store: Store, name: QueueName) -> set[str]:
    return {entry.partition(":")[0] for entry in _entries(store, name)}


def _executions(store: Store, name: QueueName, job_id: str) -> list[str]:
    return [entry for entry in _entries(store, name) if entry.partition(":")[0] == job_id]


def _entries(store: Store, name: QueueName) -> list[str]:
    """Return the entries `job id:execution id` of a queue's register of started jobs."""
    entries = store.execute_command("ZRANGE", queue_for(store, name).started_job_registry.key, 0, -1)
    return [text(entry) for entry in entries]


def _forget_work(store: Store, pipe: Pipeline, name: QueueName, job_id: str, entries: list[str]) -> None:
    """Queue removing what says that a worker has taken a job, or works on it."""
    pipe.lrem(queue_for(store, name).intermediate_queue_key, 0, job_id)
    _forget_executions(store, pipe, name, job_id, entries)


def _forget_executions(store: Store, pipe: Pipeline, name: QueueName, job_id: str, entries: list[str]) -> None:
    if entries:
        pipe.zrem(queue_for(store, name).started_job_registry.key, *entries)
    for entry in entries:  # RQ would stumble over one that is named still, and has expired
        execution = Execution(entry.partition(":")[2], job_id, store)
        ExecutionRegistry(job_id, connection=store).remove(execution, pipeline=pipe)
        pipe.delete(execution.key)


def _job(store: Store, job_id: str) -> Job | None:
    try:
        return AllowedJob.fetch(job_id, connection=store)
    except NoSuchJobError:
        return None
