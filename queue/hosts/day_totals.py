"""Reads the totals of the visits of one day (UTC), or of some hours, as the ends of visits have counted them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from orbweaver.queue.hosts.visit_outcome import VisitOutcome
from orbweaver.store import keys
from orbweaver.store.connection import Store, text

HOURS: Final = 24


@dataclass(frozen=True)
class HourTotals:
    """The visits of the last 24 hours: how many, the files that were seen, and the cases that were new."""

    visits: int
    files: int
    new_cases: int


@dataclass(frozen=True)
class DayTotals:
    """The visits of a day by outcome, and of all of them: cost, requests, bytes that were read, cases that were new."""

    visits: Mapping[VisitOutcome, int]
    cost: float
    requests: int
    bytes_read: int
    new_cases: int


def read(store: Store, day: date) -> DayTotals:
    """Return the totals of a day; nothing but zeros of one that is kept no longer. Raises RedisError."""
    stored = {text(name): float(value) for name, value in store.hgetall(keys.visits_of_day(f"{day:%Y-%m-%d}")).items()}
    return DayTotals(
        visits={outcome: int(stored.get(outcome, 0)) for outcome in VisitOutcome},
        cost=stored.get("cost", 0.0),
        requests=int(stored.get("requests", 0)),
        bytes_read=int(stored.get("bytes", 0)),
        new_cases=int(stored.get("new_cases", 0)),
    )


def of_hour(at: datetime, name: str) -> str:
    """Return the field in which a number of an hour is counted, within its day: `13 files`."""
    return f"{at:%H} {name}"


def last_hours(store: Store, at: datetime) -> tuple[HourTotals, HourTotals]:
    """Return the totals of the last 24 hours, the present one among them, and of the 24 before. Raises RedisError."""
    hours = [at - timedelta(hours=ago) for ago in range(2 * HOURS)]
    days = list(dict.fromkeys(hour.date() for hour in hours))
    with store.pipeline(transaction=False) as pipe:
        for day in days:
            pipe.hgetall(keys.visits_of_day(f"{day:%Y-%m-%d}"))
        stored = dict(zip(days, pipe.execute(), strict=True))

    def total(name: str, some: Sequence[datetime]) -> int:
        return sum(int(float(stored[hour.date()].get(of_hour(hour, name).encode(), 0))) for hour in some)

    return tuple(  # type: ignore[return-value]
        HourTotals(total("visits", some), total("files", some), total("new_cases", some))
        for some in (hours[:HOURS], hours[HOURS:])
    )
