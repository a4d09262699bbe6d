"""How late the fleet is: how long hosts that are due have waited, and how long the longest visit goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from orbweaver.queue.hosts import due
from orbweaver.store import keys
from orbweaver.store.connection import Store


def past_deadline(store: Store, bounds: Sequence[float], at: datetime) -> list[int]:
    """Return of the hosts that wait for a worker how many are at most so many seconds past their deadline, cumulated.

    The deadline of a host is its due time and its interval: until then its visit is late, and no worse. A host that
    somebody asked for has its deadline before all others, and is not counted. The last bound is infinity.
    """
    now = at.timestamp()
    with store.pipeline(transaction=True) as pipe:
        for bound in bounds:
            pipe.zcount(keys.ready(), 0 if math.isinf(bound) else max(0.0, now - bound), "+inf")
        return [int(count) for count in pipe.execute()]


def overdue(store: Store, at: datetime) -> int:
    """Return how many hosts that wait for a worker are past their deadline: late by more than their interval."""
    return int(store.zcount(keys.ready(), 0, at.timestamp()))


def longest_lease(store: Store, at: datetime) -> float | None:
    """Return for how many seconds the host that was claimed first is under way; None when none is.

    A fence token is at least the time of its claim in microseconds.
    """
    fences = [one.fence for one in due.leases(store)]
    return max(0.0, at.timestamp() - min(fences) / 1e6) if fences else None
