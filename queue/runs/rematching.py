"""A rematch from its start to its result, with workers of its own: for matching and delivery, none that recrawls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from orbweaver import settings
from orbweaver.model import now
from orbweaver.queue import queues
from orbweaver.queue.fleet.workers.worker_pool import WorkerProcesses
from orbweaver.queue.matching import rematch, rematch_result
from orbweaver.queue.matching.rematch_result import RematchResult
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import deliveries, sweeps
from orbweaver.queue.records.event_places import Places
from orbweaver.queue.records.sweeps import SweepName
from orbweaver.queue.runs import beginning, run_lock, service_client
from orbweaver.queue.runs.run_lock import REMATCH, Claim
from orbweaver.store import durability
from orbweaver.store.connection import Store

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class RematchProgress:
    """The progress of a rematch: `asked` files, and `left` shards of retained sightings."""

    asked: int
    left: int


@dataclass(frozen=True)
class RematchRun:
    """A rematch command from begin to end. No process that could fetch was started.

    `unconfirmed` says why the store's disks did not confirm at the end that they have all of it; None when they did.
    """

    began_at: datetime
    ended_at: datetime
    rematched: RematchResult
    unconfirmed: str | None = None
    web_requests: Literal[0] = 0

    @property
    def exit_status(self) -> int:
        """0 when everything was answered, delivered and confirmed, else 1."""
        rematched = self.rematched
        is_clean = not (rematched.unknown or rematched.undelivered or self.unconfirmed)
        return 0 if rematched.is_finished and is_clean else 1


def run(
    store: Store,
    *,
    environment: Mapping[str, str],
    log_file: Path,
    on_progress: Callable[[RematchProgress], None],
    stop: threading.Event,
    claim: Claim = REMATCH,
    places: Places | None = None,
) -> RematchRun:
    """Ask about everything retained and about every case; returns when all is done or `stop` is set.

    The run also asks about the files, and delivers the events, that earlier runs left. It declares the settings of its
    workers to be in force. Raises StoreBusy while another run is alive on this store and `claim` does not wait, and
    WorkersTooOld while a worker of an earlier release is alive. Beside a service its settings must be those.
    """
    began_at = now()
    run_id = uuid4().hex
    if (service := run_lock.service(store)) is not None:
        service_client.require_same_settings(store, settings.load(environment), service)
    with run_lock.hold(store, run_id, claim, stop) as lock:
        versions = beginning.take_over(store, run_id, environment, (QueueName.MATCH, QueueName.TAKEDOWN), places)
        rematch.start(store, versions)
        with WorkerProcesses(store, recrawls_at_once=0, environment=environment, log_file=log_file) as workers:
            while not (stop.is_set() or workers.are_exhausted):
                lock.check()
                workers.replace_dead()
                status = sweeps.status(store, SweepName.REMATCH)
                on_progress(RematchProgress(status.counts.get("asked", 0), status.left))
                # A slice queues the next one before it ends, so an empty queue is the end.
                is_asked = not queues.waiting_jobs(store, QueueName.MATCH) or workers.takes_no_match_job()
                if is_asked and not deliveries.are_under_way(store):
                    break
                stop.wait(POLL_SECONDS)
        unconfirmed = durability.unconfirmed(store, settings.load(environment).store_replicas)
        return RematchRun(began_at, now(), rematch_result.read(store), unconfirmed)
