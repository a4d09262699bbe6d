"""Waits double up to a bound, with some chance in them; after three days an event is parked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from orbweaver.takedown.delivery import backoff

DAY = 24 * 3600.0
DRAWS = st.floats(0, 1)


def test_waits_double_from_a_second_to_a_quarter_of_an_hour() -> None:
    waits = [(backoff.next_try_of_event(tries, 0, 0, 0.5) or 0) for tries in range(1, 13)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_a_sink_is_left_alone_only_when_several_events_failed_and_a_minute_at_most() -> None:
    assert [backoff.next_try_of_sink(failures, 10, 0.5) for failures in (1, 2)] == [10, 10]
    assert [backoff.next_try_of_sink(failures, 0, 0.5) for failures in (3, 4, 5, 8, 9, 99)] == [1, 2, 4, 32, 60, 60]


@given(DRAWS, DRAWS, st.integers(1, 10**6))
def test_chance_changes_a_wait_by_a_quarter_at_most(draw: float, other: float, tries: int) -> None:
    one, two = (backoff.next_try_of_event(tries, 0, 0, drawn) or 0 for drawn in (draw, other))
    assert one >= 0.75 * min(2.0 ** min(tries - 1, 99), 900)
    assert one <= two * 1.25 / 0.75 + 1e-6


@given(st.lists(DRAWS, min_size=400, max_size=400))
def test_an_event_is_tried_for_three_days_to_their_end_and_then_parked(draws: list[float]) -> None:
    at, tries = 0.0, 0
    for draw in draws:
        tries += 1
        due = backoff.next_try_of_event(tries, 0.0, at, draw)
        if due is None:
            break
        assert at < due <= 3 * DAY
        at = due
    assert (at, due) == (3 * DAY, None)
    assert tries < 400
