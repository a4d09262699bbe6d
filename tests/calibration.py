"""Work measured in units of a fixed piece of work, done by the same thread before and after it.

A bound in seconds says how fast a machine is. A bound in units says what the work itself costs, on any machine and
beside any other load: both are CPU time of one thread, taken at the same moment.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_TEXT = "".join(f'<a href="/{number}.html" class=x>{number}</a>\n' for number in range(1_500))
_LINK = re.compile(r'href="([^"]*)"')
# A linear search of two megabytes costs some hundred units; a quadratic one takes hours, a million units.
LINEAR = 4_000.0


@dataclass
class Cost:
    """What some work cost, in units; known at its end."""

    units: float = 0.0


def unit() -> float:
    """Do the fixed piece of work, and return the CPU time that it took: some milliseconds, of which none is input."""
    began = time.thread_time()
    for _ in range(4):
        found = [link.partition(".")[0] for link in _LINK.findall(_TEXT)]
        counted = {name: len(name) for name in found}
        hashlib.sha256("".join(sorted(counted)).encode()).digest()
    return time.thread_time() - began


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what is done by this thread meanwhile."""
    cost = Cost()
    before = unit()
    began = time.thread_time()
    yield cost
    took = time.thread_time() - began
    cost.units = took / max(before, unit())
