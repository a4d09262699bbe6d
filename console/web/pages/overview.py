"""The first page: how hosts, cases, services and workers stand."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.pictures import course_charts
from orbweaver.queue.fleet.shown import overview
from orbweaver.queue.hosts import day_totals
from orbweaver.queue.schedule.exposure import Exposure

DAYS_OF_VISITS: Final = 14
# Hours from which a time is shown in days.
_MOST_HOURS: Final = 48.0


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of the first page."""
    router = APIRouter()

    @router.get("/")
    def show(request: Request, caller: Caller = guard.may(Right.SEE_OVERVIEW)) -> Response:
        seen = overview.look(console.store, console.settings)
        say = console.templates.words(request)
        counted = console.counted_cases.get(patience_seconds=0)  # the page does not wait for them
        days = [seen.at.date() - timedelta(days=ago) for ago in reversed(range(DAYS_OF_VISITS))]
        visits = {day: day_totals.read(console.store, day).visits for day in days}
        exposure = None if seen.count is None else seen.count.exposure
        return console.templates.page(
            request,
            "overview.html",
            caller.session,
            seen=seen,
            charts=[
                *([] if counted is None else course_charts.of_cases(counted.course, say)),
                course_charts.of_visits(visits, say),
            ],
            counted_at=None if counted is None else counted.read_at,
            exposure=None if exposure is None or math.isinf(exposure.mean_days) else _shown(exposure),
            is_endless=exposure is not None and math.isinf(exposure.mean_days),
            may_see_cases=caller.account.may(Right.SEE_CASES),
            may_see_fleet=caller.account.may(Right.SEE_FLEET),
        )

    return router


def _shown(exposure: Exposure) -> list[tuple[float, bool]]:
    """Return mean and p95 as numbers, and whether each is in hours: else in days."""
    hours = [exposure.mean_days * 24, exposure.p95_days * 24]
    return [(round(one, 1), True) if one < _MOST_HOURS else (round(one / 24, 1), False) for one in hours]
