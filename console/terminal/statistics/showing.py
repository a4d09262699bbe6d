"""`orbweaver stats`: reads the cases of the store, and prints their numbers in the form that was asked for."""

from __future__ import annotations

import json
import sys

from orbweaver.console import statistics_csv, statistics_json
from orbweaver.console.terminal.cases import access
from orbweaver.console.terminal.statistics import text_form
from orbweaver.console.text import report_console
from orbweaver.model import now
from orbweaver.settings import Settings
from orbweaver.store.opening import open_existing
from orbweaver.takedown.statistics.grouping import GroupedBy
from orbweaver.takedown.statistics.periods import Period
from orbweaver.takedown.statistics.reading import read_clocks
from orbweaver.takedown.statistics.report import StatisticsReport, report_on
from orbweaver.takedown.statistics.yearly_report import yearly_rows


def show(settings: Settings, period: Period, by: GroupedBy | None, *, form: str) -> None:
    """Print the numbers of a period; `form` is text, json or csv. Raises StoreError, NoStore among them."""
    with open_existing(settings) as store:
        report = report_on(read_clocks(store), period, by, now())
        access.note(store, "stats", _shown_by(report, form))
    if form == "json":
        sys.stdout.write(json.dumps(statistics_json.of_report(report), ensure_ascii=False) + "\n")
    elif form == "csv":
        statistics_csv.write(sys.stdout, statistics_csv.rows_of(report))
    else:
        text_form.show_report(report_console(markup=False), report)


def show_year(settings: Settings, period: Period, *, form: str) -> None:
    """Print the table of notices of a year; `form` is text, json or csv. Raises StoreError, NoStore among them."""
    with open_existing(settings) as store:
        rows = yearly_rows(read_clocks(store), period)
        access.note(store, "stats --article-22")
    if form == "json":
        sys.stdout.write(json.dumps(statistics_json.of_year(rows, period, now()), ensure_ascii=False) + "\n")
    elif form == "csv":
        statistics_csv.write(sys.stdout, statistics_csv.rows_of_year(rows))
    else:
        text_form.show_year(report_console(markup=False), rows)


def _shown_by(report: StatisticsReport, form: str) -> list[str]:
    """Return the ids of the cases that a form shows one by one; the table shows none, and is about all of them."""
    listed = {"json": (*report.online, *report.slowest), "text": report.online[: text_form.CASES_SHOWN]}
    return sorted({case.case_id for case in listed.get(form, ())})
