"""Assessments: what people decided about files, and a decision that a program brings, for one that it knows of."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from orbweaver.console import access
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api.paging import Cursor, Items, Limit, read_cursor, write_cursor
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.model import Assessment, AssessmentDecision, CaseState, Classification, Proposal
from orbweaver.queue.matching import assessing, deciding
from orbweaver.queue.matching.assessing import Decision
from orbweaver.takedown.assessments import assessment_store
from pydantic import BaseModel, Field, StringConstraints

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class DecisionSent(BaseModel):
    """A decision about the file of a held case."""

    case_id: UUID = Field(description="A held case of the file. All cases of the file are decided by it.")
    decision: AssessmentDecision
    reason: Reason = Field(description="Why; it is kept for ever. Name the person who decided.")
    classification: Classification | None = Field(default=None, description="What kind of file it is, in a scheme.")


class DecisionTaken(BaseModel):
    """The effect of a decision. Where two people have to agree it is a proposal first, and a person is the second."""

    assessment: Assessment | None
    proposal: Proposal | None
    changed: dict[CaseState, int] = Field(description="How many cases came into which state by it.")
    undecided: list[UUID] = Field(description="Cases of the file that it did not decide, at most 100.")


def endpoints(console: Console, guard: TokenGuard, router: APIRouter) -> None:
    """Add the endpoints to a router."""
    store = console.store

    @router.get("/assessments", summary="Assessments, the oldest decision first")
    def list_assessments(
        limit: Limit = 50, cursor: Cursor = None, caller: ApiCaller = guard.may(Right.SEE_CASES)
    ) -> Items[Assessment]:
        place = read_cursor(cursor, float, str)
        found = assessment_store.page(store, None if place is None else (float(place[0]), str(place[1])), limit)
        if found:
            access.note(store, caller.actor, "api assessments", [str(one.assessment_id) for one in found])
        last = found[-1] if len(found) == limit else None
        following = None if last is None else write_cursor(last.decided_at.timestamp(), last.digests.sha256)
        return Items(items=found, next=following)

    @router.post("/assessments", summary="Decide about a file")
    def decide(sent: DecisionSent, caller: ApiCaller = guard.may(Right.DECIDE_CASES)) -> DecisionTaken:
        """Release or reject the file of a held case, for all its cases and every place where it is found later."""
        decision = Decision(sent.decision, sent.reason, caller.actor, sent.classification)
        needs_two = console.settings.assessors > 1
        decided = deciding.decide(
            store,
            console.settings.store_replicas,
            lambda store: assessing.assess(store, str(sent.case_id), decision, needs_two=needs_two),
        )
        made, applied = decided.made, decided.applied
        return DecisionTaken(
            assessment=None if isinstance(made, Proposal) else made,
            proposal=made if isinstance(made, Proposal) else None,
            changed={} if applied is None else dict(applied.changed),
            undecided=[] if applied is None else [one.case_id for one in applied.staying[:100]],
        )
