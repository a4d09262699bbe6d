"""A host that refuses its files was not checked, and one that refuses a few of many was."""

from __future__ import annotations

import pytest
from orbweaver.crawler.visiting.records.host_answers import (
    FILES_TOLERATED,
    HOSTS_HANDED_ON,
    AnswerCounter,
    refusal_reason,
)
from orbweaver.model import HostAnswers


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({}, None),
        ({"given": 5}, None),
        ({"http.404": 9, "http.410": 1}, None),
        # nothing was given: one refusal is enough
        ({"http.403": 1}, "the host refused 1 of 1 file: 1 answered 403"),
        ({"http.401": 6, "http.404": 1}, "the host refused 6 of 6 files: 6 answered 401; 1 more is gone"),
        # a few, or a small share
        ({"given": 2, "http.403": 2}, None),
        ({"given": 27, "http.403": 3}, None),
        ({"given": 26, "http.403": 3}, "the host refused 3 of 29 files: 3 answered 403"),
        # what is gone is no file that was given
        ({"given": 26, "http.403": 3, "http.404": 500}, "3 answered 403; 500 more are gone"),
        (
            {"given": 5, "http.403": 2, "http.451": 5, "page": 3, "empty": 1},
            "the host refused 11 of 16 files: 5 answered 451, 3 answered with a page, 2 answered 403, 1 with 0 bytes",
        ),
    ],
)
def test_more_than_a_share_of_refused_files_is_a_refusal(counts: dict[str, int], reason: str | None) -> None:
    found = refusal_reason("files", counts, FILES_TOLERATED)
    assert found == reason or (found is not None and reason is not None and reason in found)


def note(counter: AnswerCounter, host: str, said: str, times: int = 1, **fields: bool) -> None:
    for number in range(times):
        counter.note(f"http://{host}/{said}/{number}", host, answer=said, **{"is_file": True, **fields})


def test_each_host_is_judged_by_itself_and_an_example_is_shown() -> None:
    counter = AnswerCounter()
    note(counter, "www.h.test", "given", 500)
    note(counter, "img.h.test", "http.403", 10)
    ((url, what, reason),) = counter.refusals()
    assert (url, what) == ("http://img.h.test/http.403/0", "files")
    assert reason.startswith("the host refused 10 of 10 files")
    assert counter.by_host() == {
        "www.h.test": HostAnswers(files={"given": 500}),
        "img.h.test": HostAnswers(files={"http.403": 10}),
    }


def test_what_is_recorded_as_failures_already_is_not_said_twice() -> None:
    counter = AnswerCounter()
    note(counter, "h.test", "http.503", 10, is_failure=True)
    assert counter.refusals() == []
    note(counter, "h.test", "http.403")
    assert "11 of 11 files: 10 answered 503, 1 answered 403" in counter.refusals()[0].reason


def test_forbidden_pages_count_where_they_are_most_or_all_that_there_is() -> None:
    counter = AnswerCounter()
    note(counter, "h.test", "given", 50, is_file=False)
    note(counter, "h.test", "http.403", 50, is_file=False)
    assert counter.refusals() == []
    note(counter, "h.test", "http.403", is_file=False)
    assert [one.what for one in counter.refusals()] == ["pages"]
    other = AnswerCounter()
    note(other, "h.test", "http.403", is_file=False)
    assert len(other.refusals()) == 1
    note(other, "h.test", "given")
    assert other.refusals() == [], "its file was reported and given; the one page beside it is none"


def test_no_more_hosts_are_handed_on_than_a_message_holds() -> None:
    counter = AnswerCounter()
    for number in range(HOSTS_HANDED_ON + 5):
        note(counter, f"h{number}.test", "given")
    note(counter, "last.test", "given", 2)
    assert len(counter.by_host()) == HOSTS_HANDED_ON
    assert "last.test" in counter.by_host()
