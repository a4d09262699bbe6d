"""Reads the result of a rematch and of the recall that goes with it: for the command `rematch`, and for a verify that
met a changed list.
"""

from __future__ import annotations

from dataclasses import dataclass

from orbweaver.model import Case
from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import deliveries, runs, sweeps
from orbweaver.queue.records.sweeps import SweepName
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store

SWEEPS = (SweepName.REMATCH, SweepName.RECALL)
# The progress of each sweep: the run that it counts for, and its counts.
Mark = tuple[tuple[str | None, dict[str, int]], ...]


@dataclass(frozen=True)
class RematchResult:
    """The last rematch: it asked about `asked` files and `cases_asked` cases, and made, opened or corrected `cases`."""

    asked: int
    cases_asked: int
    new_cases: int
    opened: int
    corrected: int
    unknown: int
    undelivered: int
    is_finished: bool
    cases: tuple[Case, ...]


def mark(store: Store) -> Mark:
    """Note how far the last rematch is."""
    return tuple((one.run_id, dict(one.counts)) for one in (sweeps.status(store, name) for name in SWEEPS))


def is_under_way(store: Store) -> bool:
    """Whether one goes on, or has events on their way."""
    both = [sweeps.status(store, name) for name in SWEEPS]
    run_ids = {one.run_id for one in both if one.run_id is not None}
    # A slice queues the next one before it ends, so an empty queue is the end.
    if any(not one.is_ended for one in both if one.run_id is not None) and queues.waiting_jobs(store, QueueName.MATCH):
        return True
    are_on_their_way = any(runs.waiting(store, run_id)[1] for run_id in run_ids)
    return are_on_their_way and deliveries.are_under_way(store)


def since(store: Store, before: Mark) -> RematchResult | None:
    """Return the result of the last rematch if it has asked anything since `before` was noted."""
    after = mark(store)
    return read(store) if after != before and any(counts for _, counts in after) else None


def read(store: Store) -> RematchResult:
    """Return the result of the last rematch."""
    files, known = (sweeps.status(store, name) for name in SWEEPS)
    run_ids = {one.run_id for one in (files, known) if one.run_id is not None}
    case_ids = {case_id for run_id in run_ids for case_id in runs.case_ids(store, run_id)}
    return RematchResult(
        asked=files.counts.get("asked", 0),
        cases_asked=known.counts.get("asked", 0),
        new_cases=sum(len(runs.new_case_ids(store, run_id)) for run_id in run_ids),
        opened=known.counts.get("opened", 0),
        corrected=known.counts.get("corrected", 0),
        unknown=files.counts.get("unknown", 0) + known.counts.get("unknown", 0),
        undelivered=sum(runs.waiting(store, run_id)[1] for run_id in run_ids),
        is_finished=files.is_ended and known.is_ended and not files.left and not known.left,
        cases=tuple(case_store.read_many(store, case_ids)),
    )
