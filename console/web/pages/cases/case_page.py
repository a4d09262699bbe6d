"""The page of one case: evidence, and beside it what nobody knows; its time, its events, and what may be done.

No URL on it is a link. The exact one is shown to who asks for it, alone, after that was noted.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from orbweaver.console import access
from orbweaver.console.case_reading import read_whole
from orbweaver.console.case_timeline import timeline_of
from orbweaver.console.case_wording import kind_of_file, not_known
from orbweaver.console.errors import NothingThere
from orbweaver.console.evidence_wording import evidence
from orbweaver.console.removal_wording import removal_lines
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.pages.cases.case_filters import filter_of_query
from orbweaver.console.web.pages.cases.case_list import next_in
from orbweaver.console.web.translation import to_translate
from orbweaver.matcher_client.gate import service_health
from orbweaver.model import Case, CaseState, ExportFormat, now
from orbweaver.queue.matching import deciding
from orbweaver.queue.records import deliveries
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assessment_store, assignment
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.delivery import standing
from orbweaver.takedown.errors import DeliveryUnknown
from orbweaver.takedown.exports.notice import languages

# A person reads so many; `orbweaver cases show --json` has them all.
EVENTS_SHOWN: Final = 100
SIBLINGS_SHOWN: Final = 50


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of the page of a case."""
    router = APIRouter()
    store = console.store

    @router.get("/cases/{case_id}")
    def show(request: Request, case_id: str, caller: Caller = guard.may(Right.SEE_CASES)) -> Response:
        case = noted_case(store, case_id, caller, "page /cases/ID")
        at = now()
        whole = read_whole(store, case, SIBLINGS_SHOWN)
        came_from = request.query_params.get("list", "")
        chosen = filter_of_query(came_from) if came_from else None
        number, last = assessment_store.not_raised(store, case.sha256)
        return console.templates.page(
            request,
            "cases/case.html",
            caller.session,
            whole=whole,
            came_from="" if chosen is None else chosen.query(),
            following=None if chosen is None else next_in(store, chosen, case),
            case=case,
            kind=kind_of_file(case),
            evidence=evidence(case),
            removal=removal_lines(case),
            unknown=list(not_known(case, whole.events, whole.clocks)),
            silent=services_without_entry(store, case),
            timeline=timeline_of(case, whole.events, at),
            events=whole.events[-EVENTS_SHOWN:],
            earlier=max(0, len(whole.events) - EVENTS_SHOWN),
            siblings=(*whole.siblings.same_host, *whole.siblings.elsewhere),
            sinks=deliveries.sinks_of(store),
            deliveries=_deliveries(store, case),
            taken=assignment.of_files(store, [case.sha256]).get(case.sha256),
            held=deciding.held_cases_of(store, case.sha256),
            not_raised=(number, last),
            needs_two=console.settings.assessors > 1,
            may_decide=caller.account.may(Right.DECIDE_CASES),
            is_held=case.state is CaseState.HELD,
            formats=list(ExportFormat),
            notice_languages=languages(),
            done=request.query_params.get("done", ""),
            numbers={name: _number(request.query_params.get(name)) for name in ("changed", "staying")},
        )

    @router.post("/cases/{case_id}/exact")
    def show_exact(request: Request, case_id: str, caller: Caller = guard.may(Right.DECIDE_CASES)) -> Response:
        """Show the exact URLs in fields that nobody can click, once that is in the audit log."""
        case = noted_case(store, case_id, caller, "page /cases/ID, exact URLs")
        return console.templates.page(request, "cases/exact.html", caller.session, case=case)

    return router


def noted_case(store: Store, case_id: str, caller: Caller, what: str) -> Case:
    """Return a case after it was noted in the audit log that somebody is to see it. Raises NothingThere, RedisError."""
    record = case_store.record_of(store, case_id)
    if record is None:
        raise NothingThere(to_translate("There is no such case."))
    access.note(store, caller.actor, what, [str(record.case.case_id)])
    return record.case


def services_without_entry(store: Store, case: Case) -> list[str]:
    """Return the matching services of the store that have no entry among those that the case rests on."""
    answered = {one.service for one in case.verdict.listings} | {case.verdict.service}
    return sorted(name for name in service_health.read_all(store) if name not in answered)


def _deliveries(store: Store, case: Case) -> list[standing.EventProgress]:
    try:
        _, found = standing.of_case(store, str(case.case_id), deliveries.sinks_of(store))
    except DeliveryUnknown:
        return []
    return [one for one in found if one.is_for_engine][-EVENTS_SHOWN:]


def _number(written: str | None) -> int:
    return int(written) if written is not None and written.isascii() and written.isdigit() and len(written) < 8 else 0
