"""Ends the recrawls of killed runs: a run says itself which hosts it wants, and nobody waits for these any more."""

from __future__ import annotations

from collections.abc import Collection

from orbweaver.queue import queues
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawls, runs
from orbweaver.queue.runs import living
from orbweaver.store.connection import Store


def drop_recrawls(store: Store) -> None:
    """Remove the recrawl jobs that nobody waits for; a worker that has one is told to end it."""
    with store.pipeline(transaction=True) as pipe:
        queues.look_at_jobs(store, pipe, QueueName.RECRAWL)
        jobs = queues.jobs_seen(pipe.execute())
    wanted = living.runs(store)
    for job_id in jobs.under_way:
        drop_recrawl(store, job_id, wanted)


def drop_recrawl(store: Store, job_id: str, wanted: Collection[str]) -> None:
    """Do so with one job, which may be parked; none of the runs `wanted` is touched, and no re-check of cases."""
    job = queues.queue_for(store, QueueName.RECRAWL).fetch_job(job_id)
    record = recrawls.read(store, str(job.args[0])) if job is not None and job.args else None
    if record is not None:
        # Looked at anew: the host may have another job by now than when those that are wanted were read.
        if record.order.recheck is not None or record.run_id in wanted or record.run_id in living.runs(store):
            return
        runs.note_over(store, record.run_id)
    if not queues.is_with_a_worker(store, QueueName.RECRAWL, job_id):
        dead_workers.discard(store, QueueName.RECRAWL, job_id)
