"""Cases: a list by first sighting with filters, one, and its events."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query
from orbweaver.console import access
from orbweaver.console.errors import NothingThere
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api.paging import Cursor, Items, Limit, read_cursor, write_cursor
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.model import Case, CaseState, Event, Moment
from orbweaver.takedown.cases import case_entries, case_index, case_store
from orbweaver.takedown.cases.case_index import CaseChoice, CasePlace

# Of cases of an older release so many are entered in the index with each page that is asked for.
ENTERED_AT_ONCE: Final = 500
CaseId = Annotated[UUID, Path(description="The id of the case.")]


def endpoints(console: Console, guard: TokenGuard, router: APIRouter) -> None:
    """Add the endpoints to a router."""
    store = console.store

    @router.get("/cases", summary="Cases, the first seen first")
    def list_cases(
        state: Annotated[CaseState | None, Query(description="Only cases in this state.")] = None,
        host: Annotated[
            str | None, Query(max_length=300, description="Only cases of this host (without port), or of this address.")
        ] = None,
        since: Annotated[Moment | None, Query(description="Only files first seen at this time or later.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        caller: ApiCaller = guard.may(Right.SEE_CASES),
    ) -> Items[Case]:
        shelves = [] if state is None else [case_entries.state_shelf(state)]
        shelves += [] if host is None else [case_entries.host_shelf(host)]
        place = read_cursor(cursor, float, str)
        case_index.enter_some(store, ENTERED_AT_ONCE)
        page = case_index.page_of(
            store,
            CaseChoice(tuple(shelves), since=since, is_oldest_first=True),
            None if place is None else CasePlace(float(place[0]), str(place[1])),
            limit,
        )
        if page.case_ids:
            access.note(store, caller.actor, "api cases", page.case_ids)
        found = case_store.read_many(store, page.case_ids)
        return Items(items=found, next=None if page.next is None else write_cursor(*page.next))

    @router.get("/cases/{case_id}", summary="One case")
    def read_case(case_id: CaseId, caller: ApiCaller = guard.may(Right.SEE_CASES)) -> Case:
        record = case_store.record_of(store, str(case_id))
        if record is None:
            raise NothingThere(f"no case has the id {case_id}")
        access.note(store, caller.actor, "api case", [str(case_id)])
        return record.case

    @router.get("/cases/{case_id}/events", summary="The events of a case, oldest first")
    def list_events_of_case(
        case_id: CaseId, limit: Limit = 50, cursor: Cursor = None, caller: ApiCaller = guard.may(Right.SEE_CASES)
    ) -> Items[Event]:
        place = read_cursor(cursor, int)
        start = 0 if place is None else max(0, int(place[0]))
        if not case_store.existing(store, [str(case_id)]):
            raise NothingThere(f"no case has the id {case_id}")
        events = case_store.events_after(store, str(case_id), start, limit + 1)
        access.note(store, caller.actor, "api case events", [str(case_id)])
        return Items(items=events[:limit], next=write_cursor(start + limit) if len(events) > limit else None)
