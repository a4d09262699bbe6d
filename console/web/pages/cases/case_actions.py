"""Does what an analyst asks for of a case: decides about its file, withdraws it, notes, takes it, gives it back.

Each is what the command does, by the person who has signed in, and is on disk before the next page says so.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from orbweaver.console.errors import FormUnusable
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.pages.cases.case_filters import filter_of_query
from orbweaver.console.web.pages.cases.case_page import noted_case
from orbweaver.console.web.translation import to_translate
from orbweaver.model import Assessment, AssessmentDecision, Case, Classification, Proposal, now
from orbweaver.queue.matching import assessing, deciding, one_case
from orbweaver.queue.matching.assessing import Decision
from orbweaver.store import durability
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assignment
from orbweaver.takedown.errors import DecisionRefused

MOST_WORDS: Final = 2_000
MOST_OF_A_NAME: Final = 200


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of what is done with a case."""
    router = APIRouter()
    store, replicas = console.store, console.settings.store_replicas

    @router.post("/cases/{case_id}/decision")
    def decide(request: Request, case_id: str, caller: Caller = guard.may(Right.DECIDE_CASES)) -> Response:
        case = noted_case(store, case_id, caller, "page /cases/ID, decide")
        decision = _decision(caller)
        if caller.field("confirmed") != "yes":
            return confirmation(request, case, caller, decision=decision)

        def write(store: Store) -> Assessment | Proposal:
            return assessing.assess(store, str(case.case_id), decision, needs_two=console.settings.assessors > 1)

        try:
            decided = deciding.decide(store, replicas, write)
        except DecisionRefused as refused:
            raise FormUnusable(str(refused)) from refused
        assignment.give_back(store, case.sha256, caller.actor)
        if decided.applied is None:
            return _back(caller, case, "proposed")
        changed = sum(decided.applied.changed.values())
        return _back(caller, case, decision.decision.value, changed=changed, staying=len(decided.applied.staying))

    @router.post("/cases/{case_id}/withdraw")
    def withdraw(request: Request, case_id: str, caller: Caller = guard.may(Right.DECIDE_CASES)) -> Response:
        case = noted_case(store, case_id, caller, "page /cases/ID, withdraw")
        reason = _words(caller, "reason")
        if caller.field("confirmed") != "yes":
            return confirmation(request, case, caller, reason=reason)
        try:
            with durability.kept(store, replicas):
                changes = one_case.withdraw(store, str(case.case_id), person=caller.actor, reason=reason)
        except DecisionRefused as refused:
            raise FormUnusable(str(refused)) from refused
        return _back(caller, case, "withdrawn" if any(one.is_for_engine for one in changes) else "withdrawn_untold")

    @router.post("/cases/{case_id}/note")
    def note(case_id: str, caller: Caller = guard.may(Right.DECIDE_CASES)) -> Response:
        case = noted_case(store, case_id, caller, "page /cases/ID, note")
        words = _words(caller, "words")
        with durability.kept(store, replicas):
            one_case.note(store, str(case.case_id), person=caller.actor, words=words)
        return _back(caller, case, "noted")

    @router.post("/cases/{case_id}/take")
    def take(case_id: str, caller: Caller = guard.may(Right.DECIDE_CASES)) -> Response:
        case = noted_case(store, case_id, caller, "page /cases/ID, take")
        taken = assignment.take(store, case.sha256, caller.actor, now())
        return _back(caller, case, "taken" if taken.person == caller.actor.name else "taken_by_another")

    @router.post("/cases/{case_id}/give-back")
    def give_back(case_id: str, caller: Caller = guard.may(Right.DECIDE_CASES)) -> Response:
        case = noted_case(store, case_id, caller, "page /cases/ID, give back")
        return _back(
            caller, case, "given_back" if assignment.give_back(store, case.sha256, caller.actor) else "not_yours"
        )

    def confirmation(
        request: Request, case: Case, caller: Caller, *, decision: Decision | None = None, reason: str = ""
    ) -> Response:
        """Show what a decision, or else a withdrawal, would do, before it is done."""
        return console.templates.page(
            request,
            "cases/confirm.html",
            caller.session,
            case=case,
            decision=decision,
            reason=reason,
            came_from=caller.field("list"),
            others=max(0, deciding.held_cases_of(store, case.sha256) - 1),
            needs_two=console.settings.assessors > 1,
        )

    return router


def _back(caller: Caller, case: Case, done: str, **numbers: int) -> Response:
    """Lead to the page of the case, which says by a code what was done, and still knows the list it was opened from."""
    said: dict[str, str | int] = {"done": done, **numbers}
    if came_from := caller.field("list"):
        said["list"] = filter_of_query(came_from).query()
    return RedirectResponse(f"/cases/{case.case_id}?{urlencode(said)}", 303)


def _decision(caller: Caller) -> Decision:
    """Read a decision from a form. Raises FormUnusable."""
    try:
        decided = AssessmentDecision(caller.field("decision"))
    except ValueError:
        raise FormUnusable(to_translate("Choose whether the file is released or rejected.")) from None
    scheme, category = (_name(caller, field) for field in ("scheme", "category"))
    if bool(scheme) != bool(category):
        raise FormUnusable(to_translate("A classification has a scheme and a category: give both, or none."))
    classification = Classification(scheme=scheme, category=category) if scheme else None
    return Decision(decided, _words(caller, "reason"), caller.actor, classification)


def _words(caller: Caller, field: str) -> str:
    words = caller.field(field)
    if not words or len(words) > MOST_WORDS:
        raise FormUnusable(to_translate("Write why, in some words: at most 2,000 characters. They are kept for ever."))
    return words


def _name(caller: Caller, field: str) -> str:
    name = caller.field(field)
    if not name.isprintable() or len(name) > MOST_OF_A_NAME:
        raise FormUnusable(to_translate("A scheme and a category have at most 200 printable characters."))
    return name
