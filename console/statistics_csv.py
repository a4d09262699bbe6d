"""The numbers as CSV: a row for each group and each start of the clock; an empty cell is a number that is not there.

Names of providers are other people's words: no spreadsheet takes one for a formula.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import TextIO

from orbweaver.model import format_time
from orbweaver.takedown.exports.csv_cells import text_cell
from orbweaver.takedown.statistics.grouping import ALL
from orbweaver.takedown.statistics.report import StatisticsReport
from orbweaver.takedown.statistics.summary import BANDS, Quantile, Summary, Times
from orbweaver.takedown.statistics.yearly_report import YearlyRow

Cell = str | int
_COUNTS = ("raised", "removed", "online", "ever_removed", "returned", "delivered", "acknowledged", "withdrawn")
_BOUNDS = ("least", "low", "high", "most")
_YEAR = ("provider", "kind", "notices", "removed", "gone_before", "no_action", "withdrawn")


def write(file: TextIO, rows: Iterable[list[Cell]]) -> None:
    """Write rows as CSV, the head first."""
    csv.writer(file, lineterminator="\n").writerows(rows)


def rows_of(report: StatisticsReport) -> Iterator[list[Cell]]:
    """Yield the head, the rows of all cases, then those of each group."""
    shares = [f"within_{hours}h_{bound}" for hours in BANDS for bound in _BOUNDS]
    quantiles = [f"{name}_hours_{bound}" for name in ("median", "nine_tenths") for bound in _BOUNDS]
    first = ["from", "to", "as_of", "by", "group", *_COUNTS, "recidivism", "withdrawal_rate"]
    yield [*first, "clock", "timed", "gone_before", *shares, *quantiles]
    period = [str(report.period.first or ""), str(report.period.last or ""), format_time(report.as_of)]
    for name, summary in ((ALL, report.whole), *report.groups):
        by = str(report.by) if report.by is not None and summary is not report.whole else ALL
        for times in summary.times:
            yield [*period, by, text_cell(name), *_counts(summary), *_times(times)]


def rows_of_year(rows: Iterable[YearlyRow]) -> Iterator[list[Cell]]:
    """Yield the head, and a row for each provider and kind of content."""
    yield list(_YEAR)
    for row in rows:
        numbers = [row.notices, row.removed, row.gone_before, row.no_action, row.withdrawn]
        yield [text_cell(row.provider), text_cell(row.kind), *numbers]


def _counts(summary: Summary) -> list[Cell]:
    numbers: list[Cell] = [getattr(summary, name) for name in _COUNTS]
    return [*numbers, _share(summary.recidivism), _share(summary.withdrawal_rate)]


def _times(times: Times) -> list[Cell]:
    shares = [_share(getattr(share, bound)) for share in times.shares for bound in _BOUNDS]
    nothing = [""] * (len(BANDS) * len(_BOUNDS) - len(shares))
    return [
        str(times.start),
        times.cases,
        times.gone_before,
        *shares,
        *nothing,
        *_quantile(times.median),
        *_quantile(times.nine_tenths),
    ]


def _quantile(quantile: Quantile | None) -> list[Cell]:
    if quantile is None:
        return [""] * len(_BOUNDS)
    return ["" if hours is None else hours for hours in (getattr(quantile, bound) for bound in _BOUNDS)]


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.4f}"
