"""The course of days counts each case on its day, and as open until its file was known to be gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from orbweaver.model import CaseState
from orbweaver.takedown.statistics.clocks import CaseClocks
from orbweaver.takedown.statistics.course import course_of
from orbweaver.takedown.statistics.summary import BANDS

TODAY = datetime(2026, 3, 10, 15, tzinfo=UTC)
CASE = CaseClocks(
    case_id="a", host="h.test", country=None, asn=None, provider=None, is_cdn=False, route=None, kind=None,
    state=CaseState.OPEN, was_opened=True, received_at=TODAY, delivered_at=None, acknowledged_at=None,
    last_live_at=TODAY, gone_at=None, returns=0,
)  # fmt: skip


def a_case(received: int, gone: int | None = None, **others: object) -> CaseClocks:
    """A case that was received so many days ago, and whose file was gone so many days ago."""
    at = TODAY - timedelta(days=received)
    gone_at = None if gone is None else TODAY - timedelta(days=gone)
    state = CaseState.OPEN if gone is None else CaseState.REMOVED
    return replace(CASE, received_at=at, last_live_at=at, gone_at=gone_at, state=state, **others)  # type: ignore[arg-type]


def test_each_case_counts_on_its_day_and_as_open_until_it_is_gone() -> None:
    cases = [a_case(0), a_case(2, 1), a_case(100), a_case(90, 80), a_case(90, 0), a_case(1, was_opened=False)]
    course = course_of(cases, TODAY, 4)
    assert [day.day for day in course.days] == [7, 8, 9, 10]
    assert course.came == (0, 1, 0, 1)
    assert course.open == (2, 3, 2, 2)
    assert sum(course.removed_within) == 3
    assert course.removed_within[0] == 3  # each was seen live at its receipt alone: it may have gone at once


def test_a_file_that_was_surely_there_for_long_is_in_the_last_group() -> None:
    case = replace(a_case(30, 1), last_live_at=TODAY - timedelta(days=2))
    assert course_of([case], TODAY, 4).removed_within == (*[0] * len(BANDS), 1)
    assert course_of([], TODAY, 2).open == (0, 0)


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.none() | st.integers(0, 60)).map(
            lambda pair: a_case(pair[0], None if pair[1] is None else min(pair))
        )
    )
)
def test_what_is_open_today_is_what_is_not_removed(cases: list[CaseClocks]) -> None:
    course = course_of(cases, TODAY, 30)
    assert course.open[-1] == sum(case.gone_at is None for case in cases)
    assert all(number >= 0 for number in course.open)
