"""How much the reports of a host weigh: by their number, their age and their classification. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from orbweaver.model import Report
from orbweaver.queue.schedule.rates import days_between

# A report counts half after so many days.
HALF_LIFE_DAYS: Final = 180.0
LEAST: Final = 0.1
MOST: Final = 100.0
# By the words in a report's classification; docs/operators.md has this table. ICCAM: baseline is illegal everywhere,
# national in some countries. A1 to B2 are NCMEC's, of which A shows younger children. The first that fits counts.
_CLASSES: Final = (
    (re.compile(r"\b(ignore|not[ _-]illegal|legal|no[ _-]match)\b"), 0.1),
    (re.compile(r"\b(doubtful|suspected|unconfirmed)\b"), 0.5),
    (re.compile(r"\b(baseline|csam|a1|a2)\b"), 2.0),
    (re.compile(r"\b(b1|b2)\b"), 1.5),
)


def weight_of(reports: Iterable[Report], at: datetime) -> float:
    """Return the weight of a host with these reports; that of a host with one new report of no known class is 1.

    The square root of their sum: a hundred reports count as ten, because many are often of one file. A report without
    a time counts as new.
    """
    total = math.fsum(_worth(one, at) for one in reports)
    return min(max(math.sqrt(total), LEAST), MOST) if total else 1.0


def _worth(report: Report, at: datetime) -> float:
    age = 0.0 if report.received_at is None else days_between(report.received_at, at)
    return class_factor(report.classification) * math.exp2(-age / HALF_LIFE_DAYS)


def class_factor(classification: str | None) -> float:
    """Return how often a report of this classification counts; once when the words are not known.

    >>> class_factor("ICCAM: Baseline")
    2.0
    """
    words = (classification or "").lower().replace("_", " ")
    return next((factor for pattern, factor in _CLASSES if pattern.search(words)), 1.0)
