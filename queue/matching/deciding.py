"""Has a person decide about a file: writes the decision, and brings it to all cases of the file at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orbweaver.model import Assessment, CaseState, Proposal
from orbweaver.queue.matching import assessed_cases
from orbweaver.queue.matching.assessed_cases import Applied
from orbweaver.store import durability
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_entries, case_index, case_store


@dataclass(frozen=True)
class DecidedFile:
    """A decision as it was written, with its effect on the cases of the file; a proposal does nothing yet."""

    made: Assessment | Proposal
    applied: Applied | None


def decide(store: Store, replicas: int, write: Callable[[Store], Assessment | Proposal]) -> DecidedFile:
    """Write a decision and bring it to all cases of its file; all of it is on disk when this returns.

    Decisions that are due from before are brought to their cases first. Raises DecisionRefused, StoreError.
    """
    with durability.kept(store, replicas):
        assessed_cases.apply_due(store)
        made = write(store)
        applied = None if isinstance(made, Proposal) else assessed_cases.apply(store, made.digests.sha256)
    return DecidedFile(made, applied)


def held_cases_of(store: Store, sha256: str) -> int:
    """Return how many cases of a file are held: so many a decision about it decides, if nothing keeps one held."""
    case_ids = list(case_store.case_ids_of_file(store, sha256))
    return sum(case_index.are_on(store, case_ids, [case_entries.state_shelf(CaseState.HELD)]))
