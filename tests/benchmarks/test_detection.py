"""The benchmark of the policy on a running fleet: a small one runs whole, and what it measures is what happened."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from orbweaver.queue.schedule.policy import PolicyName

from bench.detection import fleet, results, running
from bench.detection.fleet import Found
from bench.detection.results import Delay
from bench.detection.server import Copy
from bench.detection.trial import Trial
from bench.fleet.hosts import address

# A day is so long that nothing of it passes in a test.
TRIAL = Trial(hosts=10, days=30, day_seconds=1e6, removal_days=1.0)
UPLOAD = TRIAL.counted()[0]
HOST = address(UPLOAD.host)


def page_at(copy: Copy, day: float) -> str:
    copy.begins_at = time.time() - day * TRIAL.day_seconds
    return copy.answer(HOST, "/").decode()


def test_each_fleet_has_its_own_copy_of_what_is_there() -> None:
    ours, other = Copy(TRIAL), Copy(TRIAL)
    assert UPLOAD.path not in page_at(ours, UPLOAD.at - 0.1)
    assert ours.answer(HOST, UPLOAD.path).startswith(b"HTTP/1.1 404")
    assert UPLOAD.path in page_at(ours, UPLOAD.at + 2)
    assert ours.answer(HOST, UPLOAD.path).endswith(UPLOAD.body)
    assert UPLOAD.path in page_at(ours, UPLOAD.at + 2.9)
    assert UPLOAD.path not in page_at(ours, UPLOAD.at + 3.1)
    assert UPLOAD.path in page_at(other, UPLOAD.at + 3.1)
    assert ours.fetched.keys() == {HOST + UPLOAD.path}
    assert len(ours.visits[HOST]) == 4
    assert ours.answer("127.9.9.9", "/").startswith(b"HTTP/1.1 404")


def test_a_plan_is_the_products_own_with_shorter_days() -> None:
    scaled = fleet.plan_of(Trial(day_seconds=8.64), PolicyName.UNIFORM)
    usual = fleet.plan_of(Trial(day_seconds=86_400), PolicyName.UNIFORM)
    assert scaled.policy.name == "uniform"
    assert scaled.policy.budget == pytest.approx(10_000 * usual.policy.budget)
    assert scaled.policy.ceiling_days == pytest.approx(usual.policy.ceiling_days / 10_000)
    assert scaled.policy.half_life_days == pytest.approx(usual.policy.half_life_days / 10_000)
    assert scaled.policy.jitter == usual.policy.jitter
    assert scaled.prior.rate == pytest.approx(10_000 * usual.prior.rate)
    assert scaled.counted_every * 10_000 == usual.counted_every


def found_at(day: float) -> Found:
    return Found(
        {HOST + UPLOAD.path: 1e9 + day * TRIAL.day_seconds}, {"finished": 3, "crashed": 1}, ("crashed: killed",)
    )


def test_what_was_found_too_late_or_never_counts_to_the_end() -> None:
    seen = {"visits": {HOST: [1.0, 12.0, 29.5, 30.5]}, "fetched": {HOST + UPLOAD.path: 12.0, "elsewhere/1.jpg": 13.0}}
    measured = results.achieved(TRIAL, 1e9, found_at(UPLOAD.at + 2), seen)
    assert measured.delays[0].days == pytest.approx(2, abs=1e-3)
    late = results.achieved(TRIAL, 1e9, found_at(31), seen)
    assert late.delays[0] == Delay(TRIAL.days - UPLOAD.at, UPLOAD.weight, is_found=False)
    assert (measured.visits, measured.longest_wait) == (3, 20.0)  # no visit of the other hosts since the warm-up
    assert results.faults(TRIAL, PolicyName.UNIFORM, measured) == [
        "uniform: 1 known files were fetched, and no case was made of them",
        "uniform: visits that did not finish: {'crashed': 1} (crashed: killed)",
    ]


def test_the_ratio_is_of_the_same_uploads_and_seeded() -> None:
    ours = [Delay(days, 1.0, is_found=True) for days in range(1, 41)]
    twice = [Delay(2 * one.days, one.weight, is_found=True) for one in ours]
    assert str(results.ratio_of(results.weighted_mean, ours, twice, 1)) == "0.50 (0.50-0.50)"
    other = list(reversed(twice))
    drawn = results.ratio_of(results.weighted_mean, ours, other, 1)
    assert drawn.least < 0.5 < drawn.most
    assert drawn == results.ratio_of(results.weighted_mean, ours, other, 1)


def test_a_small_trial_runs_with_real_workers(short_dir: Path) -> None:
    trial = Trial(hosts=3, days=30, day_seconds=0.1, seed=7)  # a file is there from the third day on
    ran = running.run(trial, short_dir)
    for name, one in ran.by_policy.items():
        assert one.outcomes["finished"] >= trial.hosts
        assert one.fetched > 0
        assert results.faults(trial, name, one) == []
    assert "| weighted mean / uniform's |" in results.text(trial, ran.by_policy)
