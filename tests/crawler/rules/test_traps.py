"""Traps: tables of URLs that are and are not endless."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.rules.traps import (
    MOST_SEGMENTS,
    EndlessSpace,
    endless_space_of,
    has_too_many_segments,
    repeats_segments,
)
from orbweaver.crawler.rules.urls import MAX_URL_LENGTH

ROOT = "http://files.example"
CALENDAR, FACETS = EndlessSpace.CALENDAR, EndlessSpace.FACETS


@pytest.mark.parametrize(
    ("path", "is_repeated"),
    [
        # one folder in a row
        ("/images/images/images/a.jpg", True),
        ("/images/images/a.jpg", False),
        ("/x/images/images/images/y/a.jpg", True),
        ("/images/images/images", False),  # the last is a name
        # a run of folders
        ("/one/two/one/two/one/two/", True),
        ("/one/two/one/two/one/", False),
        ("/a/one/b/one/c/one/", False),
        ("/2020/01/2020/01/a.jpg", False),
        # one folder, again and again
        ("/en/gallery/de/gallery/fr/gallery/it/gallery/", True),
        ("/en/gallery/de/gallery/fr/gallery/it/", False),
        # folders of stores
        ("/00/00/00/00/00/a.jpg", False),
        ("/f/0/0/0/0/a.jpg", False),
        ("/a/b/a/b/a/b/a.jpg", False),
        # not a path
        ("/?a=/images/images/images/", False),
        ("/", False),
    ],
)
def test_folders_that_come_again_and_again_are_a_trap(path: str, is_repeated: bool) -> None:
    assert repeats_segments(ROOT + path) is is_repeated


def test_a_path_has_a_most_of_segments() -> None:
    long = "/" + "/".join(f"f{number}" for number in range(MOST_SEGMENTS))
    assert not has_too_many_segments(ROOT + long)
    assert not has_too_many_segments(f"{ROOT}{long}?a=/b/c")
    assert has_too_many_segments(f"{ROOT}{long}/")


@pytest.mark.parametrize(
    ("tail", "space"),
    [
        # calendars
        ("/calendar/2031/07", CALENDAR),
        ("/Calendar.php?month=7&year=2031", CALENDAR),
        ("/events/2031-07-01/", CALENDAR),
        ("/kalender?tag=1", CALENDAR),
        ("/blog/2020/01/", CALENDAR),
        ("/blog/2020/01/31", CALENDAR),
        ("/list?date=2031-07-01", CALENDAR),
        ("/list?id=1&start_date=2031-07-01", CALENDAR),
        ("/list?sort=up&week=12", CALENDAR),
        ("/calendar", None),
        ("/calendars/12", None),
        ("/events/our-summer-party", None),
        ("/2020/01/a-post.html", None),
        ("/2020/01/a-post?page=2", None),
        ("/2020/17/", None),
        ("/2020/", None),
        ("/list?date=", None),
        ("/list?update=2031", None),
        # facets
        ("/list?sort=price", FACETS),
        ("/list?page=2&order_by=name", FACETS),
        ("/list?filter%5Bcolour%5D=red", FACETS),
        ("/list?per_page=20", FACETS),
        ("/folder/?C=M;O=A", FACETS),
        ("/folder/?C=N&O=D", FACETS),
        ("/folder/?C=4", None),
        ("/list?dir=desc", FACETS),
        ("/index.php?dir=photos/2020", None),
        ("/index.php?file=12", None),
        ("/index.php?f%5B0%5D=colour", FACETS),
        ("/index.php?call=12", None),
        ("/index.php?cal_page=12", CALENDAR),
        ("/list?a=1&b=2&c=3&d=4&e=5", FACETS),
        ("/list?a=1&b=2&c=3&d=4", None),
        ("/list?id=12&page=2", None),
        ("/view?border=1", None),
        ("/sort=price", None),
        ("/a.jpg", None),
    ],
)
def test_what_looks_endless_is_told_from_what_does_not(tail: str, space: EndlessSpace | None) -> None:
    assert endless_space_of(ROOT + tail) is space


pieces = st.sampled_from(
    ["/", "?", "&", "=", "-", "a", "2020", "01", "events", "calendar", "date=", "f%5b", "filter", "images/", "one/two/"]
)


@given(st.lists(pieces, min_size=1, max_size=5), st.integers(min_value=1, max_value=4_000))
def test_a_long_url_takes_no_long_time(parts: list[str], times: int) -> None:
    url = (ROOT + "/" + "".join(parts) * times)[:MAX_URL_LENGTH]
    for judge in (repeats_segments, has_too_many_segments, endless_space_of):
        # Below 1 ms; a quadratic reading of 4,096 characters takes seconds.
        assert timeit.timeit(lambda judge=judge: judge(url), number=1) < 0.5  # type: ignore[misc]
