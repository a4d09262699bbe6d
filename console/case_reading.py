"""Reads all that people are shown of one case: its events, what was decided about its file, where else the file is."""

from __future__ import annotations

from dataclasses import dataclass

from orbweaver.model import Assessment, Case, Event, Proposal
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.delivery import progress
from orbweaver.takedown.delivery.progress import DeliveryClocks
from orbweaver.takedown.removal import siblings
from orbweaver.takedown.removal.siblings import Siblings


@dataclass(frozen=True)
class WholeCase:
    """A case with its events, oldest first, and what is known of its file and of its deliveries."""

    case: Case
    events: list[Event]
    assessment: Assessment | None
    proposal: Proposal | None
    siblings: Siblings
    clocks: DeliveryClocks


def read_whole(store: Store, case: Case, most_siblings: int = siblings.MOST_READ) -> WholeCase:
    """Return all of a case; at most so many other cases of its file are named. Raises RedisError."""
    case_id = str(case.case_id)
    return WholeCase(
        case,
        case_store.events_of(store, case_id),
        assessment_store.read(store, case.sha256),
        assessment_store.proposal(store, case.sha256),
        siblings.of_case(store, case, most_siblings),
        progress.clocks_of(store, [case_id])[case_id],
    )
