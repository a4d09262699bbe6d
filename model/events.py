"""An event: one immutable fact in the history of a case."""

from __future__ import annotations

import json
from enum import StrEnum
from uuid import UUID, uuid5

from orbweaver.model.cases import Case
from orbweaver.model.evidence import Actor, Evidence
from orbweaver.model.nouns import Published
from orbweaver.model.times import Moment
from orbweaver.model.verdicts import CaseVerdict
from pydantic import Field

# Of the events and of the cases in them, MAJOR.MINOR; docs/takedown-engine.md says what a change of each means.
SCHEMA_VERSION = "1.2"


class EventType(StrEnum):
    """The kinds of events of a case. Later releases may add kinds."""

    OPENED = "case.opened"
    HELD = "case.held"
    RELEASED = "case.released"
    SEEN_LIVE = "case.seen_live"
    MOVED = "case.moved"
    REMOVED = "case.removed"
    REOPENED = "case.reopened"
    WITHDRAWN = "case.withdrawn"
    CORRECTED = "case.corrected"
    CLOSED = "case.closed"
    ACKNOWLEDGED = "case.acknowledged"
    NOTE = "case.note"


class Retraction(StrEnum):
    """How a list, or with the last word a person, takes back what a case rests on."""

    WITHDRAWN = "withdrawn"
    DISPUTED = "disputed"
    NO_LONGER_LISTED = "no_longer_listed"
    REJECTED = "rejected"


class Correction(Published):
    """The part that only a `case.corrected` event has; the case has the verdict after the correction."""

    retraction: Retraction
    """How the list took back what the case rests on; `rejected`: people did, whatever the list says."""
    before: CaseVerdict
    """The verdict of the case before."""


class Event(Published):
    """One immutable fact in a case's history; one line of events.jsonl.

    `schema_version`, `source` and `recorded_at` are null, or missing, in events that were written before there was a
    schema version; `actor`, `reason` and `evidence` in events before version 1.2.
    """

    schema_version: str | None = Field(default=None, pattern=r"^[0-9]+\.[0-9]+$")
    """MAJOR.MINOR of this schema: MINOR grows when something is added, MAJOR when a reader must be changed."""
    event_id: UUID
    """The idempotency key: different for every content, the same when an event is delivered again."""
    source: UUID | None = None
    """The store that the event is from."""
    case_id: UUID
    """The case that the event is about."""
    sequence: int = Field(ge=1)
    """1 for the first event of the case in its store, then 2, 3, ..."""
    recorded_at: Moment | None = None
    """When the store took the event: of one source and case, the event with the latest time is the one that holds."""
    type: EventType
    """The change that happened to the case."""
    at: Moment
    """When the file was seen; of a correction by recall: when the list was asked; of a decision: when it was made."""
    actor: Actor | None = None
    """The person or program that caused the event."""
    reason: str | None = None
    """Why, in the words of the actor."""
    evidence: Evidence | None = None
    """The evidence of the event, beside the verdict in its case."""
    case: Case
    """The whole case as it was after the event."""
    correction: Correction | None = None
    """The correction; null but for `case.corrected`."""


def event_id_for(event: Event) -> UUID:
    """Return the id of a new event: it covers all of the content, so it differs whenever that does.

    It is made once, when the event is written. Raises ValueError for an event without a source: those of older
    releases keep the ids that they have.
    """
    if event.source is None:
        raise ValueError("an event without a source has the id that it was given")
    content = event.model_dump(mode="json", exclude={"event_id"})
    return uuid5(event.source, json.dumps(content, sort_keys=True, separators=(",", ":")))
