"""What a match does to its case: pure decisions."""

from __future__ import annotations

import itertools
from uuid import uuid5

import pytest
from builders import a_match, a_sighting, digests_of
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.model import ALGORITHMS, CASE_NAMESPACE, Algorithm, CaseState, EventType
from orbweaver.takedown.transitions import Standing, change_by_match


def test_the_first_match_opens_a_case_that_shows_the_whole_sighting_and_verdict() -> None:
    sighting = a_sighting(report_ids=("r2", "r1"))
    change = change_by_match(sighting, a_match(), None)
    case = change.after.case
    assert change.is_new
    assert (case.state, case.first_seen, case.last_seen) == (CaseState.OPEN, sighting.seen_at, sighting.seen_at)
    assert (case.md5, case.sha1, case.sha256, case.size) == tuple(sighting.digests.model_dump().values())
    assert case.report_ids == ("r1", "r2")
    shown = case.verdict
    assert (shown.result, shown.algorithm, shown.list, shown.service) == ("match", "sha256", "list", "hashlist:test")
    assert (shown.strength, shown.held_because, shown.listings) == ("strong", (), a_match().listings)
    for name in ("url", "final_url", "host", "ip", "referrer", "content_type", "sniffed_type", "http"):
        assert getattr(case, name) == getattr(sighting, name)


def test_the_ids_are_the_documented_ones() -> None:
    event = change_by_match(a_sighting(), a_match(), None).event
    assert event is not None
    assert str(CASE_NAMESPACE) == "7d6a3b62-5d3c-5a0e-9d0b-0c2f6f6f7a11"  # for ever
    assert event.case_id == uuid5(CASE_NAMESPACE, "http://h.test/a.bin\n" + digests_of(b"known").sha256)
    assert event.event_id == uuid5(event.case_id, "1")
    assert str(event.case_id) == a_sighting().sighting_id


def test_an_open_case_is_never_held_again() -> None:
    opened = change_by_match(a_sighting(), a_match("sha256"), None).after
    change = change_by_match(a_sighting(minutes=1), a_match("md5"), opened)
    assert (change.after.case.state, change.event, change.after.sequence) == (CaseState.OPEN, None, 1)


def test_a_held_case_opens_once() -> None:
    held = change_by_match(a_sighting(), a_match("md5"), None)
    opened = change_by_match(a_sighting(), a_match("sha1", "md5"), held.after)
    again = change_by_match(a_sighting(), a_match("sha1", "md5"), opened.after)
    assert [one.event and one.event.type for one in (held, opened, again)] == [EventType.HELD, EventType.OPENED, None]
    assert (opened.after.sequence, opened.is_new, again.after.sequence) == (2, False, 2)


def test_a_degenerate_digest_makes_no_case() -> None:
    with pytest.raises(ValueError, match="degenerate"):
        change_by_match(a_sighting(b""), a_match(), None)


matches = st.tuples(
    st.sampled_from(ALGORITHMS),
    st.integers(min_value=-60, max_value=60),
    st.sets(st.sampled_from("abc")),
)


@given(st.lists(matches, min_size=1, max_size=8))
def test_a_history_keeps_its_first_and_last_time_its_reports_and_its_order(
    history: list[tuple[Algorithm, int, set[str]]],
) -> None:
    before: Standing | None = None
    events = []
    for algorithm, minutes, reports in history:
        change = change_by_match(a_sighting(minutes=minutes, report_ids=tuple(reports)), a_match(algorithm), before)
        before = change.after
        events += [change.event] if change.event is not None else []
    assert before is not None
    times = [a_sighting(minutes=minutes).seen_at for _, minutes, _ in history]
    assert (before.case.first_seen, before.case.last_seen) == (min(times), max(times))
    assert set(before.case.report_ids) == set(itertools.chain(*(reports for _, _, reports in history)))
    assert (before.case.state is CaseState.OPEN) is any(algorithm == "sha256" for algorithm, _, _ in history)
    assert [event.sequence for event in events] == list(range(1, before.sequence + 1))
    assert len({event.event_id for event in events}) == len(events)
