"""The record that every format is made of: a case, what its events tell, and in whose name it is exported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orbweaver.model import Assessment, AssessmentDecision, Case, Event, EventType
from orbweaver.takedown.exports.reporter import Reporter

_OPENINGS = frozenset({EventType.OPENED, EventType.REOPENED})
_SIGHTINGS = frozenset({*_OPENINGS, EventType.HELD, EventType.SEEN_LIVE, EventType.MOVED})


@dataclass(frozen=True)
class ExportRecord:
    """A case as it is exported.

    `opening` is the event by which it was last opened, None when it never was. `sightings` counts the events that say
    that the file was seen, at least one; `returns` counts how often it came back after its removal. `assessment` is
    what people decided about the file, as it stands now. `elsewhere` counts
    the other places where the same file was found. `reporter` may be None for formats that are no notices.
    """

    case: Case
    opening: Event | None = None
    sightings: int = 1
    returns: int = 0
    reporter: Reporter | None = None
    assessment: Assessment | None = None
    elsewhere: int = 0

    @property
    def released(self) -> Assessment | None:
        """The assessment by which people released the file; None where nobody did, or people rejected it."""
        is_released = self.assessment is not None and self.assessment.decision is AssessmentDecision.RELEASED
        return self.assessment if is_released else None

    @property
    def is_rejected(self) -> bool:
        """Whether people rejected the file, though that may not have reached the case yet."""
        return self.assessment is not None and self.released is None

    @property
    def is_classified_by_people(self) -> bool:
        """Whether the category is that of people who assessed the file."""
        return self.released is not None and self.released.classification is not None


def record_of(
    case: Case,
    events: Iterable[Event],
    reporter: Reporter | None = None,
    assessment: Assessment | None = None,
    elsewhere: int = 0,
) -> ExportRecord:
    """Return the record of a case from all its events, oldest first."""
    opening = None
    sightings = returns = 0
    for event in events:
        if event.type in _OPENINGS:
            opening = event
        sightings += event.type in _SIGHTINGS
        returns += event.type is EventType.REOPENED
    returns = max(returns, 0 if case.removal is None else case.removal.returns)
    return ExportRecord(case, opening, max(sightings, 1), returns, reporter, assessment, elsewhere)
