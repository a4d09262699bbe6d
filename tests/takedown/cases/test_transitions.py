"""The changes that an answer makes to its case: pure decisions."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from uuid import UUID, uuid5

import pytest
from builders import NOON, STAMP, a_match, a_sighting, digests_of
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.matcher_client.verdicts import judge, unknown
from orbweaver.model import (
    ALGORITHMS,
    CASE_NAMESPACE,
    Algorithm,
    CaseState,
    EntryStatus,
    Event,
    EventType,
    Listing,
    Retraction,
    Verdict,
    VerdictResult,
    event_id_for,
)
from orbweaver.takedown.cases.changes import CaseChange, CaseRecord, Stamp
from orbweaver.takedown.cases.transitions import change_by_answer, change_by_match


def test_the_first_match_opens_a_case_that_shows_the_whole_sighting_and_verdict() -> None:
    sighting = a_sighting(report_ids=("r2", "r1"))
    change = change_by_match(sighting, a_match(), None, STAMP)
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
    event = change_by_match(a_sighting(), a_match(), None, STAMP).event
    assert event is not None
    assert str(CASE_NAMESPACE) == "7d6a3b62-5d3c-5a0e-9d0b-0c2f6f6f7a11"  # for ever
    assert event.case_id == uuid5(CASE_NAMESPACE, "http://h.test/a.bin\n" + digests_of(b"known").sha256)
    assert str(event.case_id) == a_sighting().sighting_id
    content = json.loads(event.model_dump_json(exclude={"event_id"}))
    assert event.event_id == uuid5(STAMP.source, json.dumps(content, sort_keys=True, separators=(",", ":")))
    assert (event.schema_version, event.source, event.recorded_at) == ("1.2", STAMP.source, STAMP.at)


@pytest.mark.parametrize(
    "other",
    [
        {"source": UUID(int=1)},
        {"recorded_at": NOON + timedelta(milliseconds=1)},
        {"sequence": 2},
        {"type": EventType.HELD},
        {"at": NOON + timedelta(milliseconds=1)},
        {"case_id": UUID(int=1)},
        {"schema_version": "1.3"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_an_event_with_other_content_has_another_id(other: dict[str, object]) -> None:
    event = change_by_match(a_sighting(), a_match(), None, STAMP).event
    assert event is not None
    assert event_id_for(event) == event.event_id
    assert event_id_for(event.model_copy(update=other)) != event.event_id


def test_an_event_of_another_sighting_or_verdict_has_another_id() -> None:
    changes = [
        change_by_match(sighting, verdict, None, STAMP)
        for sighting in (a_sighting(), a_sighting(report_ids=("r",)), a_sighting(url="http://h.test/b.bin"))
        for verdict in (a_match(), a_match("md5"))
    ]
    assert len({change.event.event_id for change in changes if change.event is not None}) == len(changes)


def test_an_event_is_recorded_after_the_one_before_also_by_a_worker_whose_clock_is_late() -> None:
    late = Stamp(STAMP.source, NOON - timedelta(hours=1))
    opened = change_by_match(a_sighting(), an_answer(*ACTIVE), None, STAMP).after
    corrected = change_by_answer(an_answer(*WITHDRAWN, day=1), opened, late)
    reopened = change_by_answer(an_answer(*ACTIVE, day=2), corrected.after, late)
    times = [one.event.recorded_at for one in (corrected, reopened) if one.event is not None]
    assert times == [NOON + timedelta(milliseconds=1), NOON + timedelta(milliseconds=2)]
    assert reopened.after.recorded_at == times[-1]


def test_an_event_that_an_older_release_stored_is_read_and_keeps_its_id() -> None:
    opened = change_by_match(a_sighting(), a_match(), None, STAMP)
    assert opened.event is not None
    stored = json.loads(opened.event.model_dump_json(exclude={"schema_version", "source", "recorded_at"}))
    stored["event_id"] = str(uuid5(opened.event.case_id, "1"))
    event = Event.model_validate_json(json.dumps(stored))
    assert (str(event.event_id), event.source, event.recorded_at) == (stored["event_id"], None, None)
    with pytest.raises(ValueError, match="has the id that it was given"):
        event_id_for(event)


def test_an_open_case_is_never_held_again() -> None:
    opened = change_by_match(a_sighting(), a_match("sha256"), None, STAMP).after
    change = change_by_match(a_sighting(minutes=1), a_match("md5"), opened, STAMP)
    assert (change.after.case.state, change.event, change.after.sequence) == (CaseState.OPEN, None, 1)


def test_a_held_case_opens_once() -> None:
    held = change_by_match(a_sighting(), a_match("md5"), None, STAMP)
    opened = change_by_match(a_sighting(), a_match("sha1", "md5"), held.after, STAMP)
    again = change_by_match(a_sighting(), a_match("sha1", "md5"), opened.after, STAMP)
    assert [one.event and one.event.type for one in (held, opened, again)] == [EventType.HELD, EventType.OPENED, None]
    assert (opened.after.sequence, opened.is_new, again.after.sequence) == (2, False, 2)


def test_a_degenerate_digest_makes_no_case() -> None:
    with pytest.raises(ValueError, match="degenerate"):
        change_by_match(a_sighting(b""), a_match(), None, STAMP)


matches = st.tuples(
    st.sampled_from(ALGORITHMS),
    st.integers(min_value=-60, max_value=60),
    st.sets(st.sampled_from("abc")),
)


@given(st.lists(matches, min_size=1, max_size=8))
def test_a_history_keeps_its_first_and_last_time_its_reports_and_its_order(
    history: list[tuple[Algorithm, int, set[str]]],
) -> None:
    before: CaseRecord | None = None
    events = []
    for algorithm, minutes, reports in history:
        change = change_by_match(
            a_sighting(minutes=minutes, report_ids=tuple(reports)), a_match(algorithm), before, STAMP
        )
        before = change.after
        events += [change.event] if change.event is not None else []
    assert before is not None
    times = [a_sighting(minutes=minutes).seen_at for _, minutes, _ in history]
    assert (before.case.first_seen, before.case.last_seen) == (min(times), max(times))
    assert set(before.case.report_ids) == set(itertools.chain(*(reports for _, _, reports in history)))
    assert (before.case.state is CaseState.OPEN) is any(algorithm == "sha256" for algorithm, _, _ in history)
    assert [event.sequence for event in events] == list(range(1, before.sequence + 1))
    assert len({event.event_id for event in events}) == len(events)


def an_answer(*listings: tuple[Algorithm, str], day: int = 0) -> Verdict:
    """The answer of the one service on a day: its entries, by the algorithm that agrees and their status."""
    found = [
        Listing(service="hashlist:test", list="list", entry_id=str(n), algorithms=(by,), status=EntryStatus(status))
        for n, (by, status) in enumerate(listings)
    ]
    return judge(digests_of(b"known"), found, service="hashlist:test", asked_at=NOON + timedelta(days=day))


ACTIVE, DISPUTED, WITHDRAWN = ((("sha256", status),) for status in ("active", "disputed", "withdrawn"))


@pytest.mark.parametrize(
    ("later", "retraction"),
    [
        (an_answer(*DISPUTED, day=1), Retraction.DISPUTED),
        (an_answer(*WITHDRAWN, day=1), Retraction.WITHDRAWN),
        (an_answer(day=1), Retraction.NO_LONGER_LISTED),
    ],
)
def test_a_correction_says_what_the_list_did_and_the_verdicts_before_and_after(
    later: Verdict, retraction: Retraction
) -> None:
    opened = change_by_match(a_sighting(), an_answer(*ACTIVE), None, STAMP)
    corrected = change_by_answer(later, opened.after, STAMP)
    event = corrected.event
    assert event is not None
    assert event.correction is not None
    assert (event.type, event.sequence, event.at) == (EventType.CORRECTED, 2, later.asked_at)
    assert (event.correction.retraction, event.correction.before) == (retraction, opened.after.case.verdict)
    assert event.case == corrected.after.case
    assert (event.case.state, event.case.verdict.held_because) == (CaseState.HELD, (retraction.value,))
    assert corrected.is_for_engine
    reopened = change_by_answer(an_answer(*ACTIVE, day=2), corrected.after, STAMP)
    assert reopened.event is not None
    assert (reopened.event.type, reopened.event.sequence, reopened.is_for_engine) == (EventType.OPENED, 3, True)


def test_a_correction_of_a_held_case_is_not_for_the_engine() -> None:
    held = change_by_match(a_sighting(), an_answer(("md5", "active")), None, STAMP)
    corrected = change_by_answer(an_answer(day=1), held.after, STAMP)
    assert corrected.event is not None
    assert (corrected.event.type, corrected.is_for_engine) == (EventType.CORRECTED, False)


def test_an_older_sighting_that_is_asked_about_late_does_not_replace_what_was_seen_since() -> None:
    newest = a_sighting(minutes=60).model_copy(update={"final_url": "http://h.test/now"})
    opened = change_by_match(newest, a_match(), None, STAMP)
    case = change_by_match(a_sighting(report_ids=("r",)), a_match(), opened.after, STAMP).after.case
    assert (case.final_url, case.first_seen, case.last_seen) == (
        "http://h.test/now",
        a_sighting().seen_at,
        newest.seen_at,
    )
    assert case.report_ids == ("r",)


entries = st.lists(
    st.tuples(st.sampled_from(ALGORITHMS), st.sampled_from(["active", "disputed", "withdrawn"])), max_size=3
)


@given(st.lists(st.tuples(entries, st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_what_the_engine_sees_of_any_history_is_one_story(
    history: list[tuple[list[tuple[Algorithm, str]], bool, bool]],
) -> None:
    before: CaseRecord | None = None
    told: list[Event] = []
    for day, (listed, is_met, is_down) in enumerate(history):
        verdict = unknown("down") if is_down else an_answer(*listed, day=day)
        change = one_answer(verdict, before, is_met, day)
        if change is None:
            continue
        if before is not None:
            assert change == one_answer(verdict, before, is_met, day)
            met, asked = (
                change_by_answer(verdict, before, STAMP, one) for one in (a_sighting(minutes=day * 1440), None)
            )
            assert (met.after.case.state, met.after.case.verdict) == (asked.after.case.state, asked.after.case.verdict)
            assert (met.event and met.event.correction) == (asked.event and asked.event.correction)
        before = change.after
        assert before.was_opened is (bool(told) or change.is_for_engine)
        if change.is_for_engine:
            assert change.event is not None
            told.append(change.event)
        # what the engine was told last is how the case stands, but for doubts that never reached it
        assert (before.case.state is CaseState.OPEN) is (bool(told) and told[-1].type is EventType.OPENED)
        if is_down:
            assert change.event is None
    kinds = [event.type for event in told]
    assert kinds[:1] in ([], [EventType.OPENED])
    assert all(event.case.state is CaseState.OPEN for event in told if event.type is EventType.OPENED)
    assert all(event.case.state is CaseState.HELD for event in told if event.type is EventType.CORRECTED)
    assert all(pair != (EventType.OPENED, EventType.OPENED) for pair in itertools.pairwise(kinds))
    assert [event.sequence for event in told] == sorted({event.sequence for event in told})
    assert EventType.HELD not in kinds


def one_answer(verdict: Verdict, before: CaseRecord | None, is_met: bool, day: int) -> CaseChange | None:
    """Return the change that one day's answer makes: to the case there is, or by opening one."""
    sighting = a_sighting(minutes=day * 1440)
    if before is not None:
        return change_by_answer(verdict, before, STAMP, sighting if is_met else None)
    return change_by_match(sighting, verdict, None, STAMP) if verdict.result is VerdictResult.MATCH else None


def test_a_file_of_which_its_host_said_that_it_has_not_changed_was_there_when_its_bytes_came() -> None:
    seen = a_sighting(minutes=60)
    unchanged = seen.model_copy(update={"http": seen.http.model_copy(update={"hashed_at": NOON})})
    case = change_by_match(unchanged, a_match(), None, STAMP).after
    assert (case.case.first_seen, case.case.last_seen) == (NOON, NOON + timedelta(minutes=60))
    assert case.case.http.hashed_at == NOON
    again = change_by_match(a_sighting(minutes=90), a_match(), case, STAMP).after.case
    assert (again.first_seen, again.last_seen, again.http.hashed_at) == (NOON, NOON + timedelta(minutes=90), None)
