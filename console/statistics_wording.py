"""The words for the numbers of statistics: periods, shares with their bounds, hours as people say them."""

from __future__ import annotations

from typing import Final

from orbweaver.takedown.statistics.periods import Period
from orbweaver.takedown.statistics.summary import Quantile, ShareWithin

_DAY: Final = 24


def period_in_words(period: Period) -> str:
    """Return a period as the end of a sentence: `from 2026-10-01 to 2026-12-31`, `at any time`."""
    if period.first is None and period.last is None:
        return "at any time"
    return " ".join(
        [f"from {period.first}"] * (period.first is not None) + [f"to {period.last}"] * (period.last is not None)
    )


def band_in_words(hours: int) -> str:
    """Return the head of a column of shares: `<= 12 h`."""
    return f"<= {hours_in_words(hours)}"


def share_in_words(share: ShareWithin) -> str:
    """Return a share: its estimate, and between which bounds it surely is."""
    bounds = f"{share.least:.0%}-{share.most:.0%}"
    if share.low is None or share.high is None:
        return bounds
    return f"{(share.low + share.high) / 2:.0%} ({bounds})"


def quantile_in_words(quantile: Quantile | None) -> str:
    """Return between which hours a quantile is, by the estimate or, of few cases, surely."""
    if quantile is None:
        return "-"
    low = quantile.least if quantile.low is None else quantile.low
    high = quantile.high if quantile.is_estimated else quantile.most
    return f"> {hours_in_words(low)}" if high is None else f"{hours_in_words(low)} - {hours_in_words(high)}"


def hours_in_words(hours: int) -> str:
    """Return hours as people say them: 12 h, 3 d, 3 d 4 h."""
    days, rest = divmod(hours, _DAY)
    if hours <= _DAY:
        return f"{hours} h"
    return f"{days} d {rest} h" if rest else f"{days} d"
