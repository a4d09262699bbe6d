"""Compares the two fleets of a trial with each other, and with the simulation of the same uploads."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from orbweaver.queue.schedule.policy import PolicyName, SchedulePolicy
from orbweaver.queue.schedule.scheduled_host import ScheduledHost
from orbweaver.queue.schedule.simulation.learning import Learning
from orbweaver.queue.schedule.simulation.visiting import STARVED_AFTER, Measured, simulate

from bench.crawl import plot
from bench.crawl.tables import table
from bench.detection.fleet import Found
from bench.detection.trial import POLICIES, Trial
from bench.fleet.hosts import address
from bench.policy.contestants import BEGIN

DRAWN = 2_000
OURS, REFERENCE = POLICIES


@dataclass(frozen=True)
class Delay:
    """The days from an upload to its case; for one that was not found, to the end of the trial."""

    days: float
    weight: float
    is_found: bool


@dataclass(frozen=True)
class Achieved:
    """The achievement of one fleet; `visits` and waits are counted at the hosts, from their first page on.

    `fetched` are known files that the fleet fetched, `without_a_case` those of them that it made no case of.
    """

    delays: tuple[Delay, ...]
    visits: int
    longest_wait: float
    starved: int
    outcomes: Mapping[str, int]
    reasons: Sequence[str]
    fetched: int
    without_a_case: int

    @property
    def weighted_mean(self) -> float:
        return weighted_mean(self.delays)

    @property
    def p95(self) -> float:
        return p95(self.delays)


def weighted_mean(delays: Sequence[Delay]) -> float:
    weight = sum(one.weight for one in delays)
    return sum(one.days * one.weight for one in delays) / weight


def p95(delays: Sequence[Delay]) -> float:
    """Return the p95 by the rule of the simulation."""
    return sorted(one.days for one in delays)[int(0.95 * len(delays))]


def achieved(trial: Trial, begins_at: float, found: Found, seen: Mapping[str, Mapping[str, object]]) -> Achieved:
    """Return what a fleet achieved, from what it found and what its copy of the hosts saw."""
    opened, fetched, visits = found.opened, seen["fetched"], seen["visits"]
    delays = []
    for one in trial.counted():
        at = (opened.get(address(one.host) + one.path, math.inf) - begins_at) / trial.day_seconds
        delays.append(Delay(min(at, trial.days) - one.at, one.weight, is_found=at < trial.days))
    waits = [_longest_wait(trial, visits.get(address(host), [])) for host in range(trial.hosts)]
    return Achieved(
        tuple(delays),
        sum(at < trial.days for moments in visits.values() for at in moments),
        max(waits),
        sum(wait > STARVED_AFTER * trial.world.even for wait in waits),
        found.outcomes,
        found.reasons,
        len(fetched),
        len(fetched.keys() - opened.keys()),
    )


def _longest_wait(trial: Trial, visits: Sequence[float]) -> float:
    begin = trial.world.warm_up
    moments = [begin, *(at for at in visits if begin <= at < trial.days), trial.days]
    return max(after - before for before, after in pairwise(moments))


def simulated(trial: Trial, name: PolicyName) -> Measured:
    """Simulate a policy on the same uploads, with the same budget; it waits when no host is due, as a fleet does."""
    world = trial.world
    hosts = [ScheduledHost(one, weight=weight) for one, weight in zip(world.names, world.weights, strict=True)]
    return simulate(world, Learning(SchedulePolicy(world.budget, name), hosts, BEGIN), is_idle_allowed=True)


@dataclass(frozen=True)
class Ratio:
    """A figure of one fleet over that of the other, and the middle 95 % of it when uploads are drawn anew."""

    value: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.least:.2f}-{self.most:.2f})"


def ratio_of(
    measure: Callable[[Sequence[Delay]], float], ours: Sequence[Delay], others: Sequence[Delay], seed: int
) -> Ratio:
    """Compare a figure of two fleets on the same uploads: both are drawn with the same uploads each time (bootstrap).

    The hosts and the course of the trial stay as they were: it says how much hangs on single uploads.
    """
    source = random.Random(seed)
    drawn = []
    for _ in range(DRAWN):
        places = source.choices(range(len(ours)), k=len(ours))
        drawn.append(measure([ours[one] for one in places]) / measure([others[one] for one in places]))
    drawn.sort()
    return Ratio(measure(ours) / measure(others), drawn[int(0.025 * DRAWN)], drawn[int(0.975 * DRAWN)])


def text(trial: Trial, by_policy: Mapping[PolicyName, Achieved]) -> str:
    """Return the tables: what was measured, and what the simulation says of the same uploads."""
    ours, reference = by_policy[OURS], by_policy[REFERENCE]
    simulations = {name: simulated(trial, name) for name in POLICIES}
    rows = [_row(name, by_policy[name]) for name in POLICIES]
    head = ("policy", "weighted mean, days", "p95, days", "found", "visits", "starved hosts", "longest wait, days")
    pairs = (("weighted mean", weighted_mean, "weighted_mean"), ("p95", p95, "p95"))
    ratios = [
        (
            f"{label} / uniform's",
            str(ratio_of(measure, ours.delays, reference.delays, trial.seed)),
            f"{getattr(simulations[OURS], name) / getattr(simulations[REFERENCE], name):.2f}",
        )
        for label, measure, name in pairs
    ]
    of_simulation = [
        (f"simulated: {name}", f"{one.weighted_mean:.2f}", f"{one.p95:.2f}", f"{one.uploads}", f"{one.visits:,}",
         f"{one.starved}", f"{one.longest:.1f}")
        for name, one in simulations.items()
    ]  # fmt: skip
    return "\n\n".join(
        (
            table(head, [*rows, *of_simulation]),
            table(("ratio", "measured (95 % over uploads)", "simulated"), ratios),
        )
    )


def _row(name: PolicyName, one: Achieved) -> tuple[str, ...]:
    found = sum(delay.is_found for delay in one.delays)
    return (
        f"**{name}**" if name is OURS else str(name),
        f"{one.weighted_mean:.2f}",
        f"{one.p95:.2f}",
        f"{found} of {len(one.delays)}",
        f"{one.visits:,}",
        f"{one.starved}",
        f"{one.longest_wait:.1f}",
    )


def faults(trial: Trial, name: PolicyName, one: Achieved) -> list[str]:
    """Say what a fleet lost, or could not do: then its figures are no measure of its policy."""
    said = []
    if one.without_a_case:
        said.append(f"{name}: {one.without_a_case} known files were fetched, and no case was made of them")
    bad = {outcome: count for outcome, count in one.outcomes.items() if outcome != "finished"}
    if bad:
        because = "; ".join(sorted(set(one.reasons))[:5])
        said.append(f"{name}: visits that did not finish: {bad} ({because or 'no reason is kept'})")
    most = trial.world.budget * (trial.days + 1)
    if one.visits > most:
        said.append(f"{name}: {one.visits} visits, and the budget pays for {most:.0f}")
    return said


def draw(by_policy: Mapping[PolicyName, Achieved], path: Path) -> None:
    """Write, as SVG, which share of the uploads was found within how many days."""
    pyplot = plot.open_pyplot()
    figure, axis = pyplot.subplots(figsize=(6, 3))
    for name, one in by_policy.items():
        days = sorted(delay.days for delay in one.delays)
        shares = [(place + 1) / len(days) for place in range(len(days))]
        axis.step(days, shares, where="post", label=str(name), color=plot.OURS if name is OURS else plot.OTHERS)
    axis.set_xlabel("days from the upload to its case", fontsize=9)
    axis.set_ylabel("share of the uploads", fontsize=9)
    axis.set_xlim(left=0)
    axis.set_ylim(0, 1)
    axis.legend(fontsize=8, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    plot.save(figure, path)
