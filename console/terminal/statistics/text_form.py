"""The numbers as a text for people: each with its bounds."""

from __future__ import annotations

from collections.abc import Sequence

from orbweaver.console.statistics_wording import (
    band_in_words,
    hours_in_words,
    period_in_words,
    quantile_in_words,
    share_in_words,
)
from orbweaver.console.text import count, safe
from orbweaver.takedown.statistics.grouping import ALL
from orbweaver.takedown.statistics.lists import ListedCase
from orbweaver.takedown.statistics.report import StatisticsReport
from orbweaver.takedown.statistics.summary import BANDS, Summary, Times
from orbweaver.takedown.statistics.yearly_report import YearlyRow
from rich.console import Console
from rich.table import Table

# A person reads so many; --csv and --json have them all.
GROUPS_SHOWN = 40
CASES_SHOWN = 10
_STARTS = {"received": "the receipt of the report", "delivered": "the first delivery"}


def show_report(console: Console, report: StatisticsReport) -> None:
    """Print counts, times and the longest cases of a period."""
    whole = report.whole
    console.print(
        f"Cases received {period_in_words(report.period)}: {whole.raised:,} raised, {whole.removed:,} removed, "
        f"{whole.online:,} still online"
    )
    console.print(f"{whole.returned:,} of {whole.ever_removed:,} removed files returned")
    console.print(
        f"{whole.delivered:,} delivered, {whole.acknowledged:,} of them acknowledged, {whole.withdrawn:,} withdrawn"
    )
    shown = report.groups[:GROUPS_SHOWN]
    for place, times in enumerate(whole.times):
        if times.cases:
            console.print()
            console.print(f"Time to removal from {_STARTS[times.start]}, of {count(times.cases, 'case')}:")
            rows = [(ALL, whole, times), *((name, group, group.times[place]) for name, group in shown)]
            console.print(_table(str(report.by or ""), rows))
            if times.gone_before:
                console.print(f"{count(times.gone_before, 'file')} gone before that: not in this table")
    if len(report.groups) > len(shown):
        console.print(f"{len(report.groups) - len(shown):,} more: see --csv")
    if report.online:
        console.print()
        console.print("Longest online:")
        console.print(_cases(report.online[:CASES_SHOWN]))
        if len(report.online) > CASES_SHOWN:
            console.print(f"{count(len(report.online) - CASES_SHOWN, 'more case')}, see --json")
    console.print()
    console.print(
        "A share: the estimate, and between which bounds it surely is. docs/statistics.md explains each number."
    )


def show_year(console: Console, rows: Sequence[YearlyRow]) -> None:
    """Print the table of notices of a year."""
    table = Table("provider", "kind of content", box=None, pad_edge=False)
    for head in ("notices", "removed", "gone before", "no action yet", "withdrawn"):
        table.add_column(head, justify="right")
    for row in rows:
        numbers = (row.notices, row.removed, row.gone_before, row.no_action, row.withdrawn)
        table.add_row(safe(row.provider), safe(row.kind), *(f"{number:,}" for number in numbers))
    console.print(table)
    console.print(f"{count(sum(row.notices for row in rows), 'notice')} (Article 22(3) DSA)")


def _table(by: str, rows: Sequence[tuple[str, Summary, Times]]) -> Table:
    table = Table(by, box=None, pad_edge=False)
    for head in (
        "cases",
        "online",
        *(band_in_words(hours) for hours in BANDS),
        "half of them",
        "nine of ten",
        "returned",
    ):
        table.add_column(head, justify="right")
    for name, summary, times in rows:
        shares = [share_in_words(share) for share in times.shares] or ["-"] * len(BANDS)
        table.add_row(
            safe(name),
            f"{times.cases:,}",
            f"{summary.online:,}",
            *shares,
            quantile_in_words(times.median),
            quantile_in_words(times.nine_tenths),
            "-" if summary.recidivism is None else f"{summary.recidivism:.0%}",
        )
    return table


def _cases(cases: Sequence[ListedCase]) -> Table:
    table = Table("case", "host", "provider", box=None, pad_edge=False)
    table.add_column("at least", justify="right")
    for case in cases:
        host = safe(case.host.replace(".", "[.]"))
        table.add_row(case.case_id, host, safe(case.provider), hours_in_words(case.hours.lower))
    return table
