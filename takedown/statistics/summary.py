"""Counts the cases of one group, and says how long their files stayed, with the bounds of each number. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from orbweaver.takedown.statistics.clocks import CaseClocks, Start
from orbweaver.takedown.statistics.turnbull import Distribution, TimeInterval, estimate

# The bands in which hotlines and regulators count: 12 and 24 hours, 3 and 6 days.
BANDS: Final = (12, 24, 72, 144)
# Of fewer cases there is no estimate: it would show which case is where, and no distribution.
FEWEST_TO_ESTIMATE: Final = 10
MEDIAN: Final = 0.5
NINE_TENTHS: Final = 0.9


@dataclass(frozen=True)
class ShareWithin:
    """The share of cases whose files were removed within so many hours.

    It is surely at least `least` and at most `most`; the estimate is from `low` to `high`, None for too few cases.
    """

    hours: int
    least: float
    low: float | None
    high: float | None
    most: float


@dataclass(frozen=True)
class Quantile:
    """The hours after which a share of the files was removed.

    They are surely at least `least` and at most `most`; the estimate is from `low` to `high`. Without an upper bound so
    many files are not known to be removed yet. Of too few cases there is no estimate: `is_estimated` is false.
    """

    share: float
    least: int
    low: int | None
    high: int | None
    most: int | None
    is_estimated: bool


@dataclass(frozen=True)
class Times:
    """How long files stayed, counted from one start; `cases` have one, `gone_before` were gone when it came."""

    start: Start
    cases: int
    gone_before: int
    shares: tuple[ShareWithin, ...]
    median: Quantile | None
    nine_tenths: Quantile | None


@dataclass(frozen=True)
class Summary:
    """The counts of one group of cases, and their times.

    `raised` are the cases that were open once and whose evidence holds. Of these `removed` are gone, and `online` are
    all others. `returned` came back after a removal at least once, of `ever_removed`. `delivered` are all cases of
    which the takedown engine was told, and `withdrawn` those among them whose evidence was taken back.
    """

    raised: int
    removed: int
    online: int
    ever_removed: int
    returned: int
    delivered: int
    acknowledged: int
    withdrawn: int
    times: tuple[Times, ...]

    @property
    def recidivism(self) -> float | None:
        """The share of removed files that came back; None when none was removed."""
        return self.returned / self.ever_removed if self.ever_removed else None

    @property
    def withdrawal_rate(self) -> float | None:
        """The share of delivered cases that had to be withdrawn; None when none was delivered."""
        return self.withdrawn / self.delivered if self.delivered else None


def summarise(cases: Sequence[CaseClocks]) -> Summary:
    """Return the counts and times of a group."""
    raised = [case for case in cases if case.is_raised]
    delivered = [case for case in cases if case.delivered_at is not None]
    ever_removed = [case for case in raised if case.is_removed or case.returns]
    removed = sum(case.is_removed for case in raised)
    return Summary(
        raised=len(raised),
        removed=removed,
        online=len(raised) - removed,
        ever_removed=len(ever_removed),
        returned=sum(case.returns > 0 for case in ever_removed),
        delivered=len(delivered),
        acknowledged=sum(case.acknowledged_at is not None for case in delivered),
        withdrawn=sum(case.is_withdrawn for case in delivered),
        times=tuple(times_since(start, raised) for start in Start),
    )


def times_since(start: Start, cases: Iterable[CaseClocks]) -> Times:
    """Return how long the files of cases stayed, counted from one start."""
    started = [case for case in cases if case.started_at(start) is not None]
    found = [case.time_to_removal(start) for case in started]
    intervals = [interval for interval in found if interval is not None]
    gone_before = len(started) - len(intervals)
    if not intervals:
        return Times(start, 0, gone_before, (), None, None)
    distribution = estimate(intervals) if len(intervals) >= FEWEST_TO_ESTIMATE else None
    shares = tuple(_share_within(hours, intervals, distribution) for hours in BANDS)
    median, nine_tenths = (_quantile(share, intervals, distribution) for share in (MEDIAN, NINE_TENTHS))
    return Times(start, len(intervals), gone_before, shares, median, nine_tenths)


def _share_within(hours: int, intervals: Sequence[TimeInterval], distribution: Distribution | None) -> ShareWithin:
    """Return the share of times of at most so many hours; the estimate lies between the certain bounds."""
    least = sum(is_within(interval, hours) for interval in intervals) / len(intervals)
    most = sum(may_be_within(interval, hours) for interval in intervals) / len(intervals)
    if distribution is None:
        return ShareWithin(hours, least, None, None, most)
    low, high = distribution.share_within(hours)
    return ShareWithin(hours, least, min(max(low, least), most), min(max(high, least), most), most)


def _quantile(share: float, intervals: Sequence[TimeInterval], distribution: Distribution | None) -> Quantile:
    """Return the hours after which this share of the times has come; the estimate lies between the certain bounds."""
    least, most = certain_quantile(intervals, share)
    if distribution is None:
        return Quantile(share, least, None, None, most, is_estimated=False)
    low, high = distribution.quantile(share)
    low = max(low, least) if most is None else min(max(low, least), most)
    uppers = [bound for bound in (high, most) if bound is not None]
    return Quantile(share, least, low, min(uppers, default=None), most, is_estimated=True)


def is_within(interval: TimeInterval, hours: int) -> bool:
    """Whether a time is surely at most so many hours."""
    return interval.upper is not None and interval.upper <= hours


def may_be_within(interval: TimeInterval, hours: int) -> bool:
    """Whether a time may be at most so many hours."""
    return interval.lower < hours or (interval.lower == hours == interval.upper)


def certain_quantile(intervals: Sequence[TimeInterval], share: float) -> TimeInterval:
    """Return the hours between which a quantile of the times surely lies, wherever each is in its interval.

    The quantile is the smallest time that at least this share of all times does not exceed. The times can all be at
    their lower bounds, or all at their upper ones: so can the quantile, and no lower or higher.
    """
    place = max(math.ceil(share * len(intervals) - 1e-9), 1) - 1
    lower = sorted(interval.lower for interval in intervals)[place]
    upper = sorted(math.inf if interval.upper is None else interval.upper for interval in intervals)[place]
    return TimeInterval(lower, None if math.isinf(upper) else int(upper))
