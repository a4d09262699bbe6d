"""The course of days: how many cases came, how many were open, and how long files stayed that are removed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

from orbweaver.takedown.statistics.clocks import CaseClocks, Start
from orbweaver.takedown.statistics.summary import BANDS


@dataclass(frozen=True)
class Course:
    """Numbers for each of some days (UTC), the last of which is today.

    `came` are the cases that were received on a day, and `open` those whose files were not known to be gone at its end;
    cases whose evidence was taken back are in neither. `removed_within` are the removed files for each of `BANDS` by
    the earliest that each can have been gone, and at last those that stayed longer.
    """

    days: tuple[date, ...]
    came: tuple[int, ...]
    open: tuple[int, ...]
    removed_within: tuple[int, ...]


def course_of(cases: Iterable[CaseClocks], today: datetime, days: int) -> Course:
    """Return the course of the last `days` days, for cases as they stand now.

    A file that came back counts as open since its case was received: when it was away in between is not looked at.
    """
    last = today.astimezone(UTC).date()
    shown = tuple(last - timedelta(days=back) for back in reversed(range(days)))
    came: Counter[date] = Counter()
    change: Counter[date] = Counter()
    within = [0] * (len(BANDS) + 1)
    for case in cases:
        if not case.is_raised:
            continue
        received = _day(case.received_at)
        came[received] += 1
        change[max(received, shown[0])] += 1
        if case.is_removed and case.gone_at is not None:
            change[max(_day(case.gone_at), received, shown[0])] -= 1
            stayed = case.time_to_removal(Start.RECEIVED)
            if stayed is not None:
                within[_band_of(stayed.lower)] += 1
    return Course(
        days=shown,
        came=tuple(came[day] for day in shown),
        open=tuple(accumulate(change[day] for day in shown)),
        removed_within=tuple(within),
    )


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _band_of(hours: int) -> int:
    return next((place for place, band in enumerate(BANDS) if hours <= band), len(BANDS))
