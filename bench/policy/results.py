"""Figures of many seeds as means with intervals, and as Markdown tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from orbweaver.queue.schedule.simulation.figures import Interval, interval_of
from orbweaver.queue.schedule.simulation.visiting import Measured

from bench.crawl.tables import table
from bench.policy.contestants import CONTESTANTS, OURS
from bench.policy.scenarios import SCENARIOS, Scenario

REFERENCE = "uniform"
LABELS = {one.name: one.label for one in CONTESTANTS}
AIM_SCENARIO, MOST_MEAN, MOST_P95 = "sigma-1.5", 0.60, 1.10


@dataclass(frozen=True)
class Cell:
    """One policy on one world."""

    scenario: str
    contestant: str
    seed: int
    measured: Measured


@dataclass(frozen=True)
class Row:
    """The achievement of a policy in a scenario: figures in days, and ratios to uniform within the same seed."""

    contestant: str
    weighted_mean: float
    mean: float
    p95: float
    weighted_ratio: Interval
    mean_ratio: Interval
    p95_ratio: Interval
    starved: float
    visits: set[int]
    seeds: int


def keep(path: Path, cell: Cell) -> None:
    """Append a cell to the file of results, a JSON object a line."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(cell)) + "\n")


def kept(path: Path) -> Iterator[Cell]:
    """Yield the cells of a file of results."""
    if path.exists():
        for line in path.read_text().splitlines():
            fields = json.loads(line)
            yield Cell(**{**fields, "measured": Measured(**fields["measured"])})


def rows(cells: Iterable[Cell], scenario: Scenario) -> list[Row]:
    """Return a row for each policy of a scenario; only seeds that have been simulated with uniform count."""
    here = {(cell.contestant, cell.seed): cell.measured for cell in cells if cell.scenario == scenario.name}
    found = []
    for contestant in LABELS:
        seeds = [seed for name, seed in here if name == contestant and (REFERENCE, seed) in here]
        if seeds:
            found.append(
                _row(contestant, [here[contestant, one] for one in seeds], [here[REFERENCE, s] for s in seeds])
            )
    return found


def _row(contestant: str, own: Sequence[Measured], uniform: Sequence[Measured]) -> Row:
    pairs = list(zip(own, uniform, strict=True))
    return Row(
        contestant=contestant,
        weighted_mean=fmean(one.weighted_mean for one in own),
        mean=fmean(one.mean for one in own),
        p95=fmean(one.p95 for one in own),
        weighted_ratio=interval_of([one.weighted_mean / other.weighted_mean for one, other in pairs]),
        mean_ratio=interval_of([one.mean / other.mean for one, other in pairs]),
        p95_ratio=interval_of([one.p95 / other.p95 for one, other in pairs]),
        starved=fmean(one.starved for one in own),
        visits={one.visits for one in own},
        seeds=len(own),
    )


def ratios(cells: Sequence[Cell]) -> str:
    """Return the table of weighted means as ratios to uniform, a column for each scenario."""
    by_scenario = {one.name: {row.contestant: row for row in rows(cells, one)} for one in SCENARIOS}
    present = [name for name, found in by_scenario.items() if found]
    body = [
        (_bold(name), *(str(by_scenario[each][name].weighted_ratio) for each in present))
        for name in LABELS
        if all(name in by_scenario[each] for each in present) and name != REFERENCE
    ]
    uniform = ("uniform, days", *(f"{by_scenario[each][REFERENCE].weighted_mean:.2f}" for each in present))
    return table(("weighted mean / uniform's", *present), [uniform, *body])


def details(cells: Sequence[Cell], scenario: Scenario) -> str:
    """Return the table of everything that was measured in one scenario."""
    body = [
        (
            _bold(row.contestant),
            f"{row.weighted_mean:.2f}",
            f"{row.mean:.2f}",
            str(row.mean_ratio),
            f"{row.p95:.2f}",
            str(row.p95_ratio),
            f"{row.starved:.1f}",
            ", ".join(f"{visits:,}" for visits in sorted(row.visits)),
        )
        for row in rows(cells, scenario)
    ]
    head = ("weighted mean", "mean", "mean / uniform's", "p95", "p95 / uniform's", "starved hosts", "visits")
    return table((scenario.name, *head), body)


def aims(cells: Sequence[Cell]) -> str:
    """Return the aims and whether they are reached, as a table; empty without their scenario."""
    scenario = next(one for one in SCENARIOS if one.name == AIM_SCENARIO)
    ours = next((row for row in rows(cells, scenario) if row.contestant == OURS), None)
    if ours is None:
        return ""
    pairs = (
        ("weighted mean", ours.weighted_ratio, MOST_MEAN),
        ("p95", ours.p95_ratio, MOST_P95),
    )
    body = [
        (f"{name} / uniform's, {AIM_SCENARIO}", f"at most {most:.2f}", str(got), _judged(got.mean <= most))
        for name, got, most in pairs
    ]
    return table(("measure", "aim", "measured", ""), body)


def _judged(is_met: bool) -> str:
    return "reached" if is_met else "**missed**"


def _bold(name: str) -> str:
    return f"**{LABELS[name]}**" if name == OURS else LABELS[name]
