"""The numbers as JSON: everything that is known, and the lists of cases."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from orbweaver.model import format_time
from orbweaver.takedown.statistics.lists import ListedCase
from orbweaver.takedown.statistics.periods import Period
from orbweaver.takedown.statistics.report import StatisticsReport
from orbweaver.takedown.statistics.summary import Summary
from orbweaver.takedown.statistics.yearly_report import YearlyRow


def of_report(report: StatisticsReport) -> dict[str, Any]:
    """Return a report as JSON has it; shares are not rounded."""
    return {
        **_period(report.period, report.as_of),
        "by": report.by,
        "all": _summary(report.whole),
        "groups": [{"name": name, **_summary(summary)} for name, summary in report.groups],
        "still_online": [_listed(case) for case in report.online],
        "slowest_tenth": [_listed(case) for case in report.slowest],
    }


def of_year(rows: Iterable[YearlyRow], period: Period, as_of: datetime) -> dict[str, Any]:
    """Return the table of a year as JSON has it."""
    return {**_period(period, as_of), "notices": [dataclasses.asdict(row) for row in rows]}


def _period(period: Period, as_of: datetime) -> dict[str, Any]:
    first, last = period.first, period.last
    return {"from": first and str(first), "to": last and str(last), "as_of": format_time(as_of)}


def _summary(summary: Summary) -> dict[str, Any]:
    rates = {"recidivism": summary.recidivism, "withdrawal_rate": summary.withdrawal_rate}
    return {**dataclasses.asdict(summary), **rates}


def _listed(case: ListedCase) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "host": case.host,
        "provider": case.provider,
        "hours_least": case.hours.lower,
        "hours_most": case.hours.upper,
    }
