"""The jobs that deliver the events of the outbox: an event has one until the sinks in force have taken it."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import TYPE_CHECKING

from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.delivery import outbox
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline


def note_event(store: Store, pipe: Pipeline, run_id: str, event_id: str) -> None:
    """Queue on an open transaction that a run's event waits for its delivery, and the job that delivers it."""
    outbox.put(pipe, event_id, run_id, functools.partial(queues.enqueue_delivery, store))


def note_delivered(store: Store, event_id: str, settings: Settings) -> bool:
    """Write that an event was delivered to the sinks of `settings`; False when other sinks are in force by now."""
    with store.pipeline(transaction=True) as pipe:
        while True:
            pipe.watch(keys.in_force())
            if in_force.differing(pipe, settings, [QueueName.TAKEDOWN]):
                return False
            pipe.multi()
            outbox.take_out(pipe, event_id)
            try:
                pipe.execute()
            except WatchError:
                continue
            return True


def take_over(store: Store, run_id: str, *, but_for: Collection[str] = ()) -> int:
    """Have a run wait for every event that nobody delivers now, and enqueue those; returns how many.

    Events of the runs `but_for` stay theirs.
    """
    return sum(_enqueue(store, event_id, run_id, but_for) for event_id in outbox.event_ids(store))


def enqueue_without_job(store: Store, *, are_parked_due: bool) -> int:
    """Enqueue every event that has no job, and with `are_parked_due` those whose job is parked; returns how many."""
    with store.pipeline(transaction=True) as pipe:  # at one moment: an event comes with its job, and goes before it
        pipe.hkeys(keys.undelivered())
        queues.look_at_jobs(store, pipe, QueueName.TAKEDOWN)
        event_ids, *jobs = pipe.execute()
    seen = queues.jobs_seen(jobs)
    has_its_job = seen.under_way if are_parked_due else seen.under_way | seen.parked
    left = [text(one) for one in event_ids if queues.delivery_job_id(text(one)) not in has_its_job]
    return sum(_enqueue(store, event_id) for event_id in left)


def _enqueue(store: Store, event_id: str, run_id: str | None = None, but_for: Collection[str] = ()) -> bool:
    """Enqueue one event; False when a worker has it. A worker may be about to start a job that looks lost."""
    job_id = queues.delivery_job_id(event_id)
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(queues.job_key(job_id))  # which changes when the job is started, and when it ends
            present = outbox.run_of(pipe, event_id)
            if present is None or queues.is_alive(store, QueueName.TAKEDOWN, job_id):
                return False
            pipe.multi()
            note_event(store, pipe, present if run_id is None or present in but_for else run_id, event_id)
            try:
                pipe.execute()
            except WatchError:
                continue
            return True
