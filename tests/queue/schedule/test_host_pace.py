"""A host that has too many requests is left alone for a while, and then asked more slowly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.queue.schedule.host_pace import (
    FIRST_DELAY_SECONDS,
    LEAST_DELAY_SECONDS,
    MOST_DELAY_SECONDS,
    MOST_WAIT_SECONDS,
    RECOVERY_SECONDS,
    HostPace,
    after_wait,
    delay_at,
    is_over,
    kept_seconds,
    left_alone_until,
)

AT = 1_000_000.0
TEN_YEARS = 10 * 365 * 24 * 3600.0


def asked(*waits: tuple[float, float | None]) -> HostPace:
    """Return the pace after a host asked to wait: seconds after AT, and the seconds that it asked for."""
    pace = HostPace()
    for after, seconds in waits:
        pace = after_wait(pace, AT + after, seconds)
    return pace


@pytest.mark.parametrize(
    ("waits", "until", "delay", "times"),
    [
        ([(0, 60)], 60, 1, 1),
        ([(0, None)], 1, 1, 1),
        ([(0, TEN_YEARS)], MOST_WAIT_SECONDS, 1, 1),
        ([(0, -5)], 0, 1, 1),
        # Requests that were under way say the same again.
        ([(0, 60), (1, 60), (2, None)], 61, 1, 1),
        ([(0, 60), (1, 5)], 60, 1, 1),
        # It asks again although it was left alone.
        ([(0, 60), (60, None)], 62, 2, 2),
        ([(0, 1), (1, 1), (2, 1), (3, 1)], 4, 8, 4),
        # After it has recovered it begins anew.
        ([(0, 1), (1, 1), (100_000, 1)], 100_001, 1, 1),
    ],
)
def test_each_wait_is_kept_and_each_new_one_makes_the_host_slower(
    waits: list[tuple[float, float | None]], until: float, delay: float, times: int
) -> None:
    pace = asked(*waits)
    assert (pace.until - AT, pace.times) == (until, times)
    assert pace.delay == pytest.approx(delay, rel=0.02)


def test_a_host_recovers_by_halves() -> None:
    pace = asked((0, 10))
    moments = [0, 10, 10 + RECOVERY_SECONDS, 10 + 2 * RECOVERY_SECONDS, 10 + 9 * RECOVERY_SECONDS]
    assert [delay_at(pace, AT + one) for one in moments] == [1, 1, 0.5, 0.25, 0]
    assert [is_over(pace, AT + one) for one in moments] == [False] * 4 + [True]


def test_recrawls_that_are_under_way_wait_no_longer_than_their_own_longest_pause() -> None:
    pace = asked((0, 3_000))
    assert left_alone_until(pace, AT + 10, 300) == AT + 300
    assert left_alone_until(asked((0, 20)), AT + 10, 300) == AT + 20


def test_a_clock_that_jumps_back_leaves_no_wait_of_years_behind() -> None:
    pace = after_wait(HostPace(until=AT + TEN_YEARS, delay=2, asked_at=AT + TEN_YEARS, times=1), AT, 5)
    assert pace.until == AT + MOST_WAIT_SECONDS
    assert left_alone_until(HostPace(AT + TEN_YEARS, 2, AT + TEN_YEARS, 1), AT, 300) == AT + 300


moments = st.floats(0, 1e9, allow_nan=False)


@given(st.lists(st.tuples(st.floats(0, 1e5), st.none() | st.floats(-1e12, 1e12)), min_size=1, max_size=20), moments)
def test_whatever_a_host_asks_its_wait_and_its_delay_are_bounded_and_end(
    waits: list[tuple[float, float | None]], later: float
) -> None:
    pace, now = HostPace(), AT
    for step, seconds in waits:
        now += step
        before = pace
        pace = after_wait(pace, now, seconds)
        assert now <= pace.until <= now + MOST_WAIT_SECONDS
        assert pace.until >= min(before.until, now + MOST_WAIT_SECONDS)
        assert FIRST_DELAY_SECONDS <= max(pace.delay, FIRST_DELAY_SECONDS) <= MOST_DELAY_SECONDS
    assert is_over(pace, now + kept_seconds(pace, now))
    delay = delay_at(pace, now + later)
    assert delay == 0 or LEAST_DELAY_SECONDS <= delay <= pace.delay
