"""The benchmark of re-checks counts a run only when every case was checked once."""

from __future__ import annotations

from pathlib import Path

from orbweaver.store import embedded

from bench.recheck.__main__ import measure, text_of


def test_every_case_is_checked_once_and_what_it_cost_is_said(short_dir: Path) -> None:
    with embedded.running(short_dir / "state") as store:
        cost = measure(store, 30, 3)

    assert (cost.cases, cost.rechecks) == (30, 10)
    assert "| open cases, each checked once | 30 |" in text_of(cost)
    assert cost.own > 0
