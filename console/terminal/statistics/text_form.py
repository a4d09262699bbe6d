"""The numbers as a text for people: each with its bounds."""

from __future__ import annotations

from collections.abc import Sequence

from orbweaver.console.text import count, safe
from orbweaver.takedown.statistics.grouping import ALL
from orbweaver.takedown.statistics.lists import ListedCase
from orbweaver.takedown.statistics.periods import Period
from orbweaver.takedown.statistics.report import StatisticsReport
from orbweaver.takedown.statistics.summary import BANDS, Quantile, ShareWithin, Summary, Times
from orbweaver.takedown.statistics.yearly_report import YearlyRow
from rich.console import Console
from rich.table import Table

# A person reads so many; --csv and --json have them all.
GROUPS_SHOWN = 40
CASES_SHOWN = 10
_STARTS = {"received": "the receipt of the report", "delivered": "the first delivery"}
_DAY = 24


def show_report(console: Console, report: StatisticsReport) -> None:
    """Print counts, times and the longest cases of a period."""
    whole = report.whole
    console.print(f"Cases received {_in_words(report.period)}: {whole.raised:,} raised, {whole.removed:,} removed, ")
    console.print(f"{whole.online:,} still online; {whole.returned:,} of {whole.ever_removed:,} removed files returned")
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


def _in_words(period: Period) -> str:
    if period.first is None and period.last is None:
        return "at any time"
    return " ".join(
        [f"from {period.first}"] * (period.first is not None) + [f"to {period.last}"] * (period.last is not None)
    )


def _table(by: str, rows: Sequence[tuple[str, Summary, Times]]) -> Table:
    table = Table(by, box=None, pad_edge=False)
    for head in ("cases", "online", *(_band(hours) for hours in BANDS), "half of them", "nine of ten", "returned"):
        table.add_column(head, justify="right")
    for name, summary, times in rows:
        shares = [_share(share) for share in times.shares] or ["-"] * len(BANDS)
        table.add_row(
            safe(name),
            f"{times.cases:,}",
            f"{summary.online:,}",
            *shares,
            _quantile(times.median),
            _quantile(times.nine_tenths),
            "-" if summary.recidivism is None else f"{summary.recidivism:.0%}",
        )
    return table


def _cases(cases: Sequence[ListedCase]) -> Table:
    table = Table("case", "host", "provider", box=None, pad_edge=False)
    table.add_column("at least", justify="right")
    for case in cases:
        host = safe(case.host.replace(".", "[.]"))
        table.add_row(case.case_id, host, safe(case.provider), _hours(case.hours.lower))
    return table


def _band(hours: int) -> str:
    return f"<= {_hours(hours)}"


def _share(share: ShareWithin) -> str:
    bounds = f"{share.least:.0%}-{share.most:.0%}"
    if share.low is None or share.high is None:
        return bounds
    return f"{(share.low + share.high) / 2:.0%} ({bounds})"


def _quantile(quantile: Quantile | None) -> str:
    if quantile is None:
        return "-"
    low = quantile.least if quantile.low is None else quantile.low
    high = quantile.high if quantile.is_estimated else quantile.most
    return f"> {_hours(low)}" if high is None else f"{_hours(low)} - {_hours(high)}"


def _hours(hours: int) -> str:
    """Return hours as people say them: 12 h, 3 d, 3 d 4 h."""
    days, rest = divmod(hours, _DAY)
    if hours <= _DAY:
        return f"{hours} h"
    return f"{days} d {rest} h" if rest else f"{days} d"
