"""The analyst's lists of cases, and the search; each view is in the audit log before it is shown."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from orbweaver.console import access, case_finding
from orbweaver.console.case_wording import kind_of_file
from orbweaver.console.errors import FormUnusable, NothingToDo
from orbweaver.console.evidence_wording import WHY_HELD, list_name
from orbweaver.console.text import safe
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.pages.cases.case_filters import CaseAge, CaseFilter, CasesShown, filter_of
from orbweaver.console.web.translation import to_translate
from orbweaver.model import Case, now
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assignment
from orbweaver.takedown.assessments.assignment import Assignment
from orbweaver.takedown.cases import case_index, case_store, held_queue
from orbweaver.takedown.cases.case_index import CasePlace

ROWS: Final = 50
# Of a search; who finds more narrows it down.
MOST_FOUND: Final = 200
MOST_CHOICES: Final = 200
MOST_CHARACTERS: Final = 5_000
# Of what a host or a list calls something, in a row.
MOST_OF_A_NAME: Final = 60
_NOT_WHOLE: Final = to_translate(
    "The index of cases is being made, and a search could miss some. Try again in a while."
)
_NOTHING_MEANT: Final = to_translate("This is no id of a case, no digest, no URL, no host and no address.")
# So many cases of an older release are entered in the index while somebody waits for a page; workers enter the rest.
ENTERED_AT_ONCE: Final = 500


@dataclass(frozen=True)
class CaseRow:
    """One row of a list: a case, who works on its file, and how many held cases of its file it stands for."""

    case: Case
    kind: str
    list_name: str
    why_held: tuple[str, ...]
    taken: Assignment | None
    places: int = 1


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of the lists and of the search."""
    router = APIRouter()
    store = console.store

    @router.get("/cases")
    def show(request: Request, caller: Caller = guard.may(Right.SEE_CASES)) -> Response:
        chosen = filter_of(request.query_params)
        entered = case_index.enter_some(store, ENTERED_AT_ONCE)
        read = _held if chosen.show is CasesShown.HELD else _listed
        places, following, is_bounded = read(store, chosen, request.query_params.get("after", ""))
        access.note(store, caller.actor, f"page /cases, {chosen.show.value}", [case_id for case_id, _ in places])
        return console.templates.page(
            request,
            "cases/list.html",
            caller.session,
            chosen=chosen,
            rows=rows_of(store, places),
            following=following,
            is_bounded=is_bounded,
            entered=entered,
            lists=list(CasesShown),
            ages=list(CaseAge),
            providers=case_index.shelves_of_kind(store, "provider", MOST_CHOICES),
            countries=case_index.shelves_of_kind(store, "country", MOST_CHOICES),
            case_lists=case_index.shelves_of_kind(store, "list", MOST_CHOICES),
        )

    @router.post("/cases/find")
    def find(request: Request, caller: Caller = guard.may(Right.SEE_CASES)) -> Response:
        """Show what was found: a URL that somebody looks for stands in no address, and so in no history."""
        asked = caller.field("asked")[:MOST_CHARACTERS]
        entered = case_index.enter_some(store, ENTERED_AT_ONCE)
        if not entered.is_whole:
            raise FormUnusable(_NOT_WHOLE)
        try:
            found = list(itertools.islice(case_finding.find(store, asked), MOST_FOUND + 1)) if asked else []
        except NothingToDo:
            raise FormUnusable(_NOTHING_MEANT) from None
        places = [(str(case.case_id), 1) for case in found[:MOST_FOUND]]
        access.note(store, caller.actor, "page /cases/find", [case_id for case_id, _ in places])
        return console.templates.page(
            request,
            "cases/found.html",
            caller.session,
            asked=asked,
            rows=rows_of(store, places),
            is_more=len(found) > MOST_FOUND,
            most=MOST_FOUND,
        )

    return router


def rows_of(store: Store, places: Sequence[tuple[str, int]]) -> list[CaseRow]:
    """Return rows for the ids of cases, in their order, each with the number of held cases that it stands for."""
    cases = {str(case.case_id): case for case in case_store.read_many(store, [case_id for case_id, _ in places])}
    taken = assignment.of_files(store, {case.sha256 for case in cases.values()})
    return [
        CaseRow(
            case=case,
            kind=kind_of_file(case)[:MOST_OF_A_NAME],
            list_name=safe(list_name(case))[:MOST_OF_A_NAME],
            why_held=tuple(WHY_HELD[reason] for reason in case.verdict.held_because),
            taken=taken.get(case.sha256),
            places=number,
        )
        for case_id, number in places
        if (case := cases.get(case_id)) is not None
    ]


def next_in(store: Store, chosen: CaseFilter, case: Case) -> str | None:
    """Return the id of the case that comes after one in a list; None at its end.

    After a file that is not held any more comes the first one of the list. Raises FormUnusable, RedisError.
    """
    at = now()
    choice = chosen.choice(at)
    if chosen.show is CasesShown.HELD:
        files = held_queue.held_files(store, at, choice)
        place = next((place for place, file in enumerate(files, 1) if file.sha256 == case.sha256), 0)
        return files[place].case_ids[0] if place < len(files) else None
    since = case.state_since if chosen.show is CasesShown.SLOW and case.state_since else case.first_seen
    following = case_index.page_of(store, choice, CasePlace(since.timestamp(), str(case.case_id)), 1).case_ids
    return following[0] if following else None


def _listed(store: Store, chosen: CaseFilter, after: str) -> tuple[list[tuple[str, int]], str | None, bool]:
    """Return the ids of a page, the query of the next one, and whether it has fewer rows because it looked far."""
    page = case_index.page_of(store, chosen.choice(now()), place_of_page(after), ROWS)
    following = None if page.next is None else chosen.query(after=f"{page.next.at!r}~{page.next.case_id}")
    is_bounded = page.next is not None and len(page.case_ids) < ROWS
    return [(case_id, 1) for case_id in page.case_ids], following, is_bounded


def _held(store: Store, chosen: CaseFilter, after: str) -> tuple[list[tuple[str, int]], str | None, bool]:
    """Return one case for each file of a page, the one that is held longest; the next page goes on after a file.

    A file that was decided meanwhile is not there any more: then the page goes on at the place where it was.
    """
    at = now()
    files = held_queue.held_files(store, at, chosen.choice(at))
    last, begin = place_of_page(after), 0
    if last is not None:
        where = (place for place, file in enumerate(files, 1) if any(one == last.case_id for _, one in file.cases))
        begin = next(where, max(0, min(int(last.at), len(files)) - 1))
    shown = files[begin : begin + ROWS]
    places = [(file.case_ids[0], len(file.cases)) for file in shown]
    end = begin + len(shown)
    return places, chosen.query(after=f"{end}~{places[-1][0]}") if end < len(files) else None, False


def place_of_page(written: str) -> CasePlace | None:
    """Read the place after which a page begins; None where there is none. Raises FormUnusable."""
    if not written:
        return None
    at, tilde, case_id = written.partition("~")
    try:
        number = float(at[:40])
    except ValueError:
        number = float("nan")
    if not tilde or len(case_id) > 40 or not 0 <= abs(number) < 1e12:
        raise FormUnusable(to_translate("This page does not exist: begin at the first one."))
    return CasePlace(number, case_id)
