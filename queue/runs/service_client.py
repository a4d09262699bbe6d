"""A verification at the workers of another: it enters its hosts, and the service, or the run that has them, works.

It starts no worker and changes nothing that is in force, so any number of them go on at once, and none touches the jobs
of another or of the service.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from orbweaver.queue import queues
from orbweaver.queue.errors import StoreBusy
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import deliveries, in_force, recrawls, runs
from orbweaver.queue.runs import left_over, living, lost_jobs, run_lock
from orbweaver.queue.runs.run_lock import SERVICE, VERIFY
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from rq.exceptions import DuplicateJobError

LOOK_SECONDS = 5.0


class Host(NamedTuple):
    """The run whose workers do everybody's jobs, in words; with `is_ready` its settings are those in force."""

    said: str
    is_service: bool
    is_ready: bool


def host_of(store: Store) -> Host | None:
    """Return who has workers for everybody: the service, or the verification that holds the run lock."""
    service = run_lock.holder_of(store, keys.service_lock())
    holder = run_lock.holder_of(store, keys.run_lock())
    if holder is not None and holder.command == SERVICE.command:  # it begins
        return Host(str(service or holder), is_service=True, is_ready=False)
    if service is not None:
        return Host(str(service), is_service=True, is_ready=True)
    if holder is not None and holder.command == VERIFY.command:
        return Host(str(holder), is_service=False, is_ready=runs.has_declared(store, holder.run_id))
    return None


def require_same_settings(store: Store, settings: Settings, host: str, *, may_wait: bool = False) -> None:
    """Raise StoreBusy when the workers of the store have other settings; with `may_wait` --wait would help."""
    others = in_force.differing(store, settings, tuple(QueueName))
    if others:
        wait = ", wait for its end with --wait" if may_wait else ""
        raise StoreBusy(
            f"{host} works on this store with other values of {', '.join(others)}: give this command the same{wait}, "
            "or give it a store of its own with --state"
        )


class EnteredRecrawls:
    """The recrawls of a verification: those whose job is entered, and those that wait for another of their host."""

    def __init__(self, store: Store, orders: Mapping[str, Order]) -> None:
        """Take the orders by the ids of their recrawls."""
        self._store = store
        self._all = tuple(orders)
        self._waiting = dict(orders)
        self._entered: set[str] = set()
        self._looks_at = 0.0

    def enter(self) -> None:
        """Enter the job of each recrawl whose host has none now; the others wait."""
        in_the_way: list[str] = []
        for recrawl_id, order in list(self._waiting.items()):
            name = order.scope.name
            try:
                queues.enqueue_recrawl(self._store, name, recrawl_id, order.scope.limits.max_seconds)
            except DuplicateJobError:
                in_the_way.append(queues.recrawl_job_id(name))
                continue
            del self._waiting[recrawl_id]
            self._entered.add(recrawl_id)
        if in_the_way:
            wanted = living.runs(self._store)
            for job_id in in_the_way:
                left_over.drop_recrawl(self._store, job_id, wanted)

    def end_lost(self) -> None:
        """Mark recrawls as failed whose job was removed, or parked after its last retry.

        Looks every few seconds; at once when no job is left at all.
        """
        if time.monotonic() < self._looks_at and queues.waiting_jobs(self._store, QueueName.RECRAWL):
            return
        self._looks_at = time.monotonic() + LOOK_SECONDS
        lost_jobs.end_parked_recrawls(self._store)
        self._entered = {one for one in self._entered if not lost_jobs.end_if_lost(self._store, one)}

    def have_jobs(self) -> bool:
        """Whether a job of these recrawls is left: a worker notes the end of a recrawl before that of its job."""
        records = (recrawls.read(self._store, one) for one in self._all)
        return any(record is not None and lost_jobs.own_job(self._store, record) is not None for record in records)


class WaitingWork(NamedTuple):
    """The files and events of a run that wait, at one moment: whether a job is for any, and whether files of whichever
    run wait for a matching service without one.
    """

    is_worked_on: bool
    waits_for_service: bool


def waiting_work(store: Store, run_id: str) -> WaitingWork:
    """Look at the jobs that ask about a file, or deliver an event, of this run, and at what has none."""
    with store.pipeline(transaction=True) as pipe:
        queues.look_at_jobs(store, pipe, QueueName.MATCH)
        queues.look_at_jobs(store, pipe, QueueName.TAKEDOWN)
        pipe.smembers(keys.run_batches(run_id))
        pipe.zrange(keys.released_batches(), 0, -1)
        pipe.hgetall(keys.undelivered())
        pipe.smembers(keys.unsent())
        pipe.zcard(keys.waiting_batches())
        *jobs, batches, released, undelivered, unsent, waiting = pipe.execute()
    match, takedown = queues.jobs_seen(jobs[:4]).under_way, queues.jobs_seen(jobs[4:]).under_way
    has_job = {queues.batch_of(job_id) for job_id in match} | _texts(released)
    events = {text(event_id) for event_id, of in undelivered.items() if text(of) == run_id}
    is_sent = bool(takedown and events & _texts(unsent)) or any(
        queues.delivery_job_id(one) in takedown for one in events
    )
    # Looked at after the jobs: the job of an event ends when the event waits for its sinks.
    is_delivered = is_sent or bool(events and events & deliveries.due_soon(store))
    return WaitingWork(bool(_texts(batches) & has_job) or is_delivered, waits_for_service=bool(waiting))


def _texts(members: Iterable[bytes]) -> set[str]:
    return {text(one) for one in members}
