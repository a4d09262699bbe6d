"""The index of cases is what its cases say, after every way in which a case is written; and lists are read from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from builders import NOON, STAMP, a_match, a_sighting, transaction
from old_cases import TO_CLOSED, add, run
from orbweaver.model import Case, CaseState, EventType, Hosting
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_entries, case_index, case_store, held_queue
from orbweaver.takedown.cases.case_index import CaseChoice, CasePlace
from orbweaver.takedown.cases.transitions import PROGRAM, change_by_event, change_by_match

HOUR = timedelta(hours=1)


def written(store: Store, number: int, *kinds: EventType, algorithm: str = "sha256", **more: Any) -> str:
    """Write a case, first seen so many hours after noon; returns its id."""
    located = Hosting(country="SE" if number % 2 else "NL", asn=64496 + number % 3, provider="Fast Hosting")
    host = f"h{number % 4}.test"
    sighting = a_sighting(b"%d" % number, url=f"http://{host}/{number}.bin").model_copy(
        update={"seen_at": NOON + number * HOUR, "host": host, "ip": f"203.0.113.{number % 5}", **more}
    )
    match = a_match(algorithm, body=b"%d" % number)  # type: ignore[arg-type]
    changes = [change_by_match(sighting, match, None, STAMP, located)]
    for kind in kinds:
        changes.append(change_by_event(changes[-1].after, kind, STAMP, actor=PROGRAM))
    with transaction(store) as pipe:
        for one in changes:
            case_store.write(pipe, one)
    return str(changes[-1].after.case.case_id)


def index_of(store: Store) -> dict[str, Any]:
    """All that the index has of cases, by key."""
    found: dict[str, Any] = {}
    for key in map(text, store.scan_iter(keys.case_shelf("*"))):
        found[key] = store.zrange(key, 0, -1, withscores=True)
    found["texts"] = store.zrange(keys.case_texts(), 0, -1)
    found["held"] = store.hgetall(keys.held_cases())
    found["entries"] = {one: store.hget(keys.case(text(one)), "entries") for one in store.zrange(keys.cases(), 0, -1)}
    return found


def made_anew(store: Store) -> dict[str, Any]:
    """The same, made from the cases that the store has, as after an older release."""
    for key in [*store.scan_iter(keys.case_shelf("*")), keys.case_texts(), keys.held_cases(), keys.cases_entered()]:
        store.delete(key)
    for case_id in store.zrange(keys.cases(), 0, -1):
        store.hdel(keys.case(text(case_id)), "entries")
    assert not case_index.enter_some(store, 0).is_whole
    assert case_index.enter_some(store, None).is_whole
    return index_of(store)


def test_the_index_is_what_the_cases_say_whatever_became_of_them(store: Store) -> None:
    for number, kinds in enumerate(
        [(), (EventType.SEEN_LIVE,), (EventType.REMOVED,), (EventType.REMOVED, EventType.REOPENED), TO_CLOSED]
    ):
        written(store, number, *kinds)
    written(store, 5, algorithm="md5")
    written(store, 6, EventType.OPENED, algorithm="md5")
    gone = add(store, 7, *TO_CLOSED)
    run(store)
    pseudonymous = next(one for one in case_store.all_cases(store) if str(one.case_id) == gone)
    assert pseudonymous.pseudonymised is not None
    assert "secret" not in repr(index_of(store))
    assert "203.0.113.77" not in repr(index_of(store))
    before = index_of(store)
    assert before == made_anew(store)
    for case in case_store.all_cases(store):
        for shelf, place in case_entries.shelves_of(case).items():
            assert store.zscore(keys.case_shelf(shelf), str(case.case_id)) == pytest.approx(place, abs=0.001)


def test_an_older_reading_takes_no_place_of_what_was_written_since(store: Store) -> None:
    case_id = written(store, 1, algorithm="md5")
    [as_it_was] = case_store.read_many(store, [case_id])
    written(store, 1, EventType.OPENED, algorithm="md5")
    after = index_of(store)
    with transaction(store) as pipe:
        case_entries.write(pipe, as_it_was, is_older=True)
    assert index_of(store) == after
    assert store.hlen(keys.held_cases()) == 0


def test_entering_goes_on_where_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_store, "PAGE", 2)
    ids = [written(store, number) for number in range(5)]
    made_anew(store)
    store.delete(keys.cases_entered(), keys.case_shelf("state/open"))
    for case_id in ids:
        store.hdel(keys.case(case_id), "entries")
    far = [case_index.enter_some(store, 2) for _ in range(3)]
    assert [one.entered for one in far[:2]] == [2, 4]
    assert [one.is_whole for one in far] == [False, False, True]
    assert store.zcard(keys.case_shelf("state/open")) == 5


def all_pages(store: Store, choice: CaseChoice, most: int) -> list[str]:
    found: list[str] = []
    after: CasePlace | None = None
    while True:
        page = case_index.page_of(store, choice, after, most)
        assert len(page.case_ids) <= most
        found += page.case_ids
        after = page.next
        if after is None:
            return found


def test_pages_together_are_what_is_asked_for_in_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_index, "LOOKED_AT_ONCE", 3)
    monkeypatch.setattr(case_index, "MOST_LOOKED_AT", 6)
    for number in range(23):
        written(store, number, *([EventType.REMOVED] if number % 7 == 3 else []))
    for number in range(30, 36):  # all at one moment
        written(store, number, seen_at=NOON + 30 * HOUR)
    cases = list(case_store.all_cases(store))
    shelves = ("state/open", "country/SE", case_entries.host_shelf("h1.test"), case_entries.provider_shelf("AS64497"))
    bounds = (None, NOON + 5 * HOUR, NOON + 30 * HOUR)
    for chosen, since, before, oldest in product(
        [(), shelves[:1], shelves[1:2], shelves[:2], shelves], bounds[:2], (None, bounds[2]), (True, False)
    ):
        wanted = [
            one
            for one in cases
            if set(chosen) <= set(case_entries.shelves_of(one))
            and (since is None or one.first_seen >= since)
            and (before is None or one.first_seen < before)
        ]
        wanted.sort(key=lambda one: (one.first_seen, str(one.case_id)), reverse=not oldest)
        choice = CaseChoice(chosen, since, before, is_oldest_first=oldest)
        for most in (1, 4, 50):
            assert all_pages(store, choice, most) == [str(one.case_id) for one in wanted]


def test_a_page_goes_on_after_a_case_that_has_left_the_list(store: Store) -> None:
    ids = [written(store, number) for number in range(4)]
    choice = CaseChoice(("state/open",))
    first = case_index.page_of(store, choice, None, 2)
    assert first.case_ids == (ids[3], ids[2])
    written(store, 2, EventType.REMOVED)
    assert case_index.page_of(store, choice, first.next, 2).case_ids == (ids[1], ids[0])


def test_the_shelf_of_open_cases_is_in_the_order_of_since_when(store: Store) -> None:
    written(store, 1)
    late = written(store, 2)
    [case] = case_store.read_many(store, [late])
    assert case.state_since is not None
    page = case_index.page_of(store, CaseChoice((case_entries.OPEN_SINCE, "country/NL")), None, 5)
    assert page.case_ids == (late,)
    before = case.state_since - HOUR
    assert case_index.page_of(store, CaseChoice((case_entries.OPEN_SINCE,), before=before), None, 5).case_ids == ()


def test_held_files_are_chosen_by_shelves_and_the_cases_of_one_are_together(store: Store) -> None:
    for number in range(4):
        written(store, number, algorithm="md5")
    again = written(store, 1, algorithm="md5", url="http://h1.test/elsewhere")
    files = held_queue.held_files(store, NOON + 10 * HOUR)
    assert sorted(len(one.case_ids) for one in files) == [1, 1, 1, 2]
    assert again in files[0].case_ids, "a file at two places costs more"
    choice = CaseChoice((case_entries.host_shelf("h2.test"), "country/NL"), since=NOON)
    [chosen] = held_queue.held_files(store, NOON, choice)
    assert held_queue.held_files(store, NOON, replace(choice, before=NOON)) == []
    [case] = case_store.read_many(store, chosen.case_ids)
    assert (case.host, case.state) == ("h2.test", CaseState.HELD)


def test_choices_are_offered_by_the_names_that_people_know(store: Store) -> None:
    for number in range(3):
        written(store, number)
    assert set(case_index.shelves_of_kind(store, "country", 10).values()) == {"NL", "SE"}
    providers = case_index.shelves_of_kind(store, "provider", 2)
    assert list(providers.values()) == ["AS64496 Fast Hosting", "AS64497 Fast Hosting"]
    assert list(case_index.shelves_of_kind(store, "list", 10).values()) == ["list"]


def test_a_case_is_found_by_its_urls_and_digests_and_only_while_it_has_them(store: Store) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    [case] = case_store.read_many(store, [case_id])
    asked = (case.md5, case.sha1, "secret-host.test/secret-path-1", "secret-host.test/secret-page")

    def found() -> list[list[Case]]:
        return [list(case_index.cases_of_text(store, one)) for one in asked]

    assert found() == [[case]] * 4
    run(store)
    assert found() == [[]] * 4
