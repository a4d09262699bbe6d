"""Shows the outcome of each report, to people and to scripts."""

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

# A person reads so many; summary.json has them all.
REPORTS_SHOWN = 50
OUTCOMES_IN_WORDS = {
    ReportOutcome.MATCH: "match",
    ReportOutcome.NO_MATCH: "no match",
    ReportOutcome.PAGE: "page",
    ReportOutcome.PAGE_ONLY: "page only",
    ReportOutcome.GONE: "gone",
    ReportOutcome.MISREAD: "misread?",
    ReportOutcome.GATE: "gate",
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
    """Return how many reports had each outcome, in the order of ReportOutcome."""
    counted = Counter(result.outcome for result in results)
    return {outcome.value: counted[outcome] for outcome in ReportOutcome if counted[outcome]}


def as_json(result: ReportResult) -> dict[str, Any]:
    """Return the outcome of one report as values for JSON; its URL is exact."""
    report = result.report
    fields = dataclasses.asdict(dataclasses.replace(result, report=Report(url="")))
    del fields["report"]
    return {
        "line": report.line,
        "report_id": report.report_id,
        "url": report.url,
        **fields,
        "outcome": result.outcome.value,
        "is_answered": result.is_answered,
    }


def show(
    console: Console,
    results: Sequence[ReportResult],
    *,
    heading: str = "Reports",
    all_are_in: str = "summary.json (--out DIR)",
) -> None:
    """Print how many reports had each outcome, then the reports: first those without an answer."""
    if not results:
        return
    each = ", ".join(f"{count} {OUTCOMES_IN_WORDS[ReportOutcome(name)]}" for name, count in counts(results).items())
    console.print(f"{heading}: {len(results)} ({each})", highlight=False)
    shown = sorted(results, key=_urgency)[:REPORTS_SHOWN]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Report", overflow="fold", max_width=20)
    table.add_column("Outcome", no_wrap=True)
    table.add_column("URL (defanged), and what was seen", overflow="fold", ratio=1)
    for result in shown:
        seen = f"{for_people(result.report.url)}\n{reason_for_people(result.said)}"
        table.add_row(name_of(result.report), OUTCOMES_IN_WORDS[result.outcome], seen)
    console.print(table, highlight=False, markup=False)
    if len(results) > len(shown):
        console.print(f"{len(results) - len(shown)} more reports, see {all_are_in}", highlight=False)


def name_of(report: Report) -> str:
    """Return the name of a report: its id, else its line."""
    if report.report_id is not None:
        return safe(report.report_id)
    return "-" if report.line is None else f"line {report.line}"


def _urgency(result: ReportResult) -> tuple[int, int]:
    urgency = 0 if not result.is_answered else 1 if result.outcome in NOTEWORTHY else 2
    return urgency, result.report.line or 0
