"""A rematch from its start to its result, with workers of its own: for matching and delivery, none that recrawls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from orbweaver.model import Case, now
from orbweaver.queue import batches, queues, recovery, rematch, runs, sweeps
from orbweaver.queue.queues import QueueName
from orbweaver.queue.sweeps import SweepName
from orbweaver.queue.worker_processes import WorkerProcesses
from orbweaver.store.connection import Store
from orbweaver.takedown import cases

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Progress:
    """How far a rematch is: `left` are shards of retained sightings."""

    asked: int
    left: int


@dataclass(frozen=True)
class Result:
    """A rematch's end; `cases` are the new, opened and corrected ones. No process that could fetch was started."""

    began_at: datetime
    ended_at: datetime
    asked: int
    cases_asked: int
    new_cases: int
    opened: int
    corrected: int
    unknown: int
    undelivered: int
    is_finished: bool
    cases: tuple[Case, ...]
    web_requests: Literal[0] = 0

    @property
    def exit_status(self) -> int:
        """0 when everything was answered and delivered, else 1."""
        return 0 if self.is_finished and not (self.unknown or self.undelivered) else 1


def run(
    store: Store,
    versions: Mapping[str, str],
    *,
    environment: Mapping[str, str],
    log_file: Path,
    on_progress: Callable[[Progress], None],
    stop: threading.Event,
) -> Result:
    """Ask about everything retained and about every case; returns when all is done or `stop` is set.

    What earlier runs left without an answer or undelivered is done again, too. Raises StoreBusy while another run is
    alive on this store.
    """
    began_at = now()
    run_id = uuid4().hex
    with runs.turn(store, run_id, stop) as turn:
        recovery.recover_dead_workers(store)
        batches.ask_again(store, run_id)
        runs.deliver_again(store, run_id)
        rematch.start(store, versions)
        with WorkerProcesses(store, recrawlers=0, environment=environment, log_file=log_file) as workers:
            while not (stop.is_set() or workers.are_exhausted):
                turn.check()
                workers.replace_dead()
                standing = sweeps.standing(store, SweepName.REMATCH)
                on_progress(Progress(standing.counts.get("asked", 0), standing.left))
                # A slice queues the next one before it ends, so an empty queue is the end.
                if not queues.waiting_jobs(store, QueueName.MATCH, QueueName.TAKEDOWN):
                    break
                stop.wait(POLL_SECONDS)
        return _result(store, began_at)


def _result(store: Store, began_at: datetime) -> Result:
    files, known = (sweeps.standing(store, name) for name in (SweepName.REMATCH, SweepName.RECALL))
    run_ids = {one.run_id for one in (files, known) if one.run_id is not None}
    case_ids = {case_id for run_id in run_ids for case_id in runs.case_ids(store, run_id)}
    return Result(
        began_at=began_at,
        ended_at=now(),
        asked=files.counts.get("asked", 0),
        cases_asked=known.counts.get("asked", 0),
        new_cases=sum(len(runs.new_case_ids(store, run_id)) for run_id in run_ids),
        opened=known.counts.get("opened", 0),
        corrected=known.counts.get("corrected", 0),
        unknown=files.counts.get("unknown", 0) + known.counts.get("unknown", 0),
        undelivered=sum(runs.waiting(store, run_id)[1] for run_id in run_ids),
        is_finished=files.is_ended and known.is_ended and not files.left and not known.left,
        cases=tuple(cases.read_many(store, case_ids)),
    )
