"""How long uploads stay unseen is computed as a simulation of them finds it."""

from __future__ import annotations

import math
import random

import pytest
from orbweaver.queue.schedule.exposure import Exposure, exposure_of


def test_the_mean_and_the_p95_are_those_of_uploads_at_random_moments() -> None:
    hosts = [(1.0, 1.0), (4.0, 0.25), (0.5, 20.0), (0.0, 1_000.0)]
    found = exposure_of(hosts)
    assert found is not None
    draw = random.Random(7)
    intervals = draw.choices([one for _, one in hosts], [one for one, _ in hosts], k=100_000)
    waits = sorted(draw.uniform(0, interval) for interval in intervals)
    assert found.mean_days == pytest.approx(sum(waits) / len(waits), rel=0.03)
    assert found.p95_days == pytest.approx(waits[95_000], rel=0.05)
    assert exposure_of([(2.0, 3.0)]) == Exposure(1.5, pytest.approx(2.85))


def test_what_is_never_visited_is_never_found_and_without_uploads_nothing_is_said() -> None:
    assert exposure_of([(1.0, 1.0), (1.0, math.inf)]) == Exposure(math.inf, math.inf)
    assert exposure_of([]) is None
    assert exposure_of([(0.0, math.inf)]) is None
