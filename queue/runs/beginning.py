"""Begins a run under the run lock: it declares its set-up, and takes over what earlier runs and dead workers left."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from orbweaver import settings as orbweaver_settings
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries
from orbweaver.queue.records.event_places import Places
from orbweaver.queue.runs import declaration, living
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery.sinks.opening import open_sinks


def take_over(
    store: Store, run_id: str, environment: Mapping[str, str], names: Collection[QueueName], places: Places | None
) -> dict[str, str]:
    """Do all of it for the run's queues; returns the list version of each service that answers.

    `environment` is that of the run's workers, `places` says where the events went when the run was prepared. From now
    on the run waits for the files and the events that nobody else works on and no other run waits for, and reports
    them. Raises SinkRefused when its workers could not open their sinks, WorkersTooOld and StoreBusy as
    `declaration.declare`, and StoreBusy while verifications are under way that rely on other settings, before anything
    is taken over.
    """
    settings = orbweaver_settings.load(environment)
    open_sinks(settings.takedown_sinks)  # which may be those of an earlier run; else its workers would die of it
    living.require_room(store, run_id, settings, names)
    dead_workers.recover_dead_workers(store)
    versions = declaration.declare(store, settings, names, sinks_seen=None if places is None else places.seen)
    others = living.runs(store) - {run_id}
    batches.ask_again(store, run_id, but_for=others)
    deliveries.take_over(store, run_id, but_for=others)
    return versions
