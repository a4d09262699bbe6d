"""The rate that is learned from visits: always a number, moved the right way by each visit, and about right."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.queue.errors import QueueError, ScheduleRefused
from orbweaver.queue.schedule.rates import (
    Prior,
    RateEvidence,
    after_hit,
    after_quiet_visit,
    days_between,
    days_until_first,
    faded,
    pooled_prior,
    rate_of,
)

PRIOR = Prior(hits=0.5, days=10.0)
HALF_LIFE = 60.0
# A rounding error more or less is no evidence.
A_LITTLE = 1e-12

days = st.one_of(st.floats(0, 1e9), st.sampled_from([0.0, 5e-324, 1e-9, 1e300]))
priors = st.builds(Prior, hits=st.floats(1e-6, 1e6), days=st.floats(1e-6, 1e6))
evidences = st.builds(RateEvidence, hits=st.floats(0, 1e9), days=st.floats(0, 1e9))
histories = st.lists(st.tuples(days, st.booleans()), max_size=20)


def learned(history: list[tuple[float, bool]], prior: Prior, half_life: float = HALF_LIFE) -> RateEvidence:
    evidence = RateEvidence()
    for between, is_hit in history:
        evidence = faded(evidence, between, half_life)
        evidence = after_hit(evidence, prior, between) if is_hit else after_quiet_visit(evidence, between)
    return evidence


@given(histories, priors)
def test_a_rate_is_positive_and_finite_for_any_history(history: list[tuple[float, bool]], prior: Prior) -> None:
    assert 0 < rate_of(learned(history, prior), prior) < math.inf


@given(evidences, priors, days)
def test_a_quiet_visit_never_raises_the_rate(evidence: RateEvidence, prior: Prior, between: float) -> None:
    assert rate_of(after_quiet_visit(evidence, between), prior) <= rate_of(evidence, prior)


@given(evidences, priors, days)
def test_a_hit_never_lowers_the_rate(evidence: RateEvidence, prior: Prior, between: float) -> None:
    assert rate_of(after_hit(evidence, prior, between), prior) >= rate_of(evidence, prior) * (1 - A_LITTLE)


@given(evidences, priors, days)
def test_fading_moves_the_rate_towards_the_prior_and_never_past_it(
    evidence: RateEvidence, prior: Prior, between: float
) -> None:
    before, after = rate_of(evidence, prior), rate_of(faded(evidence, between, HALF_LIFE), prior)

    low, high = sorted((before, prior.rate))
    assert low * (1 - A_LITTLE) <= after <= high * (1 + A_LITTLE)


def test_half_of_what_is_known_fades_in_a_half_life_and_all_of_it_in_the_end() -> None:
    known = RateEvidence(hits=8.0, days=4.0)

    assert faded(known, 60.0, 60.0) == RateEvidence(4.0, 2.0)
    assert rate_of(faded(known, 60.0 * 60, 60.0), PRIOR) == pytest.approx(PRIOR.rate, rel=1e-12)


@given(days, st.floats(1e-15, 1e15))
def test_the_time_until_the_first_event_is_within_what_is_possible(between: float, rate: float) -> None:
    waited = days_until_first(rate, between)

    assert 0 <= waited <= min(between / 2, 1 / rate) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("rate", "between", "waited"),
    [
        (1.0, 0.0, 0.0),
        (1.0, 1e-12, 0.5e-12),
        (1.0, 0.009999, 0.00499116683),  # the series, just below where the closed form begins
        (1.0, 0.010001, 0.00499216517),
        (0.05, 10.0, 4.585059),
        (1.0, 50.0, 1.0),
        (1.0, 1e9, 1.0),
        (1e12, 1e9, 1e-12),
    ],
)
def test_the_time_until_the_first_event_is_exact_for_short_and_long_gaps(
    rate: float, between: float, waited: float
) -> None:
    assert days_until_first(rate, between) == pytest.approx(waited, rel=1e-6)


@pytest.mark.parametrize(
    ("history", "rate"),
    [
        ([], 0.05),
        ([(10.0, False)], 0.5 / 20),
        ([(0.0, False)], 0.05),
        ([(10.0, True)], 1.5 / 14.585059),
        ([(0.0, True)], 1.5 / 10),
        ([(5.0, False)] * 20, 0.5 / 110),
    ],
)
def test_the_rate_after_some_visits(history: list[tuple[float, bool]], rate: float) -> None:
    assert rate_of(learned(history, PRIOR, half_life=math.inf), PRIOR) == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize("true_rate", [0.001, 0.01, 0.1, 1.0, 10.0])
def test_the_order_of_magnitude_is_learned(true_rate: float) -> None:
    # Visited about as often as something happens, 100 times, with gaps of very different length.
    source = random.Random(7)
    gaps = [source.uniform(0.2, 1.8) / true_rate for _ in range(100)]
    history = [(gap, source.random() < -math.expm1(-true_rate * gap)) for gap in gaps]

    learned_rate = rate_of(learned(history, PRIOR, half_life=math.inf), PRIOR)

    # The prior's ten days weigh as much as the hundred visits, where those take ten days.
    assert true_rate / 3 < learned_rate < true_rate * 1.5


# --- the figures of the survey (PEERS.md B2) ---


def naive(visits: int, hits: int) -> float:
    return hits / visits


def bias_reduced(visits: int, hits: int) -> float:
    """Cho and Garcia-Molina, "Estimating frequency of change", 2003, section 5.2."""
    return -math.log((visits - hits + 0.5) / (visits + 0.5))


@pytest.mark.parametrize(
    ("estimate", "true_rate", "mean"),
    [(naive, 1.0, 0.633), (bias_reduced, 1.0, 1.004), (naive, 2.0, 0.865), (bias_reduced, 2.0, 1.939)],
)
def test_regular_visits_are_estimated_as_published(estimate: object, true_rate: float, mean: float) -> None:
    # Exact: the number of hits in 10 visits is binomial. The published figures were drawn, to about 0.005.
    chance = -math.expm1(-true_rate)
    expected = sum(
        math.comb(10, hits) * chance**hits * (1 - chance) ** (10 - hits) * estimate(10, hits)  # type: ignore[operator]
        for hits in range(11)
    )

    assert expected == pytest.approx(mean, abs=0.008)


@pytest.mark.parametrize(("true_rate", "plain", "reduced"), [(1.0, 1.074, 1.009), (2.0, 2.183, 2.015)])
def test_visits_that_see_the_last_change_are_estimated_as_published(
    true_rate: float, plain: float, reduced: float
) -> None:
    source = random.Random(3)
    draws = 20_000
    sums = [0.0, 0.0]
    for _ in range(draws):
        hits, exposed = 0, 0.0
        for _ in range(10):
            since = source.expovariate(true_rate)  # time is reversible: how long ago the last change was
            hits += since < 1
            exposed += min(since, 1.0)
        sums[0] += hits / exposed
        sums[1] += (
            ((hits - 1) - hits / (10 * math.log1p(-hits / 10)) if hits < 10 else hits - 1) / exposed if hits else 0
        )
    # Their standard errors are below 0.006.
    assert sums[0] / draws == pytest.approx(plain, abs=0.03)
    assert sums[1] / draws == pytest.approx(reduced, abs=0.03)


def most_likely(gaps: list[float], hits: list[bool]) -> float:
    """The maximum-likelihood estimate, needs the whole history: sum of tau/(e^(lambda tau)-1) of hits = quiet time."""
    quiet = sum(gap for gap, is_hit in zip(gaps, hits, strict=True) if not is_hit)
    low, high = 1e-6, 1e2
    for _ in range(30):
        middle = math.sqrt(low * high)
        score = sum(gap / math.expm1(middle * gap) for gap, is_hit in zip(gaps, hits, strict=True) if is_hit)
        low, high = (middle, high) if score > quiet else (low, middle)
    return math.sqrt(low * high)


def test_two_numbers_know_as_much_as_the_whole_history() -> None:
    """Published: root mean square errors of the logarithm of 0.356 online and 0.380 by maximum likelihood.

    Their rates and gaps are not written down. Here rates are lognormal (median 0.05 a day, sigma 1), gaps even from 1
    to 19 days, 30 visits, histories with both outcomes. The errors are of the same size, in the same order. It is the
    prior that helps: where rates differ more than it expects, the whole history knows more.
    """
    source = random.Random(1)
    online, likeliest = [], []
    for _ in range(1_500):
        true_rate = 0.05 * math.exp(source.gauss(0, 1))
        gaps = [source.uniform(1, 19) for _ in range(30)]
        hits = [source.random() < -math.expm1(-true_rate * gap) for gap in gaps]
        if all(hits) or not any(hits):
            continue
        evidence = learned(list(zip(gaps, hits, strict=True)), PRIOR, half_life=math.inf)
        online.append(math.log(rate_of(evidence, PRIOR) / true_rate) ** 2)
        likeliest.append(math.log(most_likely(gaps, hits) / true_rate) ** 2)
    errors = [math.sqrt(sum(squares) / len(squares)) for squares in (online, likeliest)]

    assert errors[0] == pytest.approx(0.356, abs=0.03)
    assert errors[1] == pytest.approx(0.380, abs=0.03)
    assert errors[0] < errors[1]


# --- pools ---


def test_a_new_host_of_a_bad_provider_begins_with_a_higher_rate() -> None:
    bad, quiet = pooled_prior(150, 500, PRIOR), pooled_prior(0, 500, PRIOR)

    assert bad.rate == pytest.approx(150.5 / 510)
    assert quiet.rate == pytest.approx(0.5 / 510)
    assert bad.hits == quiet.hits == PRIOR.hits


def test_a_pool_without_evidence_is_the_prior() -> None:
    assert pooled_prior(0, 0, PRIOR) == PRIOR


@given(st.floats(0, 1e15), st.floats(0, 1e15), priors)
def test_a_pool_is_a_prior_whatever_its_hosts_showed(hits: float, between: float, prior: Prior) -> None:
    assert 0 < pooled_prior(hits, between, prior).rate < math.inf


# --- clocks and bad numbers ---


def test_a_clock_that_jumped_back_is_no_time_at_all() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)

    assert days_between(at, at + timedelta(hours=36)) == 1.5
    assert days_between(at, at - timedelta(days=400)) == 0


@pytest.mark.parametrize("between", [-1e-9, -math.inf, math.inf, math.nan])
def test_a_time_that_cannot_be_is_refused(between: float) -> None:
    for learn in (
        lambda: after_quiet_visit(RateEvidence(), between),
        lambda: after_hit(RateEvidence(), PRIOR, between),
        lambda: faded(RateEvidence(), between, HALF_LIFE),
    ):
        with pytest.raises(ScheduleRefused, match="between two visits"):
            learn()


@pytest.mark.parametrize("value", [-1.0, 0.0, math.nan, math.inf, 1e-7, 1e7])
def test_a_prior_that_cannot_be_is_refused(value: float) -> None:
    for name in ("hits", "days"):
        with pytest.raises(ScheduleRefused, match=f"{name} of a prior"):
            Prior(**{name: value})


@pytest.mark.parametrize("value", [-1e-9, math.nan, math.inf, 1e10])
def test_evidence_that_cannot_be_is_refused(value: float) -> None:
    for name in ("hits", "days"):
        with pytest.raises(ScheduleRefused, match=f"{name} of rate evidence"):
            RateEvidence(**{name: value})


@pytest.mark.parametrize("half_life", [0.0, -1.0, math.nan])
def test_a_half_life_that_cannot_be_is_refused(half_life: float) -> None:
    with pytest.raises(ScheduleRefused, match="half-life"):
        faded(RateEvidence(), 1.0, half_life)


def test_what_is_refused_is_an_error_of_the_folder() -> None:
    assert issubclass(ScheduleRefused, QueueError)
