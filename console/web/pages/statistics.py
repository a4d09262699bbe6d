"""The page of statistics: what became of cases, by host, provider, country or route, as picture, table and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from orbweaver.console import access, statistics_csv
from orbweaver.console.errors import FormUnusable
from orbweaver.console.statistics_csv import Cell
from orbweaver.console.statistics_wording import (
    band_in_words,
    hours_in_words,
    period_in_words,
    quantile_in_words,
    share_in_words,
)
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.counted_cases import Counted
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.pictures.charts import Chart, Numbers, bars
from orbweaver.console.web.translation import to_translate
from orbweaver.model import now
from orbweaver.takedown.statistics import periods
from orbweaver.takedown.statistics.clocks import Start
from orbweaver.takedown.statistics.grouping import GroupedBy
from orbweaver.takedown.statistics.lists import ListedCase
from orbweaver.takedown.statistics.periods import Period
from orbweaver.takedown.statistics.report import StatisticsReport, report_on
from orbweaver.takedown.statistics.summary import BANDS
from orbweaver.takedown.statistics.yearly_report import yearly_rows

PATH: Final = "/statistics"
# A person reads so many groups, and a picture has room for fewer; the CSV has them all.
GROUPS_SHOWN: Final = 50
GROUPS_DRAWN: Final = 12
ONLINE_SHOWN: Final = 20
_LABEL_CHARACTERS: Final = 14
_STARTS: Final = {
    Start.RECEIVED: to_translate("Time to removal, from the receipt of the report"),
    Start.DELIVERED: to_translate("Time to removal, from the first delivery"),
}
_WAITING: Final = {"Refresh": "3"}


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of the statistics."""
    router = APIRouter()

    @router.get(PATH)
    def show(
        request: Request, period: str = "", by: str = "provider", caller: Caller = guard.may(Right.SEE_CASES)
    ) -> Response:
        counted = console.counted_cases.get()
        if counted is None:
            return _counting(request, caller)
        report = _report(counted, period, by)
        access.note(console.store, caller.actor, "page /statistics", [one.case_id for one in _listed(report)])
        return console.templates.page(
            request,
            "statistics.html",
            caller.session,
            report=report,
            read_at=counted.read_at,
            period=period,
            by=by,
            ways=list(GroupedBy),
            quarters=_quarters(now().date()),
            online=_listed(report),
            groups_shown=GROUPS_SHOWN,
            bands=[band_in_words(hours) for hours in BANDS],
            charts=_charts(report, console.templates.words(request)),
            period_in_words=period_in_words(report.period),
            share=share_in_words,
            quantile=quantile_in_words,
            hours=hours_in_words,
        )

    @router.get(PATH + ".csv")
    def as_csv(
        request: Request, period: str = "", by: str = "provider", caller: Caller = guard.may(Right.SEE_CASES)
    ) -> Response:
        counted = console.counted_cases.get()
        if counted is None:
            return _counting(request, caller)
        report = _report(counted, period, by)
        access.note(console.store, caller.actor, "page /statistics.csv")
        return _csv(statistics_csv.rows_of(report), "statistics.csv")

    @router.get(PATH + "/article-22")
    def yearly(request: Request, year: str = "", caller: Caller = guard.may(Right.SEE_CASES)) -> Response:
        counted = console.counted_cases.get()
        if counted is None:
            return _counting(request, caller)
        chosen = year or str(now().year)
        rows = yearly_rows(counted.cases, _year(chosen))
        access.note(console.store, caller.actor, "page /statistics/article-22")
        return console.templates.page(
            request, "article_22.html", caller.session, rows=rows, year=chosen, read_at=counted.read_at
        )

    @router.get(PATH + "/article-22.csv")
    def yearly_as_csv(request: Request, year: str = "", caller: Caller = guard.may(Right.SEE_CASES)) -> Response:
        counted = console.counted_cases.get()
        if counted is None:
            return _counting(request, caller)
        rows = yearly_rows(counted.cases, _year(year or str(now().year)))
        access.note(console.store, caller.actor, "page /statistics/article-22.csv")
        return _csv(statistics_csv.rows_of_year(rows), "article-22.csv")

    def _counting(request: Request, caller: Caller) -> Response:
        answer = console.templates.page(request, "counting.html", caller.session, 202)
        answer.headers.update(_WAITING)
        return answer

    return router


def _report(counted: Counted, period: str, by: str) -> StatisticsReport:
    try:
        way = GroupedBy(by)
    except ValueError as error:
        raise FormUnusable(f"statistics are by {', '.join(GroupedBy)}") from error
    return report_on(counted.cases, _period(period), way, counted.read_at)


def _period(text: str) -> Period:
    """Read a quarter, a year, or two days with `..` between; nothing is all of them. Raises FormUnusable."""
    text = text.strip()
    first, between, last = text.partition("..")
    try:
        if not text:
            return Period()
        if between:
            return periods.days(first or None, last or None)
        return periods.year(text) if text.isdecimal() else periods.quarter(text)
    except ValueError as error:
        raise FormUnusable(f"period: {error}, a year, or two days with .. between: 2026-10-01..2026-10-31") from error


def _year(text: str) -> Period:
    try:
        return periods.year(text)
    except ValueError as error:
        raise FormUnusable(str(error)) from error


def _quarters(today: date) -> list[str]:
    """Return this quarter and the seven before it, such as 2026Q4."""
    last = today.year * 4 + (today.month - 1) // 3
    return [f"{one // 4}Q{one % 4 + 1}" for one in range(last, last - 8, -1)]


def _listed(report: StatisticsReport) -> list[ListedCase]:
    return list(report.online[:ONLINE_SHOWN])


def _charts(report: StatisticsReport, say: Callable[[str], str]) -> list[Chart]:
    """Draw the groups with most cases, and how soon files were removed; `say` gives a text in the page's language."""
    charts = []
    drawn = [(name, one) for name, one in report.groups if one.raised][:GROUPS_DRAWN]
    if drawn:
        groups = Numbers(
            say(str(report.by)),
            [name if len(name) <= _LABEL_CHARACTERS else f"{name[: _LABEL_CHARACTERS - 1]}…" for name, _ in drawn],
            {
                say(to_translate("removed")): [one.removed for _, one in drawn],
                say(to_translate("still online")): [one.online for _, one in drawn],
            },
        )
        words = say(to_translate("Cases of each group: how many are removed, and how many are still online"))
        charts.append(bars(say(to_translate("Cases")), words, groups, are_stacked=True))
    for times in report.whole.times:
        if times.cases:
            shares = Numbers(
                say(to_translate("removed within")),
                [band_in_words(hours) for hours in BANDS],
                {
                    say(to_translate("surely")): [100 * share.least for share in times.shares],
                    say(to_translate("perhaps")): [100 * (share.most - share.least) for share in times.shares],
                },
                "{:.0f} %".format,
                most=100,
            )
            words = say(to_translate("Share of the files removed within 12 hours, 24 hours, 3 days and 6 days"))
            charts.append(bars(say(_STARTS[times.start]), words, shares, are_stacked=True))
    return charts


def _csv(rows: Iterable[list[Cell]], name: str) -> Response:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return Response(
        file.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
