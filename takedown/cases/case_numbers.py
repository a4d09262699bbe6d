"""Counts cases for who looks at all of them at once: how many are open or held, and how many came in a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orbweaver.model import CaseState
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_entries

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class CaseNumbers:
    """How many cases are open and held now, and how many were first seen in the last 24 hours and in those before.

    Cases of an older release count as open or held when they are in the index.
    """

    open: int
    held: int
    came: int
    came_before: int


def count(store: Store, at: datetime) -> CaseNumbers:
    """Count the cases as they are at a moment. Raises RedisError."""
    now, day, before = (moment.timestamp() for moment in (at, at - _DAY, at - 2 * _DAY))
    with store.pipeline(transaction=True) as pipe:
        for state in (CaseState.OPEN, CaseState.HELD):
            pipe.zcard(keys.case_shelf(case_entries.state_shelf(state)))
        pipe.zcount(keys.cases(), f"({day}", now)
        pipe.zcount(keys.cases(), f"({before}", day)
        return CaseNumbers(*(int(one) for one in pipe.execute()))
