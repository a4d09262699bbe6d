"""The places at one address are shared: never more than there are, and everybody has a turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.queue.fleet.workers.address_places import LATE_SECONDS, Sharer, granted, shares


@pytest.mark.parametrize(
    ("places", "wants", "turn", "shared"),
    [
        (2, [], 0, []),
        (2, [False], 0, [2]),
        (2, [True, False], 0, [1, 1]),
        (3, [True, True], 0, [2, 1]),
        (3, [True, True], 1, [1, 2]),
        (2, [True, True, True], 0, [1, 1, 0]),
        (2, [True, True, True], 1, [1, 0, 1]),
        (2, [True, False, True], 0, [1, 0, 1]),
        (2, [False, True, False], 5, [0, 2, 0]),
        (2, [False, False, False], 5, [0, 0, 0]),
        (0, [True, True], 0, [0, 0]),
    ],
)
def test_places_are_shared_evenly_and_go_round_when_they_are_too_few(
    places: int, wants: list[bool], turn: int, shared: list[int]
) -> None:
    assert shares(places, wants, turn) == shared


@given(st.integers(0, 64), st.lists(st.booleans(), max_size=80), st.integers(0, 10**9))
def test_never_more_is_shared_than_there_is_and_nothing_that_is_wanted_stays_over(
    places: int, wants: list[bool], turn: int
) -> None:
    shared = shares(places, wants, turn)
    assert sum(shared) <= places
    assert max(shared, default=0) - min((n for n, want in zip(shared, wants, strict=True) if want), default=0) <= (
        1 if all(wants) else 64
    )
    if any(wants):
        assert sum(shared) == places


@given(st.integers(1, 8), st.integers(1, 20))
def test_within_one_round_everybody_who_wants_a_place_has_had_one(places: int, count: int) -> None:
    turns = [shares(places, [True] * count, turn) for turn in range(count)]
    assert all(sum(turn[one] for turn in turns) >= 1 for one in range(count))


@given(st.integers(0, 8), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=8))
def test_what_is_still_filled_nobody_gets(places: int, members: list[tuple[int, int]]) -> None:
    wanted, held = [one for one, _ in members], [one for _, one in members]
    given_now = granted(places, wanted, held)
    filled = sum(max(given, one) for given, one in zip(given_now, held, strict=True))
    assert filled <= max(places, sum(held))
    assert all(given <= want for given, want in zip(given_now, wanted, strict=True))


def test_a_request_that_does_not_end_fills_its_place_no_longer_than_the_longest() -> None:
    member = Sharer(places=0)
    assert member.filled(2, now=100.0) == 2
    assert member.filled(2, now=100.0 + LATE_SECONDS - 1) == 2
    assert member.filled(2, now=100.0 + LATE_SECONDS) == 0
    member.places = 2
    assert member.filled(2, now=200.0) == 2
    member.places = 1
    assert member.filled(2, now=300.0) == 2  # it counts anew


def test_who_says_for_a_moment_that_it_fills_no_place_has_no_more_time_for_that() -> None:
    places, liar, others = 2, Sharer(places=0), [Sharer(places=1), Sharer(places=1), Sharer()]
    blocked = 0
    for second in range(300):
        for member, share in zip(others, shares(places, [True] * 3, second // 10), strict=True):
            member.places = min(member.places, share)
        # It is given no place: all that it has is its word.
        held = [member.filled(member.places, second) for member in others]
        held.append(liar.filled(0 if second % 29 == 28 else 255, second))
        wanted = [*shares(places, [True] * 3, second // 10), 0]
        for member, given_now in zip(others, granted(places, wanted, held)[:3], strict=True):
            member.places = given_now
        blocked += sum(member.places for member in others) < places
    assert blocked <= LATE_SECONDS


def test_a_further_place_that_is_wanted_back_has_its_own_time() -> None:
    member = Sharer(places=1)
    assert member.filled(2, now=0.0) == 2
    assert member.filled(1, now=1.0) == 1
    member.places = 0
    assert member.filled(1, now=100.0) == 1
    assert member.filled(1, now=100.0 + LATE_SECONDS) == 0
