"""Shows the outcome of each report: for people, and as values for scripts."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

from orbweaver.console.text import for_people, reason_for_people, safe
from orbweaver.model import Report
from orbweaver.queue.records.report_outcomes import NOTEWORTHY, ReportOutcome, ReportResult
from rich.console import Console
from rich.table import Table

# A person reads this many; summary.json has them all.
REPORTS_SHOWN = 50
OUTCOMES_IN_WORDS = {
    ReportOutcome.MATCH: "match",
    ReportOutcome.NO_MATCH: "no match",
    ReportOutcome.PAGE: "page",
    ReportOutcome.PAGE_ONLY: "page only",
    ReportOutcome.GONE: "gone",
    ReportOutcome.REFUSED: "refused",
    ReportOutcome.NOT_CHECKED: "not checked",
    ReportOutcome.NOT_REACHED: "not reached",
    ReportOutcome.OUT_OF_SCOPE: "out of scope",
    ReportOutcome.ROBOTS: "robots.txt",
    ReportOutcome.EXPIRED: "expired",
    ReportOutcome.LIMIT: "limit",
    ReportOutcome.UNKNOWN: "unknown",
    ReportOutcome.UNDELIVERED: "undelivered",
}


def counts(results: Sequence[ReportResult]) -> dict[str, int]:
    """Return how many reports had each outcome, in the order in which outcomes are explained."""
    found = Counter(one.outcome for one in results)
    return {outcome.value: found[outcome] for outcome in ReportOutcome if found[outcome]}


def as_json(result: ReportResult) -> dict[str, Any]:
    """Return one report's outcome as JSON-ready values; its URL is exact."""
    report = result.report
    said = dataclasses.asdict(dataclasses.replace(result, report=Report(url="")))
    del said["report"]
    return {
        "line": report.line,
        "report_id": report.report_id,
        "url": report.url,
        **said,
        "outcome": result.outcome.value,
        "is_answered": result.is_answered,
    }


def show(console: Console, results: Sequence[ReportResult]) -> None:
    """Print how many reports had each outcome, and the reports: first those that were not answered."""
    if not results:
        return
    each = ", ".join(f"{count} {OUTCOMES_IN_WORDS[ReportOutcome(name)]}" for name, count in counts(results).items())
    console.print(f"Reports: {len(results)} ({each})", highlight=False)
    shown = sorted(results, key=_urgency)[:REPORTS_SHOWN]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Report", overflow="fold", max_width=20)
    table.add_column("Outcome", no_wrap=True)
    table.add_column("URL (defanged), and what was seen", overflow="fold", ratio=1)
    for one in shown:
        url = for_people(one.report.url)
        table.add_row(name_of(one.report), OUTCOMES_IN_WORDS[one.outcome], f"{url}\n{reason_for_people(one.said)}")
    console.print(table, highlight=False, markup=False)
    if len(results) > len(shown):
        console.print(f"{len(results) - len(shown)} more reports, see summary.json (--out DIR)", highlight=False)


def name_of(report: Report) -> str:
    """Return what a report is called: its id, else its line."""
    if report.report_id is not None:
        return safe(report.report_id)
    return "-" if report.line is None else f"line {report.line}"


def _urgency(one: ReportResult) -> tuple[int, int]:
    urgency = 0 if not one.is_answered else 1 if one.outcome in NOTEWORTHY else 2
    return urgency, one.report.line or 0
