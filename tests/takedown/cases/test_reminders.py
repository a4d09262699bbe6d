"""While a case is open and its file is seen, the engine has an event of it at least every REMIND_EVERY."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON, STAMP, a_match, a_sighting, add_batch, build_list, digests_of, transaction, work
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.model import EventType
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import PROGRAM, CaseRecord, Stamp, change_by_event
from orbweaver.takedown.cases.reminders import reminding
from orbweaver.takedown.cases.transitions import change_by_match

DAY = timedelta(days=1)


def opened() -> CaseRecord:
    return change_by_match(a_sighting(), a_match(), None, STAMP).after


def seen(record: CaseRecord, minutes: float) -> tuple[CaseRecord, EventType | None]:
    """See the file of a case so many minutes after noon."""
    sighting, stamp = a_sighting(minutes=minutes), Stamp(STAMP.source, NOON + timedelta(minutes=minutes))
    change = reminding(change_by_match(sighting, a_match(), record, stamp), sighting, stamp, DAY)
    return change.after, None if change.event is None else change.event.type


@given(st.lists(st.integers(1, 3 * 24 * 60), min_size=1, max_size=30, unique=True).map(sorted))
def test_no_sighting_is_a_day_after_the_last_event_and_brings_none(moments: list[int]) -> None:
    record, told = opened(), 0
    for minutes in moments:
        record, kind = seen(record, minutes)
        assert (kind is EventType.SEEN_LIVE) is (minutes - told >= 24 * 60)
        told = minutes if kind is not None else told
        assert record.case.last_seen == NOON + timedelta(minutes=minutes)


def test_a_note_is_no_reminder_and_an_old_sighting_brings_none() -> None:
    record = opened()
    noted = change_by_event(record, EventType.NOTE, Stamp(STAMP.source, NOON + DAY / 2), actor=PROGRAM, reason="asked")
    assert noted.after.told_at == record.told_at == NOON
    assert seen(noted.after, 25 * 60)[1] is EventType.SEEN_LIVE
    late, stamp = a_sighting(minutes=-5), Stamp(STAMP.source, NOON + 2 * DAY)
    assert reminding(change_by_match(late, a_match(), record, stamp), late, stamp, DAY).event is None


def test_a_case_that_is_not_open_is_no_reminder() -> None:
    removed = change_by_event(opened(), EventType.REMOVED, Stamp(STAMP.source, NOON + DAY), actor=PROGRAM).after
    sighting, stamp = a_sighting(minutes=1), Stamp(STAMP.source, NOON + 4 * DAY)
    change = change_by_match(sighting, a_match(), removed, stamp)
    assert reminding(change, sighting, stamp, DAY) is change


@pytest.mark.parametrize("is_of_an_earlier_release", [False, True])
def test_a_visit_that_sees_the_file_reminds_the_engine(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_of_an_earlier_release: bool
) -> None:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256]))
    record = replace(opened(), told_at=None) if is_of_an_earlier_release else opened()
    change = change_by_match(a_sighting(), a_match(), None, STAMP)
    with transaction(store) as pipe:
        case_store.write(pipe, replace(change, after=record))
    case_id = str(record.case.case_id)
    assert store.hexists(keys.case(case_id), "told_at") is not is_of_an_earlier_release
    add_batch(store, a_sighting(minutes=1))
    work(store)
    [_, second] = store.lrange(keys.case_events(case_id), 0, -1)
    stored = store.hget(keys.event(second.decode()), "json") or b""
    assert b'"case.seen_live"' in stored
    after = case_store.record_of(store, case_id)
    assert after is not None
    assert after.told_at == after.recorded_at
    assert store.hexists(keys.undelivered(), second.decode())
    add_batch(store, a_sighting(minutes=2))
    work(store)
    assert store.llen(keys.case_events(case_id)) == 2
