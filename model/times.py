"""Moments in UTC, and the one way to write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer


def format_time(moment: datetime) -> str:
    """Format a UTC moment as RFC 3339 with milliseconds, the only time format in the project."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> datetime:
    """Return the current UTC time, cut to the milliseconds that are stored."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _require_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the year 9999 west of Greenwich, or the year 1 east of it
        raise ValueError("the time has no UTC") from None


Moment = Annotated[
    datetime,
    AfterValidator(_require_utc),
    PlainSerializer(format_time, return_type=str, when_used="json"),
]
