"""The period of a statistic: from one day to another in UTC, such as a quarter, as hotlines publish, or a year."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

_QUARTER = re.compile(r"([1-9][0-9]{3})[ -]?[Qq]([1-4])")
_YEAR = re.compile(r"[1-9][0-9]{3}")


@dataclass(frozen=True)
class Period:
    """The days from `first` to `last`, both included; None: without that end."""

    first: date | None = None
    last: date | None = None

    def has(self, moment: datetime) -> bool:
        """Whether a moment lies in the period."""
        day = moment.astimezone(UTC).date()
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


def quarter(text: str) -> Period:
    """Read a quarter such as 2026Q4; raises ValueError."""
    match = _QUARTER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no quarter: write 2026Q4")
    month = 3 * int(match[2])
    return Period(date(int(match[1]), month - 2, 1), date(int(match[1]), month, 30 if month in {6, 9} else 31))


def year(text: str) -> Period:
    """Read a year such as 2026; raises ValueError."""
    if _YEAR.fullmatch(text.strip()) is None:
        raise ValueError(f"{text!r} is no year: write 2026")
    return Period(date(int(text), 1, 1), date(int(text), 12, 31))


def days(first: str | None, last: str | None) -> Period:
    """Read the first and the last day, each such as 2026-10-01; raises ValueError."""
    period = Period(_day(first), _day(last))
    if period.first is not None and period.last is not None and period.last < period.first:
        raise ValueError(f"{last} is before {first}")
    return period


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no day: write 2026-10-01") from None
