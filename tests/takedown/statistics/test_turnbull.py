"""The estimator agrees with slow and plain ones: expectation and maximisation, Kaplan-Meier, counting."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.takedown.statistics.turnbull import TimeInterval, estimate

HOURS = (0, 1, 2, 5, 12, 24, 72, 144, 1_000)


def intervals(most: int = 30) -> st.SearchStrategy[list[TimeInterval]]:
    def of(pair: tuple[int, int | None]) -> TimeInterval:
        lower, length = pair
        return TimeInterval(lower, None if length is None else lower + length)

    lengths = st.one_of(st.none(), st.integers(0, 12))
    return st.lists(st.tuples(st.integers(0, 60), lengths).map(of), min_size=1, max_size=most)


def plain_masses(observed: Sequence[TimeInterval], rounds: int) -> list[tuple[int, int | None, float]]:
    """Turnbull's own way, as the paper says it: the cells, then steps of expectation and maximisation."""
    spans = [(2 * low + (low != high), math.inf if high is None else 2 * high) for low, high in observed]
    lefts, rights = sorted({span[0] for span in spans}), sorted({span[1] for span in spans})
    cells = []
    for left in lefts:
        right = min((one for one in rights if one >= left), default=math.inf)
        if not any(left < other <= right for other in lefts):
            cells.append((left, right))
    inside = [[place for place, (a, b) in enumerate(cells) if left <= a and b <= right] for left, right in spans]
    masses = [1 / len(cells)] * len(cells)
    for _ in range(rounds):
        new = [0.0] * len(cells)
        for places in inside:
            whole = sum(masses[place] for place in places)
            for place in places:
                new[place] += masses[place] / whole / len(spans)
        masses = new
    return [
        (left // 2, None if right == math.inf else int(right) // 2, mass)
        for (left, right), mass in zip(cells, masses, strict=True)
    ]


def log_likelihood(observed: Sequence[TimeInterval], cells: Sequence[tuple[int, int | None, float]]) -> float:
    total = 0.0
    for low, high in observed:
        left, right = 2 * low + (low != high), math.inf if high is None else 2 * high
        total += math.log(
            sum(
                mass
                for lower, upper, mass in cells
                if left <= 2 * lower + (lower != upper) and (math.inf if upper is None else 2 * upper) <= right
            )
        )
    return total


@given(intervals(20))
@settings(max_examples=30)
def test_no_plain_steps_find_a_likelier_distribution(
    observed: list[TimeInterval],
) -> None:
    distribution, plain = estimate(observed), plain_masses(observed, 500)
    assert [cell[:2] for cell in distribution.cells] == [cell[:2] for cell in plain]
    # The gap is what log-likelihood per interval is left to gain.
    most = log_likelihood(observed, distribution.cells) + len(observed) * distribution.gap
    assert log_likelihood(observed, plain) <= most + 1e-9


def test_shares_of_a_simulated_history_agree_with_plain_steps_to_the_fourth_digit() -> None:
    draw = random.Random(3)
    observed = []
    for _ in range(60):
        removed, visit, last = draw.expovariate(1 / 40), draw.uniform(0, 4), 0.0
        while visit < removed and visit < 200:
            last, visit = visit, visit + 4
        observed.append(TimeInterval(math.floor(last), math.ceil(visit) if visit >= removed else None))
    distribution, plain = estimate(observed), plain_masses(observed, 5_000)
    for hour in HOURS:
        low = sum(mass for _, upper, mass in plain if upper is not None and upper <= hour)
        high = sum(mass for lower, _, mass in plain if lower < hour)
        assert distribution.share_within(hour) == pytest.approx((low, high), abs=1e-4)


@given(intervals())
def test_shares_are_shares_and_grow_with_the_hours(observed: list[TimeInterval]) -> None:
    distribution = estimate(observed)
    found = [distribution.share_within(hour) for hour in range(80)]
    for low, high in found:
        assert 0 <= low <= high <= 1
    assert [low for low, _ in found] == sorted(low for low, _ in found)
    assert [high for _, high in found] == sorted(high for _, high in found)
    assert sum(cell.mass for cell in distribution.cells) == pytest.approx(1)
    assert all(cell.mass >= 0 for cell in distribution.cells)


@given(intervals())
def test_an_estimate_lies_between_what_is_certain(observed: list[TimeInterval]) -> None:
    distribution = estimate(observed)
    for hour in HOURS:
        least = sum(one.upper is not None and one.upper <= hour for one in observed) / len(observed)
        most = sum(one.lower < hour or one.lower == hour == one.upper for one in observed) / len(observed)
        low, high = distribution.share_within(hour)
        assert least - 1e-9 <= low
        assert high <= most + 1e-9


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_exact_times_give_their_own_distribution(times: list[int]) -> None:
    distribution = estimate(TimeInterval(hours, hours) for hours in times)
    for hour in range(52):
        share = sum(hours <= hour for hours in times) / len(times)
        assert distribution.share_within(hour) == pytest.approx((share, share), abs=1e-9)
    ordered = sorted(times)
    median = distribution.quantile(0.5)
    assert median == (ordered[(len(times) - 1) // 2], ordered[len(times) // 2])


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20))
def test_files_that_are_all_still_there_have_no_share_before_the_longest(lowers: list[int]) -> None:
    distribution = estimate(TimeInterval(lower, None) for lower in lowers)
    longest = max(lowers)
    assert distribution.share_within(longest) == (0, 0)
    assert distribution.share_within(longest + 1) == (0, 1)
    assert distribution.quantile(0.5) == (longest, None)


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=25))
def test_exact_times_and_ends_of_observation_give_what_kaplan_and_meier_give(seen: list[tuple[int, bool]]) -> None:
    distribution = estimate(TimeInterval(hours, hours if is_removed else None) for hours, is_removed in seen)
    staying = Fraction(1)
    for hour in range(1, 31):
        at_risk = sum(hours >= hour for hours, _ in seen)
        removed = sum(hours == hour and is_removed for hours, is_removed in seen)
        if at_risk:
            staying *= 1 - Fraction(removed, at_risk)
        # Behind the last time that is exact, nobody knows: the lower bound goes on.
        assert distribution.share_within(hour).low == pytest.approx(float(1 - staying), abs=2e-3)


def test_the_work_is_bounded_by_rounds() -> None:
    """A thousand overlapping stretches of different lengths: the hardest kind."""
    draw = random.Random(11)
    observed = []
    for _ in range(1_000):
        lower = draw.randrange(700)
        observed.append(TimeInterval(lower, lower + draw.randrange(1, 400)))
    distribution = estimate(observed)
    assert distribution.gap <= 5e-4
    assert sum(cell.mass for cell in distribution.cells) == pytest.approx(1)


def test_no_times_have_no_distribution() -> None:
    with pytest.raises(ValueError, match="no intervals"):
        estimate([])
