"""Ends recrawls as failed whose job nobody works on any more, and puts jobs back that no worker has started."""

from __future__ import annotations

import time

from orbweaver.queue import queues
from orbweaver.queue.allowed_jobs import AllowedJob
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawl_progress, recrawls
from orbweaver.queue.records.recrawls import ENDED, RecrawlRecord, RecrawlState
from orbweaver.store.connection import Store
from rq.job import Job, JobStatus

# A job that left its queue but reached no worker is put back after this long.
HANDOVER_SECONDS = 5.0
GIVEN_UP = frozenset({JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED})


def end_if_lost(store: Store, recrawl_id: str) -> bool:
    """Mark a recrawl as failed whose job was parked after its last retry, stopped by hand, or removed.

    Returns whether it has ended, by this or before.
    """
    record = recrawls.read(store, recrawl_id)
    if record is None or record.state in ENDED:
        return True
    job = own_job(store, record)
    if job is not None and job.get_status(refresh=False) not in GIVEN_UP:
        return False
    [status] = recrawl_progress.statuses(
        store, [recrawl_id]
    )  # a job that is done is removed after its recrawl has ended
    if status.state not in ENDED:
        reason = "its job was removed from the queue" if job is None else _reason_of(job)
        recrawls.end(store, recrawl_id, RecrawlState.FAILED, reason=reason)
    if job is not None:
        dead_workers.discard_parked(store, QueueName.RECRAWL, job.id)
    return True


def end_parked_recrawls(store: Store) -> None:
    """Mark every recrawl as failed whose job is parked, whether a run waits for it or not, and remove the job.

    A refused job stays: nothing in it says which recrawl it was for, and an operator is to see it.
    """
    queue = queues.queue_for(store, QueueName.RECRAWL)
    for job_id in queue.failed_job_registry.get_job_ids(cleanup=False):
        job = queue.fetch_job(job_id)
        if job is None or not job.args:
            continue
        recrawl_id = str(job.args[0])
        [status] = recrawl_progress.statuses(store, [recrawl_id])
        if status.state not in ENDED:
            recrawls.end(store, recrawl_id, RecrawlState.FAILED, reason=_reason_of(job))
        dead_workers.discard_parked(store, QueueName.RECRAWL, job_id)


def own_job(store: Store, record: RecrawlRecord) -> Job | None:
    """Return a recrawl's job, refused or not; None when there is none, or when it is another recrawl's by now."""
    job = queues.queue_for(store, QueueName.RECRAWL).fetch_job(queues.recrawl_job_id(record.order.scope.name))
    is_refused = isinstance(job, AllowedJob) and job.refused is not None
    return job if job is not None and (is_refused or list(job.args) == [record.recrawl_id]) else None


def _reason_of(job: Job) -> str:
    result = job.latest_result()
    lines = (result.exc_string or "").strip().splitlines() if result is not None else []
    if not lines:
        return "its job failed"
    _, _, message = lines[-1].rpartition("Error: ") if "Error: " in lines[-1] else ("", "", lines[-1])
    return f"{message[:300]} (tried {queues.RETRIES + 1} times)"


def put_back_handed_over(store: Store, since: float | None) -> float | None:
    """Put jobs back that a worker took and never started, because it was killed between the two.

    `since` is what the last call returned: when the first of them was seen (seconds of `time.monotonic()`); None when
    there was none, or they were just put back.
    """
    lost = {
        name
        for name in QueueName
        if store.llen(queues.queue_for(store, name).intermediate_queue_key)
        and not queues.queue_for(store, name).started_job_registry.get_job_count(cleanup=False)
    }
    if not lost:
        return None
    if since is None:
        return time.monotonic()
    if time.monotonic() - since > HANDOVER_SECONDS:
        for name in lost:
            dead_workers.put_back_taken(store, name)
        return None
    return since
