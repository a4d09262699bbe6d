"""Simulated hosts: when files are uploaded to each again, and when it is down. Times are days from the beginning."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class World:
    """The hosts of one simulation; all sequences have one item a host.

    `budget` is what visits may cost together in a day. `rates` are true re-uploads a day, `later_rates` those after the
    warm-up. `uploads` and `outages` (from, until) are sorted. Uploads from `warm_up` on and before `last_upload` count:
    of later ones too many would still be unseen at the end, `days`.
    """

    seed: int
    budget: float
    days: float
    warm_up: float
    last_upload: float
    names: Sequence[str]
    weights: Sequence[float]
    costs: Sequence[float]
    rates: Sequence[float]
    later_rates: Sequence[float]
    uploads: Sequence[Sequence[float]]
    outages: Sequence[Sequence[tuple[float, float]]]

    @property
    def even(self) -> float:
        """The days between two visits when all hosts are visited equally often."""
        return sum(self.costs) / self.budget


def last_upload(days: float, warm_up: float) -> float:
    """Return until when uploads count: most of what is uploaded before is found before the end."""
    return days - (days - warm_up) / 8


def poisson(source: random.Random, rate: float, begin: float, end: float) -> list[float]:
    """Draw the times of a Poisson process of so many events a day."""
    times = []
    time = begin + source.expovariate(rate)
    while time < end:
        times.append(time)
        time += source.expovariate(rate)
    return times
