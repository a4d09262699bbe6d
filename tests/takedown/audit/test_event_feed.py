"""The events of all cases come in the order of the store, each once, whatever else the audit log has between them."""

from __future__ import annotations

from api_site import add_case
from orbweaver.console import access
from orbweaver.model import Actor, ActorKind
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, event_feed

SOMEBODY = Actor(kind=ActorKind.PERSON, name="Anna")


def test_a_reader_that_goes_on_with_the_number_gets_each_event_once(store: Store) -> None:
    written = []
    for number in range(5):
        written.append(str(add_case(store, f"http://h.test/{number}.jpg", body=b"%d" % number).event_id))
        for _ in range(3):
            access.note(store, SOMEBODY, "cases list")
    found, number, pages = [], 0, 0
    while True:
        page = event_feed.events_after(store, number, 2)
        found, number, pages = found + page.event_ids, page.after_number, pages + 1
        if not page.is_more:
            break
    assert (found, pages) == (written, 3)
    assert event_feed.events_after(store, number, 2) == ([], number, False)


def test_a_page_ends_after_so_many_entries_and_the_next_goes_on(store: Store) -> None:
    for _ in range(4):
        access.note(store, SOMEBODY, "cases list")
    written = str(add_case(store, "http://h.test/a.jpg").event_id)
    first = event_feed.events_after(store, 0, 10, looked_at_most=3)
    assert (first.event_ids, first.after_number, first.is_more) == ([], 3, True)
    assert event_feed.events_after(store, first.after_number, 10, looked_at_most=3) == ([written], 5, False)


def test_a_number_of_another_store_and_an_entry_that_is_none_do_no_harm(store: Store) -> None:
    written = str(add_case(store, "http://h.test/a.jpg").event_id)
    audit_log.seal(store)
    store.xadd(keys.audit_entries(), {"entry": b"[]"}, id="2-0")
    store.rpush(keys.audit_digests(), bytes(32))
    assert event_feed.events_after(store, -7, 10) == ([written], 2, False)
    assert event_feed.events_after(store, 9_000, 10) == ([], 2, False)
