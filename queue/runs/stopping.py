"""Stops a verification: its recrawls are ended in order by whoever has them, and what they found is asked about."""

from __future__ import annotations

import time

from orbweaver.queue import queues
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.fleet.workers.worker_pool import WorkerProcesses
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawl_progress, recrawls, runs
from orbweaver.queue.records.recrawls import ENDED, RecrawlState
from orbweaver.queue.runs import lost_jobs, verify_result
from orbweaver.store.connection import Store

POLL_SECONDS = 0.05
# The longest waits of a stop: for recrawls that end in order, and for what they found to be asked about and delivered.
# Both end as soon as all is done; what is not done by then is kept for the next run. A second Ctrl-C ends at once.
RECRAWL_STOP_SECONDS = 10.0
DRAIN_SECONDS = 5.0


def interrupt(store: Store, run_id: str, workers: WorkerProcesses | None = None) -> None:
    """Have every recrawl ended in order, whichever worker has it, and the found files asked about, within bounds."""
    deadline = time.monotonic() + RECRAWL_STOP_SECONDS
    _end_idle(store, run_id)
    if workers is not None:
        workers.ask_to_stop(QueueName.RECRAWL)
    while _open_recrawls(store, run_id) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        _end_idle(store, run_id)  # one may have come back: that of a worker which was just starting, or died
    deadline = time.monotonic() + DRAIN_SECONDS
    while sum(runs.waiting(store, run_id)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def stop_recrawls(store: Store, run_id: str) -> list[str]:
    """Have the run's recrawls ended by the workers that have them; returns the ids of those that nobody has."""
    idle = []
    runs.note_over(store, run_id)
    for record in filter(None, (recrawls.read(store, one) for one in _open_recrawls(store, run_id))):
        job = lost_jobs.own_job(store, record)
        is_idle = job is None or dead_workers.withdraw(store, QueueName.RECRAWL, job.id)
        if is_idle or (job is not None and not queues.is_with_a_worker(store, QueueName.RECRAWL, job.id)):
            idle.append(record.recrawl_id)
    return idle


def mark_ended(store: Store, run_id: str, otherwise: str, *, is_interrupted: bool) -> None:
    """End what has not ended: because the run was stopped, or for the other reason that is given."""
    state = RecrawlState.INTERRUPTED if is_interrupted else RecrawlState.FAILED
    reason = "stopped" if is_interrupted else otherwise
    for record in verify_result.records_of(store, run_id):
        job = lost_jobs.own_job(store, record)
        is_elsewhere = job is not None and queues.is_with_a_worker(store, QueueName.RECRAWL, job.id)
        [status] = recrawl_progress.statuses(store, [record.recrawl_id])  # it may have ended since, and its job with it
        if status.state not in ENDED:
            why = "the recrawl was told to stop, but its worker has not ended it yet" if is_elsewhere else reason
            recrawls.end(store, record.recrawl_id, state, reason=why)
        if job is not None and not is_elsewhere:
            # Its worker is gone; the next run must be able to take the host.
            dead_workers.discard(store, QueueName.RECRAWL, job.id)


def _end_idle(store: Store, run_id: str) -> None:
    idle = stop_recrawls(store, run_id)
    for recrawl_id, status in zip(idle, recrawl_progress.statuses(store, idle), strict=True):
        left = status.tally.queued  # of one between two slices
        reason = f"stopped, {left} more URLs were known" if left else "stopped"
        recrawls.end(store, recrawl_id, RecrawlState.INTERRUPTED, reason=reason)


def _open_recrawls(store: Store, run_id: str) -> list[str]:
    recrawl_ids = runs.recrawl_ids(store, run_id)
    statuses = recrawl_progress.statuses(store, recrawl_ids)
    return [one for one, status in zip(recrawl_ids, statuses, strict=True) if status.state not in ENDED]
