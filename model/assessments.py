"""An assessment: what people decided once about a file, by its digests, for every place where it is found."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID, uuid5

from orbweaver.model.evidence import Actor, AppliedAssessment, AssessmentDecision
from orbweaver.model.nouns import Noun
from orbweaver.model.sightings import DigestSet
from orbweaver.model.times import Moment
from orbweaver.model.verdicts import HoldReason, Listing
from pydantic import Field

Words = Annotated[str, Field(min_length=1, max_length=4_000)]
Label = Annotated[str, Field(min_length=1, max_length=200)]


class Classification(Noun):
    """The kind of a file, in the words of a named scheme."""

    scheme: Label
    category: Label


class Assessment(Noun):
    """One decision of people about the digests of a file.

    `listings` and `doubts` are the entries of lists, and the reasons to hold its cases, that were known when it was
    decided: other ones are news. `decided_by` has two names where a setting demands it, the first who proposed it.
    """

    assessment_id: UUID
    revision: int = Field(ge=1)
    digests: DigestSet
    decision: AssessmentDecision
    decided_at: Moment
    decided_by: tuple[Actor, ...] = Field(min_length=1)
    reason: Words
    classification: Classification | None = None
    listings: tuple[Listing, ...] = ()
    doubts: tuple[HoldReason, ...] = ()

    @property
    def applied(self) -> AppliedAssessment:
        """The assessment as a case that it decides names it."""
        return AppliedAssessment(
            assessment_id=self.assessment_id,
            revision=self.revision,
            decision=self.decision,
            decided_at=self.decided_at,
        )


class Proposal(Noun):
    """A decision that waits for a second person."""

    decision: AssessmentDecision
    proposed_at: Moment
    proposed_by: Actor
    reason: Words
    classification: Classification | None = None


def assessment_id_for(source: UUID, sha256: str) -> UUID:
    """Return the id of a store's assessment of a file, the same for all its revisions."""
    return uuid5(source, f"assessment\n{sha256}")
