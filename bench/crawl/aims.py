"""The aims of the project, as ratios of medians, and whether they are reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.crawl.rounds import Middle


@dataclass(frozen=True)
class Aim:
    """`ours` divided by `other` in one measure: at most, or at least, `bound`."""

    corpus: str
    measure: str
    ours: str
    other: str
    bound: float
    is_least: bool = False

    @property
    def text(self) -> str:
        return f"{'at least' if self.is_least else 'at most'} {self.bound:.2f}"


@dataclass(frozen=True)
class Judged:
    """An aim and what was measured."""

    aim: Aim
    ratio: float

    @property
    def is_met(self) -> bool:
        return self.ratio >= self.aim.bound if self.aim.is_least else self.ratio <= self.aim.bound


AIMS = (
    Aim("small", "wall_seconds", "orbweaver", "scrapy", 0.30),
    Aim("small", "wall_seconds", "orbweaver", "aiohttp", 1.5),
    Aim("pages", "wall_seconds", "orbweaver", "scrapy", 0.25),
    Aim("pages", "wall_seconds", "orbweaver", "crawlee", 0.5),
    Aim("large", "wall_seconds", "orbweaver", "scrapy", 0.45),
    Aim("large", "peak_bytes", "orbweaver", "scrapy", 0.08),
    # Twice the rate is half the time, so the slower one is divided by the faster one.
    Aim("small", "crawl_seconds", "one-worker", "two-workers", 1.7, is_least=True),
    Aim("pages", "crawl_seconds", "one-worker", "two-workers", 1.7, is_least=True),
)


def judge(middles: Sequence[Middle], aims: Sequence[Aim] = AIMS) -> list[Judged]:
    """Return the aims whose both sides were measured, with their ratios."""
    by_name = {(one.corpus, one.contestant): one for one in middles}
    judged = []
    for aim in aims:
        ours, other = by_name.get((aim.corpus, aim.ours)), by_name.get((aim.corpus, aim.other))
        if ours is not None and other is not None:
            judged.append(Judged(aim, getattr(ours, aim.measure) / getattr(other, aim.measure)))
    return judged
