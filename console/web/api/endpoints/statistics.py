"""Statistics of a period: how many cases were raised, removed, withdrawn and returned, and how long files stayed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from orbweaver.console import access, statistics_json
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api.problems import RETRY_SECONDS
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.takedown.statistics.grouping import GroupedBy
from orbweaver.takedown.statistics.periods import Period
from orbweaver.takedown.statistics.report import report_on
from starlette.exceptions import HTTPException

MOST_LISTED: Final = 1_000


def endpoints(console: Console, guard: TokenGuard, router: APIRouter) -> None:
    """Add the endpoint to a router."""
    store = console.store

    @router.get("/statistics", summary="The numbers of a period")
    def read_statistics(
        first: Annotated[date | None, Query(description="First day (UTC); the cases are those reported since.")] = None,
        last: Annotated[date | None, Query(description="Last day, included.")] = None,
        by: Annotated[GroupedBy | None, Query(description="Also each of these by itself.")] = None,
        caller: ApiCaller = guard.may(Right.SEE_CASES),
    ) -> dict[str, Any]:
        """Return what `orbweaver stats --json` prints, as it was at `as_of`, some minutes ago at most.

        Its lists of cases have at most 1,000 each; docs/statistics.md explains the numbers.
        """
        if first is not None and last is not None and last < first:
            raise HTTPException(422, "last: it is before the first day")
        counted = console.counted_cases.get()
        if counted is None:
            again = {"Retry-After": str(RETRY_SECONDS)}
            raise HTTPException(503, "the cases are being counted: send it again later", again)
        report = report_on(counted.cases, Period(first, last), by, counted.read_at)
        shown = replace(report, online=report.online[:MOST_LISTED], slowest=report.slowest[:MOST_LISTED])
        listed = {one.case_id for one in (*shown.online, *shown.slowest)}
        access.note(store, caller.actor, "api statistics", sorted(listed))
        return statistics_json.of_report(shown)
