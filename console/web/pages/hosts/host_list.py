"""The list of the hosts: a page at a time, by filter, and all of them as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from orbweaver.console import access
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.model import format_time
from orbweaver.queue.hosts import due
from orbweaver.queue.hosts.host_store import KnownHost
from orbweaver.queue.hosts.shown import listing
from orbweaver.queue.hosts.shown.listing import HostFilter, HostOrder
from orbweaver.queue.hosts.shown.situation import HostState, Situation
from orbweaver.takedown.exports.csv_cells import text_cell

HEADINGS: Final = (
    *("host", "state", "because_of", "due_at", "last_visit_at", "last_outcome"),
    *("visits", "failures_in_a_row", "weight"),
)
_LINES_AT_ONCE: Final = 200


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of the list."""
    router = APIRouter()

    @router.get("/hosts")
    def show(
        request: Request,
        match: str = "",
        state: str = "",
        sort: str = "",
        after: str = "",
        caller: Caller = guard.may(Right.SEE_HOSTS),
    ) -> Response:
        chosen = filter_of(match, state)
        order = HostOrder.NAME if sort == HostOrder.NAME and chosen.state is None else HostOrder.DUE
        shown = listing.page(console.store, console.settings, chosen, order, after=after or None)
        return console.templates.page(
            request,
            "hosts.html",
            caller.session,
            shown=shown,
            rows=[(host, told, moment_of(host.clock.last_visit)) for host, told in shown.hosts],
            counts=due.counts(console.store),
            match=match,
            state="" if chosen.state is None else chosen.state.value,
            states=list(HostState),
            sort=order.value,
            after=after,
            may_change=caller.account.may(Right.CHANGE_HOSTS),
        )

    @router.get("/hosts.csv")
    def download(match: str = "", state: str = "", caller: Caller = guard.may(Right.SEE_HOSTS)) -> Response:
        access.note(console.store, caller.actor, "page /hosts.csv")
        found = listing.found(console.store, console.settings, filter_of(match, state))
        return StreamingResponse(
            csv_lines(found),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="hosts.csv"'},
        )

    return router


def filter_of(match: str, state: str) -> HostFilter:
    """Return the filter of a form; a word that is no state is none."""
    return HostFilter.of_words(match[:300], HostState(state) if state in set(HostState) else None)


def csv_lines(found: Iterator[tuple[KnownHost, Situation]]) -> Iterator[str]:
    """Yield hosts as CSV, the head first, some lines at a time. No spreadsheet takes `-1.example` for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADINGS)
    for number, (host, told) in enumerate(found):
        clock = host.clock
        last_visit = moment_of(clock.last_visit)
        writer.writerow(
            [
                text_cell(host.name),
                told.state.value,
                text_cell(told.cause),
                "" if told.due_at is None else format_time(told.due_at),
                "" if last_visit is None else format_time(last_visit),
                text_cell(clock.outcome),
                clock.visits,
                clock.failures,
                f"{clock.weight:.5g}",
            ]
        )
        if number % _LINES_AT_ONCE == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def moment_of(seconds: float | None) -> datetime | None:
    """Return a time of a clock, in seconds since 1970, as a moment."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
