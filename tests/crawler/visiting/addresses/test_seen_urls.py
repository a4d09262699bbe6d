"""The set of seen URLs says what a plain set would, in a quarter of its memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.visiting.addresses.seen_urls import SeenUrls


class Aimed(str):
    """A number as a text, whose hash is that number: a server that could aim at hashes would send such."""

    __slots__ = ()

    def __hash__(self) -> int:
        return int(self)


def answers_of_a_set(texts: list[str]) -> list[bool]:
    seen: set[str] = set()
    answers = []
    for text in texts:
        answers.append(text not in seen)
        seen.add(text)
    return answers


@given(st.lists(st.text(alphabet="ab/é", max_size=4)))
def test_it_answers_as_a_set_does(texts: list[str]) -> None:
    seen = SeenUrls()

    assert [seen.add(text) for text in texts] == answers_of_a_set(texts)
    assert len(seen) == len(set(texts))


# Few tables and few slots, so that hashes meet, run over a table's end, and make it grow; negative ones, too.
hashes = st.builds(
    lambda table, slot, high: table + (slot << 8) + (high << 40),
    st.sampled_from([0, 1, 255]),
    st.sampled_from([0, 1, 13, 14, 15, 16, 31]),
    st.integers(min_value=-50, max_value=50),
).filter(lambda number: number not in {0, -1})


@given(st.lists(hashes, max_size=400))
def test_hashes_that_meet_in_one_place_are_told_apart(numbers: list[int]) -> None:
    seen = SeenUrls()
    texts: list[str] = [Aimed(str(number)) for number in numbers]

    assert [seen.add(text) for text in texts] == answers_of_a_set(texts)


def test_nothing_is_forgotten_or_made_up_while_it_grows() -> None:
    seen = SeenUrls()

    assert all(seen.add(f"http://example.com/{number}") for number in range(50_000))
    assert not any(seen.add(f"http://example.com/{number}") for number in range(50_000))
    assert len(seen) == 50_000


def test_the_empty_text_is_a_text() -> None:
    seen = SeenUrls()

    assert [seen.add(""), seen.add("")] == [True, False]


# Just before and just after most tables grow.
@pytest.mark.parametrize("count", [40_000, 45_000, 80_000])
def test_a_url_takes_no_more_than_25_bytes(count: int) -> None:
    tracemalloc.start()
    try:
        seen = SeenUrls()
        for number in range(count):
            seen.add(f"http://example.com/{number}")
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert now < 25 * count + 100_000
    assert peak < now + 100_000  # growing copies a small part
