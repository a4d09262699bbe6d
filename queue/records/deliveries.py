"""The jobs that take events from the outbox to the sinks: an event has one until it waits for the sinks in force."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.delivery import lanes, outbox, sink_states
from orbweaver.takedown.delivery.sinks.opening import names_of
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

# A delivery that failed a few times within seconds may work the next time: whoever waits for it waits so long. After
# some tries the next one is later than that.
SOON_SECONDS: Final = 3.0


def note_event(store: Store, pipe: Pipeline, run_id: str, event_id: str) -> None:
    """Queue on an open transaction that a run's event waits for its delivery, and the job that sends it on its way."""
    outbox.put(pipe, event_id, run_id, functools.partial(queues.enqueue_delivery, store))


def send(store: Store, event_id: str, settings: Settings) -> bool:
    """Have an event wait for each sink of `settings` that has not taken it; one that all have taken waits no longer.

    False when other sinks are in force by now.
    """
    if lanes.put(store, event_id, names_of(settings.takedown_sinks), lanes.server_seconds(store)):
        return True
    return note_delivered(store, event_id, settings)


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
    """Have a run wait for every event that nobody delivers now, and have those delivered at once; returns how many.

    Events of the runs `but_for` stay theirs. What failed is tried now, also what was parked. What other sinks than
    those in force still had to get is forgotten.
    """
    sinks = in_force.sinks(store)
    at = lanes.server_seconds(store)
    if sinks:
        lanes.forget_others(store, sinks)
        sink_states.note_sinks(store, sinks, at)
    waiting = lanes.waiting_ids(store, sinks)
    others = [event_id for event_id, of in outbox.runs_of(store, sorted(waiting)).items() if of not in but_for]
    given = outbox.give(store, others, run_id)
    for sink in sinks:
        lanes.make_due(store, sink, at)
    left = (one for one in outbox.event_ids(store) if one not in waiting)
    return given + sum(_enqueue(store, event_id, run_id, but_for) for event_id in left)


def enqueue_without_job(store: Store, *, are_parked_due: bool) -> int:
    """Enqueue every event that has no job and waits for no sink; returns how many.

    With `are_parked_due` also those whose job is parked.
    """
    waiting = lanes.waiting_ids(store, sinks_of(store))
    with store.pipeline(transaction=True) as pipe:  # at one moment: an event comes with its job, and goes before it
        pipe.hkeys(keys.undelivered())
        queues.look_at_jobs(store, pipe, QueueName.TAKEDOWN)
        event_ids, *jobs = pipe.execute()
    seen = queues.jobs_seen(jobs)
    has_its_job = seen.under_way if are_parked_due else seen.under_way | seen.parked
    left = [text(one) for one in event_ids if queues.delivery_job_id(text(one)) not in has_its_job]
    return sum(_enqueue(store, event_id) for event_id in left if event_id not in waiting)


def sinks_of(store: Store) -> list[str]:
    """Return the names of the sinks that events of this store go to."""
    return sorted(in_force.sinks(store) or sink_states.states(store))


def are_under_way(store: Store) -> bool:
    """Whether events are on their way, or are tried again within a few seconds."""
    return queues.waiting_jobs(store, QueueName.TAKEDOWN) > 0 or bool(due_soon(store))


def due_soon(store: Store) -> set[str]:
    """Return the ids of the events that a sink in force gets now, or within SOON_SECONDS."""
    until = lanes.server_seconds(store) + SOON_SECONDS
    sinks = [one for one in sinks_of(store) if _is_asked(store, one, until)]
    return lanes.waiting_ids(store, sinks, until=until)


def _is_asked(store: Store, sink: str, until: float) -> bool:
    state = sink_states.state_of(store, sink)
    return state is None or state.next_at <= until


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
