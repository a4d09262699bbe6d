"""The three RQ queues, and putting a job on one inside a transaction of ours."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from orbweaver.queue.known_job import MODULE, KnownJob, KnownQueue
from orbweaver.store.connection import Store, text
from rq import Queue, Retry, Worker
from rq.exceptions import NoSuchJobError
from rq.job_lifecycle import record_job_failure
from rq.serializers import JSONSerializer
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

if TYPE_CHECKING:
    from redis.client import Pipeline

# A killed worker's job is done again this often before it is parked.
RETRIES = 3
MATCH_SECONDS = 600
DELIVER_SECONDS = 120
# A busy crawl swallows RQ's timeout, so a recrawl keeps its own deadline; RQ's is well outside it.
RECRAWL_SECONDS_MARGIN = 300
PARKED_SECONDS = 90 * 24 * 3600


class QueueName(StrEnum):
    """The queues, in the order of a file's way."""

    RECRAWL = "recrawl"
    MATCH = "match"
    TAKEDOWN = "takedown"


def queue_for(store: Store, name: QueueName) -> Queue:
    """Return the RQ queue of that name: JSON, and jobs that call nothing but queue.jobs."""
    return KnownQueue(name.value, connection=store, job_class=KnownJob, serializer=JSONSerializer)


def encoded(name: str) -> str:
    """Return a text as part of a job id, which may hold letters, digits, `_` and `-` only; one to one."""
    return re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}_", name)


def recrawl_job_id(scope_name: str) -> str:
    """Return the id of the one job that a host or site may have."""
    return f"recrawl-{encoded(scope_name)}"


def match_job_id(batch_id: str) -> str:
    """Return the id of the job that asks about a batch."""
    return f"match-{batch_id}"


def enqueue_match(store: Store, pipe: Pipeline, batch_id: str) -> None:
    """Queue a batch's match job on an open transaction."""
    queue_for(store, QueueName.MATCH).enqueue_call(
        f"{MODULE}.match",
        args=(batch_id,),
        job_id=match_job_id(batch_id),
        timeout=MATCH_SECONDS,
        result_ttl=0,
        failure_ttl=PARKED_SECONDS,
        retry=Retry(max=RETRIES),
        pipeline=pipe,
    )


def delivery_job_id(event_id: str) -> str:
    """Return the id of the job that delivers an event."""
    return f"deliver-{event_id}"


def enqueue_delivery(store: Store, pipe: Pipeline, event_id: str) -> None:
    """Queue an event's delivery job on an open transaction; one that was parked before is parked no longer."""
    queue = queue_for(store, QueueName.TAKEDOWN)
    queue.failed_job_registry.remove(delivery_job_id(event_id), pipeline=pipe)
    queue.enqueue_call(
        f"{MODULE}.deliver",
        args=(event_id,),
        job_id=delivery_job_id(event_id),
        timeout=DELIVER_SECONDS,
        result_ttl=0,
        failure_ttl=PARKED_SECONDS,
        retry=Retry(max=RETRIES),
        pipeline=pipe,
    )


def enqueue_recrawl(store: Store, scope_name: str, recrawl_id: str, max_seconds: float) -> None:
    """Queue a recrawl; raises rq.exceptions.DuplicateJobError while the host has a job already."""
    queue_for(store, QueueName.RECRAWL).enqueue_call(
        f"{MODULE}.recrawl",
        args=(recrawl_id,),
        job_id=recrawl_job_id(scope_name),
        unique=True,
        timeout=int(max_seconds) + RECRAWL_SECONDS_MARGIN,
        result_ttl=0,
        failure_ttl=PARKED_SECONDS,
        retry=Retry(max=RETRIES),
    )


def is_alive(store: Store, name: QueueName, job_id: str) -> bool:
    """Whether a job waits in its queue or is being worked on by a worker that still gives signs of life."""
    queue = queue_for(store, name)
    job = queue.fetch_job(job_id)
    if job is None:
        return False
    if store.lpos(queue.key, job_id) is not None:
        return True
    worker = job.worker_name
    return job.is_started and worker is not None and bool(store.exists(Worker.redis_worker_namespace_prefix + worker))


def waiting_jobs(store: Store, name: QueueName) -> int:
    """Return how many jobs of a queue wait, are being handed over, or are being worked on."""
    queue = queue_for(store, name)
    return int(
        queue.count + store.llen(queue.intermediate_queue_key) + queue.started_job_registry.get_job_count(cleanup=False)
    )


def forget_worker(store: Store, name: QueueName, worker_name: str) -> None:
    """Remove a worker that is known to be dead from RQ's registers, where it would look alive for minutes."""
    key = Worker.redis_worker_namespace_prefix + worker_name
    pipe = store.pipeline(transaction=True)
    pipe.srem(REDIS_WORKER_KEYS, key)
    pipe.srem(WORKERS_BY_QUEUE_KEY % name.value, key)
    pipe.delete(key)
    pipe.execute()


def recover(store: Store, name: QueueName, worker_name: str) -> None:
    """Give back the jobs of a worker that is known to be dead, without waiting for RQ to notice.

    A job that was being worked on is retried as after a killed horse; one that was only taken from the queue is
    put back. What is no job, or none any more, is dropped.
    """
    queue = queue_for(store, name)
    registry = queue.started_job_registry
    started = {job_id for job_id, _ in registry.get_job_and_execution_ids(cleanup=False)}
    for job_id in started:
        job = queue.fetch_job(job_id)
        if job is None or job.worker_name != worker_name:
            continue
        with store.pipeline(transaction=True) as pipe:
            registry.remove_executions(job, pipeline=pipe)
            pipe.lrem(queue.intermediate_queue_key, 0, job_id)
            if job.should_retry:
                job.retry(queue, pipe)
            else:
                record_job_failure(job, f"worker {worker_name} died and no retry is left", pipe)
            pipe.execute()
    for job_id in (text(one) for one in store.lrange(queue.intermediate_queue_key, 0, -1)):
        if job_id not in started:
            with store.pipeline(transaction=True) as pipe:
                pipe.lrem(queue.intermediate_queue_key, 0, job_id)
                if _is_job(store, job_id):
                    pipe.lpush(queue.key, job_id)
                pipe.execute()


def _is_job(store: Store, job_id: str) -> bool:
    try:
        KnownJob.fetch(job_id, connection=store)
    except NoSuchJobError:
        return False
    return True
