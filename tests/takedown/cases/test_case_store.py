"""Cases in the store."""

from __future__ import annotations

from builders import STAMP, a_match, a_sighting, transaction
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match


def test_a_case_is_read_as_it_was_written(store: Store) -> None:
    change = change_by_match(a_sighting(report_ids=("r1",)), a_match(), None, STAMP)
    with transaction(store) as pipe:
        case_store.write(pipe, change)
    assert case_store.record_of(store, str(change.after.case.case_id)) == change.after


def test_a_case_that_nobody_opened_is_none(store: Store) -> None:
    assert case_store.record_of(store, "missing") is None
    assert case_store.read_many(store, ["missing"]) == []


def test_cases_are_read_oldest_first_and_then_by_url(store: Store) -> None:
    changes = [
        change_by_match(a_sighting(url=url, minutes=minutes), a_match(), None, STAMP)
        for url, minutes in [("http://h.test/c", 1), ("http://h.test/b", 0), ("http://h.test/a", 1)]
    ]
    with transaction(store) as pipe:
        for change in changes:
            case_store.write(pipe, change)
    found = case_store.read_many(store, [str(change.after.case.case_id) for change in changes])
    assert [case.url[-1] for case in found] == ["b", "a", "c"]


def test_a_history_is_a_list_of_events_oldest_first(store: Store) -> None:
    held = change_by_match(a_sighting(), a_match("md5"), None, STAMP)
    opened = change_by_match(a_sighting(minutes=1), a_match(), held.after, STAMP)
    seen_again = change_by_match(a_sighting(minutes=2), a_match(), opened.after, STAMP)
    with transaction(store) as pipe:
        for change in (held, opened, seen_again):
            case_store.write(pipe, change)
    assert held.event is not None
    assert opened.event is not None
    listed = store.lrange(keys.case_events(a_sighting().sighting_id), 0, -1)
    assert [one.decode() for one in listed] == [str(held.event.event_id), str(opened.event.event_id)]
    assert store.zscore(keys.cases(), a_sighting().sighting_id) == a_sighting().seen_at.timestamp()
