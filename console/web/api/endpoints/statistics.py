"""Statistics of a period: how many cases were raised, removed, withdrawn and returned, and how long files stayed."""

from __future__ import annotations

import threading
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from orbweaver.console import access, statistics_json
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.model import now
from orbweaver.takedown.statistics.grouping import GroupedBy
from orbweaver.takedown.statistics.periods import Period
from orbweaver.takedown.statistics.reading import read_clocks
from orbweaver.takedown.statistics.report import report_on
from starlette.exceptions import HTTPException

# All cases are read for it: seconds, with hundreds of thousands.
_ONE_AT_A_TIME: Final = threading.Lock()


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
        """Return what `orbweaver stats --json` prints; docs/statistics.md explains each number."""
        if first is not None and last is not None and last < first:
            raise HTTPException(422, "last: it is before the first day")
        if not _ONE_AT_A_TIME.acquire(blocking=False):
            raise HTTPException(429, "statistics are counted one at a time: send it again later", {"Retry-After": "5"})
        try:
            report = report_on(read_clocks(store), Period(first, last), by, now())
        finally:
            _ONE_AT_A_TIME.release()
        access.note(
            store, caller.actor, "api statistics", sorted({one.case_id for one in (*report.online, *report.slowest)})
        )
        return statistics_json.of_report(report)
