"""Says how long what is uploaded stays unseen: from its upload to the next visit of its host, if visits come in time.

Uploads come at any moment of an interval alike, so one waits for anything between nothing and the whole interval of its
host. Each upload counts with the weight of its host, as in the simulation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_LATE_SHARE: Final = 0.05
# Halvings of the longest interval: a year to less than a millisecond.
_HALVINGS: Final = 45


@dataclass(frozen=True, slots=True)
class Exposure:
    """The days from an upload to its detection: their weighted mean, and what 95 % of the weight does not exceed."""

    mean_days: float
    p95_days: float


def exposure_of(hosts: Sequence[tuple[float, float]]) -> Exposure | None:
    """Return the exposure of hosts, each with its weighted uploads a day and its interval in days.

    None without any upload; infinite where some host is never visited.
    """
    known = [(uploads, interval) for uploads, interval in hosts if uploads > 0]
    total = math.fsum(uploads for uploads, _ in known)
    if not total:
        return None
    longest = max(interval for _, interval in known)
    if math.isinf(longest):
        return Exposure(math.inf, math.inf)
    mean = math.fsum(uploads * interval / 2 for uploads, interval in known) / total
    least, most = 0.0, longest
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        late = math.fsum(uploads * (1 - middle / interval) for uploads, interval in known if interval > middle)
        least, most = (middle, most) if late > _LATE_SHARE * total else (least, middle)
    return Exposure(mean, most)
