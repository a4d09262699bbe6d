"""The benchmark of the policy: on a few small worlds ours is well ahead of uniform; they are seeded, so always."""

from __future__ import annotations

from pathlib import Path

import pytest
from orbweaver.queue.schedule.simulation.visiting import simulate

from bench.policy import results
from bench.policy.contestants import CONTESTANTS, OURS
from bench.policy.scenarios import SCENARIOS, make

SEEDS = (1, 2, 3)
BY_NAME = {one.name: one for one in CONTESTANTS}


@pytest.fixture(scope="module", params=[one.name for one in SCENARIOS])
def cells(request: pytest.FixtureRequest) -> list[results.Cell]:
    """Fewer hosts, for a quarter of the time."""
    whole = next(one for one in SCENARIOS if one.name == request.param)
    scenario = whole.smaller(hosts=150, days=whole.days // 4)
    worlds = {seed: make(scenario, seed) for seed in SEEDS}
    return [
        results.Cell(scenario.name, name, seed, simulate(world, BY_NAME[name].begin(world)))
        for seed, world in worlds.items()
        for name in (OURS, results.REFERENCE)
    ]


def test_ours_finds_uploads_sooner_than_uniform_and_starves_nobody(cells: list[results.Cell]) -> None:
    scenario = next(one for one in SCENARIOS if one.name == cells[0].scenario)
    ours = next(row for row in results.rows(cells, scenario) if row.contestant == OURS)

    assert ours.weighted_ratio.mean < 0.9
    assert ours.starved == 0
    assert len({cell.measured.visits for cell in cells}) == 1, "the same budget"


def test_every_contestant_plays_and_what_was_played_is_kept(tmp_path: Path) -> None:
    scenario = SCENARIOS[-1].smaller(hosts=50, days=30)
    world = make(scenario, 1)
    played = [results.Cell(scenario.name, one.name, 1, simulate(world, one.begin(world))) for one in CONTESTANTS]
    for cell in played:
        results.keep(tmp_path / "kept.jsonl", cell)

    assert list(results.kept(tmp_path / "kept.jsonl")) == played
    assert {cell.measured.visits for cell in played} == {scenario.days * scenario.visits_a_day}
    for text in (results.ratios(played), results.details(played, scenario)):
        assert all(one.label in text for one in CONTESTANTS if one.name != results.REFERENCE)


def test_a_world_is_the_same_for_the_same_seed() -> None:
    scenario = SCENARIOS[1].smaller(hosts=20, days=30)

    assert make(scenario, 1) == make(scenario, 1)
    assert make(scenario, 1) != make(scenario, 2)
