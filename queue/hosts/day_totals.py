"""What the visits of one day (UTC) came to, over all hosts, as their ends have counted it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from orbweaver.queue.hosts.visit_outcome import VisitOutcome
from orbweaver.store import keys
from orbweaver.store.connection import Store, text


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
