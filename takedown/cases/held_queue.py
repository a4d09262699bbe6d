"""The order in which held cases are worth a person's time: by what it costs to let them wait (decision 0080).

One decision is about a file, so files are ordered, each with all its held cases. A day of waiting costs the more, the
likelier the file is what it may be, the more places show it now, the more people reported it there, and the more often
it has come back. It costs more with each day that has passed, so that nothing waits for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from orbweaver.model import Case, CaseState, HoldReason
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store

# How likely a case with this doubt is right all the same; a guess, which decision 0080 explains. Several multiply.
LIKELIHOOD: Final[Mapping[HoldReason, float]] = MappingProxyType(
    {
        HoldReason.WEAK: 0.9,
        HoldReason.UNKNOWN_CATEGORY: 0.5,
        HoldReason.DISPUTED: 0.5,
        HoldReason.SIZE_DIFFERS: 0.2,
        HoldReason.BENIGN_TOO: 0.2,
        HoldReason.NO_LONGER_LISTED: 0.2,
        HoldReason.REJECTED: 0.2,
        HoldReason.WITHDRAWN: 0.1,
    }
)
_WEEK: Final = timedelta(days=7)


@dataclass
class HeldFile:
    """The held cases of one file: `cost` is of a day of waiting, without unit, `since` when the first was held."""

    cost: float = 0.0
    since: datetime | None = None
    case_ids: list[str] = field(default_factory=list)


def cost_of_waiting(case: Case, at: datetime) -> float:
    """Return what a day of waiting costs in one held case, seen at a time: 1 is a sure file, seen now, at one place."""
    likelihood = math.prod(LIKELIHOOD[reason] for reason in case.verdict.held_because)
    unseen = max(at - case.last_seen, timedelta(0)) / _WEEK
    waited = max(at - _held_since(case), timedelta(0)) / _WEEK
    returns = case.removal.returns if case.removal is not None else 0
    return likelihood / (1 + unseen) * (1 + waited) * (1 + returns) * math.sqrt(1 + len(case.report_ids))


def held_cases(store: Store, at: datetime) -> Iterator[Case]:
    """Yield the held cases of a store, the most costly file first, its cases together, the oldest first.

    Held in memory are ids alone; the cases are read twice.
    """
    files: dict[str, HeldFile] = {}
    for case in case_store.all_cases(store, CaseState.HELD):
        held = files.setdefault(case.sha256, HeldFile())
        held.cost += cost_of_waiting(case, at)
        held.since = min(held.since or _held_since(case), _held_since(case))
        held.case_ids.append(str(case.case_id))
    for held in sorted(files.values(), key=lambda one: (-one.cost, one.since, one.case_ids[0])):
        for start in range(0, len(held.case_ids), case_store.PAGE):
            yield from case_store.read_many(store, held.case_ids[start : start + case_store.PAGE])


def _held_since(case: Case) -> datetime:
    """Return since when a case is held; one of an older release does not say it, and was seen first before that."""
    return case.state_since or case.first_seen
