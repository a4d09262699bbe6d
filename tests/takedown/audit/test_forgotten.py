"""What retention did is no fault; a forged record of it hides nothing that retention could not have done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOON, transaction
from old_cases import DAY, LATER, PERSON, TO_CLOSED, add, faults, run
from orbweaver.model import Event, EventType, Pseudonymised
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.audit import (
    audit_log,
    chain,
    checkpoint_files,
    checkpoints,
    forgotten,
    pack,
    records,
    verification,
)
from orbweaver.takedown.audit.forgotten import TakenAway
from orbweaver.takedown.retention.pseudonymous import pseudonymised_event
from orbweaver.takedown.retention.pseudonyms import KeyedPseudonyms

NAMES = KeyedPseudonyms(bytes(32))


def access(store: Store, at: datetime = NOON) -> None:
    with transaction(store) as pipe:
        audit_log.note(pipe, records.of_access(PERSON, at, "cases show", ["a case"]))


def event_id_of(store: Store, case_id: str, place: int) -> str:
    return text(store.lindex(keys.case_events(case_id), place))


def stored_event(store: Store, event_id: str) -> bytes:
    stored = store.hget(keys.event(event_id), "json")
    assert stored is not None
    return stored


def forge_event(store: Store, case_id: str, event_id: str, content: bytes, at: datetime = LATER) -> None:
    """Change an event, and say that retention did it."""
    store.hset(keys.event(event_id), "json", content)
    with transaction(store) as pipe:
        audit_log.note(pipe, records.of_pseudonymised(PERSON, at, case_id, {event_id: content}))


def forge_taking(store: Store, *numbers: int, at: datetime = LATER, older_than: datetime | None = None) -> None:
    with transaction(store) as pipe:
        limit = older_than or at - 365 * DAY
        audit_log.take_away(pipe, numbers, records.of_taken_away(PERSON, at, numbers, limit))


def pseudonymous(stored: bytes, **fields: Any) -> bytes:
    """Return what retention would leave of an event, with other fields."""
    mark = Pseudonymised(at=LATER, reason="closed")
    left = pseudonymised_event(Event.model_validate_json(stored), NAMES, mark)
    return left.model_copy(update=fields).model_dump_json().encode()


def another_place(stored: bytes) -> bytes:
    return stored.replace(b"secret-host", b"other-host")


def another_kind(stored: bytes) -> bytes:
    return pseudonymous(stored, type=EventType.NOTE)


def another_person(stored: bytes) -> bytes:
    return pseudonymous(stored, actor=PERSON)


def another_time(stored: bytes) -> bytes:
    return pseudonymous(stored, recorded_at=NOON + timedelta(seconds=5))


def a_reason_more(stored: bytes) -> bytes:
    return pseudonymous(stored, reason="see http://other-host.test/")


def nothing(_: bytes) -> bytes:
    return b"{}"


@pytest.mark.parametrize(
    "change",
    [another_place, another_kind, another_person, another_time, a_reason_more, nothing],
    ids=lambda one: one.__name__,
)
def test_a_forged_record_hides_no_other_change_of_an_event(store: Store, change: Callable[[bytes], bytes]) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    event_id = event_id_of(store, case_id, 1)
    forge_event(store, case_id, event_id, change(stored_event(store, event_id)))
    assert faults(store) == [f"event {event_id} of case {case_id} is not what retention left of it (entry 4)"]


def test_an_event_that_is_not_over_the_shortest_limit_was_not_changed_by_retention(store: Store) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    event_id = event_id_of(store, case_id, 1)
    forge_event(store, case_id, event_id, pseudonymous(stored_event(store, event_id)), at=NOON + 29 * DAY)
    assert len(faults(store)) == 1


def test_what_is_changed_after_retention_is_a_fault_as_before(store: Store) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    run(store)
    assert faults(store) == []
    event_id = event_id_of(store, case_id, 2)
    left = json.loads(stored_event(store, event_id))
    store.hset(keys.event(event_id), "json", json.dumps({**left, "sequence": 9}))
    assert [one for one in faults(store) if event_id in one]
    store.hdel(keys.event(event_id), "json")
    assert any("was taken away" in one for one in faults(store))


def test_an_event_that_is_older_than_the_log_is_bound_from_its_retention_on(store: Store) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    store.delete(keys.audit_waiting())
    run(store)
    assert faults(store) == []
    event_id = event_id_of(store, case_id, 0)
    store.hset(keys.event(event_id), "json", stored_event(store, event_id).replace(b"SE", b"NL"))
    # Nothing else is in the log of this case, so nobody would look at it but for the record of retention.
    assert [one for one in faults(store) if event_id in one]


def test_old_accesses_leave_the_log_and_the_chain_and_its_checkpoints_hold(store: Store, tmp_path: Path) -> None:
    access(store)
    add(store, 1)
    access(store)
    access(store, NOON + DAY)
    access(store, LATER - 2 * DAY)
    key = checkpoints.make_key(tmp_path / "key", "test")
    taken = checkpoints.open_note(key.sign(checkpoint_files.taken_now(store)), key.verifier)
    run(store)
    assert faults(store) == []
    kept = [number for number, _ in audit_log.entries(store)]
    assert kept == [2, 4, 5, 6], "the last one that is over the limit proves the age of those before it"
    assert chain.read(dict(audit_log.entries(store))[6]).record["numbers"] == [[1, 1], [3, 3]]
    assert list(verification.check_checkpoint(taken, taken.origin, audit_log.digests(store))) == []
    run(store)
    assert audit_log.seal(store) == 0, "nothing is left to be taken away"


def test_an_entry_that_was_changed_stays_to_be_shown(store: Store) -> None:
    for _ in range(3):
        access(store)
    audit_log.seal(store)
    entries = dict(audit_log.entries(store))
    store.delete(keys.audit_entries())
    for number, entry in {**entries, 1: entries[1].replace(b"anna", b"bert")}.items():
        store.xadd(keys.audit_entries(), {"entry": entry}, id=f"{number}-0")
    run(store)
    assert [number for number, _ in audit_log.entries(store)] == [1, 3]
    assert faults(store) == ["entry 1 was changed: its digest is not the one that is kept"]


def test_a_forged_record_hides_no_entry_of_an_event(store: Store) -> None:
    access(store)
    first, second = add(store, 1), add(store, 2)
    audit_log.seal(store)
    forge_taking(store, 1, 2)
    assert [one for one in faults(store) if first in one and "recorded nowhere" in one]
    assert not [one for one in faults(store) if second in one]


@pytest.mark.parametrize(
    ("numbers", "fields", "hidden"),
    [
        ((1,), {}, {1}),
        ((1, 2), {}, set()),  # nothing is left that shows how old they are
        ((3,), {}, set()),  # it is newer than the limit
        ((1,), {"older_than": LATER - 29 * DAY}, set()),  # no limit is so short
        ((1, 9), {}, {1}),  # what comes after the record is none of its business
        ((1,), {"at": LATER + 9 * DAY}, set()),  # its time has not come
    ],
)
def test_a_forged_record_hides_only_what_is_over_the_limit(
    store: Store, numbers: tuple[int, ...], fields: dict[str, datetime], hidden: set[int]
) -> None:
    for at in (NOON, NOON, LATER - 20 * DAY, LATER - 10 * DAY):
        access(store, at)
    audit_log.seal(store)
    forge_taking(store, *numbers, **fields)
    shown = {f"entry {number} was taken away" for number in numbers if number < 5 and number not in hidden}
    assert set(faults(store)) == shown


def test_numbers_are_bounded_and_believed_up_to_the_last_entry_that_proves_their_age() -> None:
    times = {2: NOON, 5: LATER, 6: NOON}
    huge = TakenAway(9, LATER, ((1, 10**15),), NOON + DAY)
    assert forgotten.numbers_taken([huge], times) == {1}
    earlier = TakenAway(7, LATER - DAY, ((1, 8),), NOON - DAY)
    assert forgotten.numbers_taken([earlier], {3: NOON}) == set()
    later = TakenAway(9, LATER, ((2, 2),), NOON + DAY)
    assert forgotten.numbers_taken([earlier, later], {3: NOON}) == {1, 2}, "what proved its age was taken since"
    assert forgotten.numbers_taken([huge], {}) == set()


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "retention"},
        {"kind": "retention", "at": "x", "events": []},
        {"kind": "retention", "at": "2026-03-01T12:00:00.000Z", "events": [{}], "case_id": "c"},
        {"kind": "retention", "at": "2026-03-01T12:00:00.000Z", "numbers": [[1]], "older_than": "2026-03-01"},
        {"kind": "retention", "at": "2026-03-01T12:00:00.000Z", "numbers": 3, "older_than": "2026-03-01"},
    ],
)
def test_a_record_that_cannot_be_read_says_nothing(record: dict[str, Any]) -> None:
    assert forgotten.read([(1, record)]) == forgotten.Forgotten({}, ())


def test_the_pack_of_a_pseudonymised_case_is_proved_and_a_changed_one_is_not(store: Store, tmp_path: Path) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    run(store)
    key = checkpoints.make_key(tmp_path / "key", "test")
    made = pack.make(store, case_id, key, checkpoint_files.origin_of(store))
    assert pack.faults_of(made, key.verifier) == []
    changed = [*made["events"][:-1], made["events"][-1].replace("SE", "NL")]
    assert pack.faults_of({**made, "events": changed}, key.verifier)
    without = [one for one in made["entries"] if '"retention"' not in one["entry"]]
    assert pack.faults_of({**made, "entries": without}, key.verifier)
