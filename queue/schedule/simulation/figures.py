"""Figures of several seeds as a mean with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Student's t for a two-sided interval of 95 %, by degrees of freedom; one that is not here takes the next smaller one.
_STUDENT: Final = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 7: 2.36, 9: 2.26, 14: 2.14, 19: 2.09, 29: 2.05}


@dataclass(frozen=True)
class Interval:
    """A mean over seeds, and how far from it the true mean may be (95 %); `margin` is 0 with one seed only."""

    mean: float
    margin: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.mean - self.margin:.2f}-{self.mean + self.margin:.2f})"


def interval_of(values: Sequence[float]) -> Interval:
    """Return the mean of some values, at least one, and its interval of 95 % by Student's t.

    >>> str(interval_of([1.0, 2.0, 3.0]))
    '2.00 (-0.48-4.48)'
    """
    mean = math.fsum(values) / len(values)
    freedom = len(values) - 1
    if not freedom:
        return Interval(mean, 0.0)
    student = _STUDENT[max(known for known in _STUDENT if known <= freedom)]
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / freedom)
    return Interval(mean, student * deviation / math.sqrt(len(values)))
