"""The jobs that send events from the outbox to the sinks: one for all that a transaction writes, or that are left."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force
from orbweaver.settings import Settings
from orbweaver.store import keys, reads
from orbweaver.store.connection import Store, text
from orbweaver.takedown.delivery import lanes, outbox, sink_states
from orbweaver.takedown.delivery.sinks.opening import names_of
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

# A delivery that failed a few times within seconds may work the next time: whoever waits for it waits so long. After
# some tries the next one is later than that.
SOON_SECONDS: Final = 3.0


def note_events(store: Store, pipe: Pipeline, run_id: str, *event_ids: str) -> None:
    """Queue on an open transaction that a run's events wait for their delivery, and a job that sends them on their way.

    The events are the truth, and the job only wakes who delivers them: it sends whatever is not sent yet.
    """
    outbox.put(pipe, event_ids, run_id, functools.partial(queues.enqueue_delivery, store))


def send(store: Store, event_id: str, settings: Settings) -> bool:
    """Have every event that is not sent yet wait for each sink of `settings` that has not taken it, and one event.

    The latter is of the job, which may be of an earlier release. What all sinks have taken waits no longer.
    False when other sinks are in force by now.
    """
    sinks, is_all = names_of(settings.takedown_sinks), False
    while not is_all:
        unsent, own = reads.together(store, outbox.reading_unsent(), outbox.reading_run_of(event_id))
        is_all = len(unsent) < outbox.SENT_AT_ONCE  # what comes meanwhile comes with a job of its own
        event_ids = unsent if own is None or event_id in unsent else [event_id, *unsent]
        if not event_ids:
            return True
        lacking, at = reads.together(store, lanes.reading_lacking(event_ids, sinks), lanes.reading_seconds())
        with store.pipeline(transaction=True) as pipe:
            lanes.put(pipe, lacking, at)
            outbox.note_sent(pipe, [one for one in event_ids if lacking[one]])
            pipe.execute()
        taken = [one for one in event_ids if not lacking[one]]
        if taken and not note_delivered(store, taken, settings):
            return False
    return True


def note_delivered(store: Store, event_ids: Sequence[str], settings: Settings) -> bool:
    """Write that events were delivered to the sinks of `settings`; False when other sinks are in force by now."""
    with store.pipeline(transaction=True) as pipe:
        while True:
            pipe.watch(keys.in_force())
            if in_force.differing(pipe, settings, [QueueName.TAKEDOWN]):
                return False
            pipe.multi()
            outbox.take_out(pipe, *event_ids)
            outbox.note_sent(pipe, event_ids)
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
    left = [one for one in _without_job(store, are_parked_due=True) if one not in waiting]
    return given + _send(store, left, run_id, but_for)


def enqueue_without_job(store: Store, *, are_parked_due: bool) -> int:
    """Have one job send every event that no job will send, and that waits for no sink; returns how many these are.

    With `are_parked_due` also those whose job is parked.
    """
    waiting = lanes.waiting_ids(store, sinks_of(store))
    left = _without_job(store, are_parked_due=are_parked_due)
    return _send(store, [one for one in left if one not in waiting])


def _without_job(store: Store, *, are_parked_due: bool) -> list[str]:
    """Return the events that wait for their delivery, and that no job will send on their way."""
    with store.pipeline(transaction=True) as pipe:  # at one moment: an event comes with a job, and goes before it
        pipe.hkeys(keys.undelivered())
        pipe.smembers(keys.unsent())
        queues.look_at_jobs(store, pipe, QueueName.TAKEDOWN)
        event_ids, unsent, *jobs = pipe.execute()
    seen = queues.jobs_seen(jobs)
    there = seen.under_way if are_parked_due else seen.under_way | seen.parked
    sent_by_any = {text(one) for one in unsent} if there else set()
    return [one for one in map(text, event_ids) if queues.delivery_job_id(one) not in there and one not in sent_by_any]


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


def _send(store: Store, event_ids: Sequence[str], run_id: str | None = None, but_for: Collection[str] = ()) -> int:
    """Have a job send events that nobody sends, and a run count those of them that are of no run in `but_for`.

    Returns how many are sent. A worker may be about to start a job that looks lost.
    """
    for place, event_id in enumerate(event_ids):
        job_id = queues.delivery_job_id(event_id)
        with store.pipeline(transaction=True) as pipe:
            while True:
                pipe.watch(queues.job_key(job_id))  # which changes when the job is started, and when it ends
                if outbox.run_of(pipe, event_id) is None or queues.is_alive(store, QueueName.TAKEDOWN, job_id):
                    break  # a worker has it
                left = event_ids[place:]
                if run_id is not None:
                    runs = outbox.runs_of(store, left)
                    outbox.give(store, [one for one in left if runs.get(one) not in but_for], run_id)
                pipe.multi()
                outbox.send(pipe, left, functools.partial(queues.enqueue_delivery, store))
                try:
                    pipe.execute()
                except WatchError:
                    continue
                return len(left)
    return 0
