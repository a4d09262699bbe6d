"""Quiet hours: by the clock on the wall, over midnight, and on the days when that clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.schedule.quiet_hours import QuietHours

STOCKHOLM = "Europe/Stockholm"
ZONES = ("UTC", STOCKHOLM, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
# Around the changes of 2026 in Stockholm and New York, and the day that Samoa skipped.
CHANGES = [
    datetime(2026, 3, 29, tzinfo=UTC),
    datetime(2026, 10, 25, tzinfo=UTC),
    datetime(2026, 3, 8, 6, tzinfo=UTC),
    datetime(2026, 11, 1, 5, tzinfo=UTC),
    datetime(2026, 4, 4, 14, tzinfo=UTC),
    datetime(2011, 12, 30, 9, tzinfo=UTC),
]
moments = st.builds(
    lambda change, minutes, seconds: change + timedelta(minutes=minutes, seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-3_000, 3_000),
    st.integers(0, 59),
)
windows = st.builds(QuietHours, begins=st.integers(0, 1440), ends=st.integers(0, 1440), zone=st.sampled_from(ZONES))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "moment", "free"),
    [
        # In winter, Stockholm is an hour ahead of UTC, in summer two.
        ((22 * 60, 6 * 60), "2026-01-15T23:30", "2026-01-16T05:00"),
        ((22 * 60, 6 * 60), "2026-01-15T21:00", "2026-01-16T05:00"),
        ((22 * 60, 6 * 60), "2026-01-15T20:59", "2026-01-15T20:59"),
        ((22 * 60, 6 * 60), "2026-01-16T05:00", "2026-01-16T05:00"),
        ((22 * 60, 6 * 60), "2026-07-15T23:30", "2026-07-16T04:00"),
        ((9 * 60, 17 * 60), "2026-01-15T12:00", "2026-01-15T16:00"),
        ((22 * 60, 0), "2026-01-15T22:30", "2026-01-15T23:00"),
        ((22 * 60, 24 * 60), "2026-01-15T22:30", "2026-01-15T23:00"),
        # 2026-03-29, 02:00 becomes 03:00: the window ends at once where its end is skipped.
        ((22 * 60, 6 * 60), "2026-03-28T23:00", "2026-03-29T04:00"),
        ((0, 2 * 60 + 30), "2026-03-29T00:10", "2026-03-29T01:00"),
        ((2 * 60, 3 * 60), "2026-03-29T01:00", "2026-03-29T01:00"),
        # 2026-10-25, 03:00 becomes 02:00: what is shown twice is quiet twice.
        ((22 * 60, 6 * 60), "2026-10-24T22:00", "2026-10-25T05:00"),
        ((0, 2 * 60 + 30), "2026-10-24T23:00", "2026-10-25T00:30"),
        ((0, 2 * 60 + 30), "2026-10-25T01:10", "2026-10-25T01:30"),
        ((2 * 60 + 30, 5 * 60), "2026-10-25T00:40", "2026-10-25T01:00"),
    ],
)
def test_a_window_ends_by_the_clock_on_the_wall(window: tuple[int, int], moment: str, free: str) -> None:
    quiet = QuietHours(*window, STOCKHOLM)

    assert quiet.ends_after(at(moment)) == at(free)
    assert quiet.contain(at(moment)) == (moment != free)


@settings(max_examples=60)
@given(windows, moments)
def test_the_end_is_the_first_moment_that_is_not_quiet(quiet: QuietHours, moment: datetime) -> None:
    free = quiet.ends_after(moment)
    if free is None:
        assert quiet.is_whole_day
        return
    assert not quiet.contain(free)
    assert free >= moment
    # Clocks are changed and windows end at whole minutes, so no minute before is free.
    between = [moment, *(_next_minute(moment) + timedelta(minutes=15 * step) for step in range(200))]
    assert all(quiet.contain(each) for each in between if each < free)
    assert free == moment or quiet.contain(free - timedelta(seconds=1))


def _next_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)


@given(moments, st.integers(0, 1440))
def test_an_empty_window_holds_nothing_and_a_whole_day_everything(moment: datetime, minute: int) -> None:
    assert QuietHours(minute, minute, STOCKHOLM).ends_after(moment) == moment
    assert QuietHours(0, 1440, STOCKHOLM).ends_after(moment) is None
    assert QuietHours(0, 1440, STOCKHOLM).contain(moment)


@pytest.mark.parametrize(
    ("begins", "ends", "zone", "said"),
    [
        (-1, 60, "UTC", "begins is minute -1"),
        (0, 1441, "UTC", "ends is minute 1441"),
        (0, 60, "Europe/Atlantis", "time zone 'Europe/Atlantis' is not known"),
        (0, 60, "", "is not known"),
        (0, 60, "Europe", "is not known"),
        (0, 60, "../../etc/passwd", "is not known"),
        (0, 60, "a\0b", "is not known"),
    ],
)
def test_a_window_that_cannot_be_is_refused(begins: int, ends: int, zone: str, said: str) -> None:
    with pytest.raises(ScheduleRefused, match=said):
        QuietHours(begins, ends, zone)


def test_a_window_is_shown_as_people_write_it() -> None:
    assert QuietHours(22 * 60, 6 * 60, STOCKHOLM).text == "22:00-06:00 Europe/Stockholm"
