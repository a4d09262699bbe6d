"""A verification on a store that has a service (`orbweaver run`): it enters its hosts, and the service does the work.

It starts no worker and changes nothing that is in force, so any number of them go on at once, and none touches the jobs
of another or of the service.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from orbweaver.queue import queues
from orbweaver.queue.errors import StoreBusy
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force, recrawls
from orbweaver.queue.records.recrawls import ENDED, RecrawlState
from orbweaver.queue.runs import lost_jobs
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.delivery import outbox
from rq.exceptions import DuplicateJobError

LOOK_SECONDS = 5.0


def require_same_settings(store: Store, settings: Settings, service: str) -> None:
    """Raise StoreBusy when the service of the store works with other settings than these."""
    others = in_force.differing(store, settings, tuple(QueueName))
    if others:
        raise StoreBusy(
            f"{service} works on this store with other values of {', '.join(others)}: give this command the same, or a "
            "store of its own with --state"
        )


class EnteredRecrawls:
    """The recrawls of a client: those whose job is entered, and those that wait for another recrawl of their host."""

    def __init__(self, store: Store, orders: Mapping[str, Order]) -> None:
        """Take the orders by the ids of their recrawls."""
        self._store = store
        self._waiting = dict(orders)
        self._entered: set[str] = set()
        self._looks_at = 0.0

    def enter(self) -> None:
        """Enter the job of each recrawl whose host has none now; the others wait."""
        for recrawl_id, order in list(self._waiting.items()):
            try:
                queues.enqueue_recrawl(self._store, order.scope.name, recrawl_id, order.scope.limits.max_seconds)
            except DuplicateJobError:
                continue
            del self._waiting[recrawl_id]
            self._entered.add(recrawl_id)

    def end_lost(self) -> None:
        """Mark recrawls as failed whose job was removed, or parked after its last retry; looks every few seconds."""
        if time.monotonic() < self._looks_at:
            return
        self._looks_at = time.monotonic() + LOOK_SECONDS
        lost_jobs.end_parked_recrawls(self._store)
        for recrawl_id in sorted(self._entered):
            record = recrawls.read(self._store, recrawl_id)
            if record is None or record.state in ENDED:
                self._entered.discard(recrawl_id)
            elif lost_jobs.own_job(self._store, record) is None and not self._has_ended(recrawl_id):
                recrawls.end(self._store, recrawl_id, RecrawlState.FAILED, reason="its job was removed from the queue")

    def _has_ended(self, recrawl_id: str) -> bool:
        """Whether it has ended by now: a job that is done is removed after its recrawl has ended."""
        [status] = recrawls.statuses(self._store, [recrawl_id])
        return status.state in ENDED


def is_worked_on(store: Store, run_id: str) -> bool:
    """Whether a job will ask about a file, or deliver an event, of this run: what has none waits for a service."""
    events = set(outbox.event_ids_of(store, run_id))
    with store.pipeline(transaction=True) as pipe:
        queues.look_at_jobs(store, pipe, QueueName.MATCH)
        queues.look_at_jobs(store, pipe, QueueName.TAKEDOWN)
        pipe.smembers(keys.run_batches(run_id))
        pipe.zrange(keys.released_batches(), 0, -1)
        answers = pipe.execute()
    match, takedown = queues.jobs_seen(answers[:4]).under_way, queues.jobs_seen(answers[4:8]).under_way
    own, released = _texts(answers[8]), _texts(answers[9])
    has_job = {queues.batch_of(job_id) for job_id in match} | released
    return bool(own & has_job) or any(queues.delivery_job_id(event_id) in takedown for event_id in events)


def _texts(members: Iterable[bytes]) -> set[str]:
    return {text(one) for one in members}
