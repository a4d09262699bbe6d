"""The audit log in a real store: what is changed, taken away, added, put elsewhere or cut is found, and where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import NOON, STAMP, a_match, a_sighting, digests_of, transaction
from orbweaver.model import Actor, ActorKind, Assessment, AssessmentDecision, EventType, assessment_id_for
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.audit import audit_log, chain, checkpoint_files, checkpoints, pack, records, verification
from orbweaver.takedown.audit.checkpoints import LogCheckpoint, SigningKey
from orbweaver.takedown.audit.faults import Fault, FoundFault
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_event, change_by_match
from orbweaver.takedown.errors import AuditLogBroken, AuditUnusable

ENTRIES = 7
PERSON = Actor(kind=ActorKind.PERSON, name="anna")


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return checkpoints.make_key(tmp_path / "audit" / "signing.key", "test")


@pytest.fixture
def signed(store: Store, key: SigningKey) -> str:
    """A log of some cases and an access, and the checkpoint that was signed of it."""
    for number in range(ENTRIES - 1):
        add_case(store, number)
    with transaction(store) as pipe:
        audit_log.note(pipe, records.of_access(PERSON, NOON, "cases show", ["a case"]))
    return key.sign(checkpoint_files.taken_now(store))


def add_case(store: Store, number: int) -> str:
    change = change_by_match(a_sighting(url=f"http://h.test/{number}"), a_match(), None, STAMP)
    with transaction(store) as pipe:
        case_store.write(pipe, change)
    return str(change.after.case.case_id)


def findings(store: Store, *known: LogCheckpoint) -> list[FoundFault]:
    digests = audit_log.digests(store)
    done = verification.read_retention_work(store, digests, NOON)
    return list(verification.verify(store, checkpoint_files.origin_of(store), known, done, digests))


def faults(store: Store, *known: LogCheckpoint) -> list[tuple[Fault, int | None]]:
    return [(one.fault, one.number) for one in findings(store, *known)]


def entry(store: Store, number: int) -> bytes:
    [(_, fields)] = store.xrange(keys.audit_entries(), f"{number}-0", f"{number}-0")
    return fields[b"entry"]


def replace(store: Store, changed: dict[int, bytes]) -> None:
    """Write the whole stream anew, as somebody with the store's password could."""
    whole = {int(one.partition(b"-")[0]): fields for one, fields in store.xrange(keys.audit_entries())}
    whole |= {number: {b"entry": content} for number, content in changed.items()}
    store.delete(keys.audit_entries())
    for number in sorted(whole):
        store.xadd(keys.audit_entries(), whole[number], id=f"{number}-0")


def test_a_log_that_nobody_touched_has_no_fault(store: Store, signed: str, key: SigningKey) -> None:
    known = checkpoints.open_note(signed, key.verifier)
    assert (known.size, audit_log.size(store), store.xlen(keys.audit_waiting())) == (ENTRIES, ENTRIES, 0)
    add_case(store, 100)
    assert audit_log.seal(store) == 1
    assert audit_log.seal(store) == 0
    assert findings(store, known) == []


def test_an_access_is_recorded_with_who_and_what(store: Store, signed: str) -> None:
    record = chain.read(entry(store, ENTRIES)).record
    assert record == {
        "kind": "access",
        "at": "2026-03-01T12:00:00.000Z",
        "actor": {"kind": "person", "name": "anna"},
        "what": "cases show",
        "subject": ["a case"],
    }


def flip_a_byte(store: Store) -> None:
    changed = bytearray(entry(store, 3))
    changed[-3] ^= 1
    replace(store, {3: bytes(changed)})


def change_a_record(store: Store) -> None:
    number, previous, record = chain.read(entry(store, 3))
    replace(store, {3: chain.write(number, previous, {**record, "event_type": "case.held"})})


def change_a_record_with_its_digest(store: Store) -> None:
    change_a_record(store)
    store.lset(keys.audit_digests(), 2, chain.digest_of(entry(store, 3)))


def drop_one(store: Store) -> None:
    store.xdel(keys.audit_entries(), "3-0")


def swap_two(store: Store) -> None:
    replace(store, {3: entry(store, 5), 5: entry(store, 3)})


def append_a_forged_one(store: Store) -> None:
    store.xadd(keys.audit_entries(), {"entry": chain.write(8, chain.NOTHING_BEFORE, {})}, id="8-0")


def append_a_forged_one_with_a_digest(store: Store) -> None:
    forged = chain.write(8, chain.NOTHING_BEFORE, {"kind": "access"})
    store.xadd(keys.audit_entries(), {"entry": forged}, id="8-0")
    store.rpush(keys.audit_digests(), chain.digest_of(forged))


def cut_the_tail(store: Store) -> None:
    store.xdel(keys.audit_entries(), "6-0", "7-0")
    store.ltrim(keys.audit_digests(), 0, 4)


def cut_the_tail_of_the_entries(store: Store) -> None:
    store.xdel(keys.audit_entries(), "7-0")


def rewrite_all(store: Store) -> None:
    """The best that somebody can do who has the store and not the key."""
    known = [chain.read(one.entry).record for one in audit_log.entries(store)]
    store.delete(keys.audit_entries(), keys.audit_digests())
    for record in [*known[:2], *known[3:], {"kind": "access"}]:
        with transaction(store) as pipe:
            audit_log.note(pipe, records.AuditRecord(**record))
    audit_log.seal(store)


def write_a_key_twice(store: Store) -> None:
    """Put an entry into the log, with its digest, in which two readers may find different things."""
    forged = chain.write(8, audit_log.digest(store, 7) or b"", {"kind": "access", "what": "a"})
    forged = forged.replace(b'"what":"a"', b'"what":"b","what":"a"')
    store.xadd(keys.audit_entries(), {"entry": forged}, id="8-0")
    store.rpush(keys.audit_digests(), chain.digest_of(forged))


def repeat_the_last_one(store: Store) -> None:
    store.xadd(keys.audit_entries(), {"entry": entry(store, 7)}, id="7-1")


TAMPERINGS: list[tuple[Callable[[Store], None], list[tuple[Fault, int | None]]]] = [
    (flip_a_byte, [(Fault.CHANGED, 3)]),
    (change_a_record, [(Fault.CHANGED, 3)]),
    (change_a_record_with_its_digest, [(Fault.CHANGED, 3), (Fault.REWRITTEN, ENTRIES)]),
    (drop_one, [(Fault.MISSING, 3)]),
    (swap_two, [(Fault.MOVED, 3), (Fault.MOVED, 5)]),
    (append_a_forged_one, [(Fault.ADDED, 8)]),
    (append_a_forged_one_with_a_digest, [(Fault.CHANGED, 7)]),
    (cut_the_tail, [(Fault.CUT, 6)]),
    (cut_the_tail_of_the_entries, [(Fault.MISSING, 7)]),
    (write_a_key_twice, [(Fault.CHANGED, 8)]),
    (repeat_the_last_one, [(Fault.ADDED, 7)]),
    (rewrite_all, [(Fault.REWRITTEN, ENTRIES)]),
]


@pytest.mark.parametrize(("tamper", "found"), TAMPERINGS, ids=[one.__name__ for one, _ in TAMPERINGS])
def test_each_tampering_is_found_where_it_is(
    store: Store, signed: str, key: SigningKey, tamper: Callable[[Store], None], found: list[tuple[Fault, int | None]]
) -> None:
    tamper(store)
    of_entries = [one for one in faults(store, checkpoints.open_note(signed, key.verifier)) if one[0] not in OF_EVENTS]
    assert of_entries == found


OF_EVENTS = {Fault.EVENT_CHANGED, Fault.EVENT_MISSING, Fault.EVENT_UNRECORDED}


def test_an_event_that_was_changed_taken_away_or_added_is_found(store: Store, signed: str) -> None:
    records_of = {number: chain.read(entry(store, number)).record for number in (1, 2, 3)}
    store.hset(keys.event(records_of[1]["event_id"]), "json", "{}")
    store.delete(keys.event(records_of[2]["event_id"]))
    store.rpush(keys.case_events(records_of[3]["case_id"]), "forged")
    assert faults(store) == [(Fault.EVENT_CHANGED, 1), (Fault.EVENT_MISSING, 2), (Fault.EVENT_UNRECORDED, None)]


def reorder_events(store: Store, case_id: str) -> None:
    store.rpush(keys.case_events(case_id), store.lpop(keys.case_events(case_id)) or b"")


def hide_an_event(store: Store, case_id: str) -> None:
    store.lpop(keys.case_events(case_id))


def repeat_an_event(store: Store, case_id: str) -> None:
    store.rpush(keys.case_events(case_id), store.lindex(keys.case_events(case_id), 0) or b"")


def change_the_state(store: Store, case_id: str) -> None:
    changed = (store.hget(keys.case(case_id), "json") or b"").replace(b'"state":"open"', b'"state":"closed"')
    store.hset(keys.case(case_id), "json", changed)


def hide_the_case(store: Store, case_id: str) -> None:
    store.zrem(keys.cases(), case_id)


def take_the_case_away(store: Store, case_id: str) -> None:
    store.delete(keys.case(case_id))


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (reorder_events, [(Fault.EVENT_MOVED, None), (Fault.CASE_CHANGED, None)]),
        (hide_an_event, [(Fault.EVENT_MISSING, 8)]),
        (repeat_an_event, [(Fault.EVENT_MOVED, None), (Fault.CASE_CHANGED, None)]),
        (change_the_state, [(Fault.CASE_CHANGED, None)]),
        (hide_the_case, [(Fault.CASE_CHANGED, None)]),
        (take_the_case_away, [(Fault.CASE_CHANGED, None)]),
    ],
)
def test_a_case_that_is_not_what_its_events_made_of_it_is_found(
    store: Store, signed: str, tamper: Callable[[Store, str], None], found: list[tuple[Fault, int | None]]
) -> None:
    case_id = add_case(store, 100)
    record = case_store.record_of(store, case_id)
    assert record is not None
    with transaction(store) as pipe:
        case_store.write(pipe, change_by_event(record, EventType.NOTE, STAMP, actor=PERSON, reason="x"))
    audit_log.seal(store)
    assert faults(store) == []
    tamper(store, case_id)
    assert faults(store) == found


def test_a_decision_that_was_changed_added_or_taken_away_is_found(store: Store, signed: str) -> None:
    digests = digests_of(b"known")
    decided = Assessment(
        assessment_id=assessment_id_for(STAMP.source, digests.sha256),
        revision=1,
        digests=digests,
        decision=AssessmentDecision.REJECTED,
        decided_at=NOON,
        decided_by=(PERSON,),
        reason="no match",
    )
    with transaction(store) as pipe:
        assessment_store.write(pipe, decided)
    audit_log.seal(store)
    assert faults(store) == []
    key = keys.assessment(digests.sha256)
    stored = store.hget(key, "json") or b""
    for changed in (stored.replace(b"rejected", b"released"), b"{}"):
        store.hset(key, "json", changed)
        assert Fault.ASSESSMENT_CHANGED in dict(faults(store))
    store.delete(key, keys.assessments())
    assert faults(store) == [(Fault.ASSESSMENT_CHANGED, 8)]
    forged = assessment_id_for(STAMP.source, digests_of(b"other").sha256)
    store.hset(key, "json", stored.replace(str(decided.assessment_id).encode(), str(forged).encode()))
    store.zadd(keys.assessments(), {digests.sha256: 1})
    assert faults(store) == [(Fault.ASSESSMENT_CHANGED, None), (Fault.ASSESSMENT_CHANGED, 8)]


@pytest.mark.parametrize("fields", [{"other": "x"}, {"record": "x"}, {"record": "[1]"}])
def test_a_record_that_waits_and_cannot_be_read_is_said(store: Store, signed: str, fields: dict[str, str]) -> None:
    store.xadd(keys.audit_waiting(), fields)
    with pytest.raises(AuditLogBroken, match="a record that waits to be sealed was changed"):
        audit_log.seal(store)


def test_a_broken_log_is_not_gone_on_with(store: Store, signed: str) -> None:
    cut_the_tail(store)
    add_case(store, 100)
    with pytest.raises(AuditLogBroken, match="has 5 digests, and its last entry is number 7"):
        audit_log.seal(store)
    assert store.xlen(keys.audit_waiting()) == 1


def test_two_that_seal_at_once_seal_each_record_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        add_case(store, number)
    write, have_sealed = chain.write, []

    def seal_meanwhile(*arguments: object) -> bytes:
        if not have_sealed:
            have_sealed.append(True)
            audit_log.seal(store)
        return write(*arguments)

    monkeypatch.setattr(chain, "write", seal_meanwhile)
    audit_log.seal(store)
    assert audit_log.size(store) == 5
    assert findings(store) == []


def test_the_pack_of_a_case_is_proved_by_the_public_key_alone(store: Store, signed: str, key: SigningKey) -> None:
    case_id = chain.read(entry(store, 2)).record["case_id"]
    made = json.loads(json.dumps(pack.make(store, case_id, key, checkpoint_files.origin_of(store))))
    assert pack.faults_of(made, checkpoints.read_verifier(str(key.verifier))) == []
    assert [json.loads(one)["case_id"] for one in made["events"]] == [case_id]
    for part, said in (
        ({"events": [made["events"][0].replace("h.test", "i.test")]}, "event 1 of the pack is not as it was recorded"),
        ({"events": []}, "event of entry 2 is not in the pack"),
        ({"events": [*made["events"], "{}"]}, "event 2 of the pack is in no entry"),
        ({"events": [*made["events"], "\ud800"]}, "event 2 of the pack is in no entry"),
        ({"events": [], "entries": []}, "no entry of an event of its case: it proves nothing"),
        ({"case_id": "another"}, "no entry of an event of its case: it proves nothing"),
        ({"events": [made["events"][0].replace('"sequence":1', '"sequence":2')]}, "has the number 2 in its case"),
        (
            {"entries": [{**made["entries"][0], "entry": made["entries"][0]["entry"] + " "}]},
            "entry 1 of the pack: it is not written as entries are",
        ),
        ({"entries": [{**made["entries"][0], "path": made["entries"][0]["path"][::-1]}]}, "does not lead from entry 2"),
        ({"checkpoint": made["checkpoint"].replace("\n7\n", "\n6\n")}, "the signature of test is not of this"),
    ):
        assert any(re.search(said, one) for one in pack.faults_of({**made, **part}, key.verifier))
    with pytest.raises(AuditUnusable, match="there is no case nothing"):
        pack.make(store, "nothing", key, "origin")


def test_no_checkpoint_is_taken_for_that_of_a_log_that_was_rewritten(
    store: Store, signed: str, key: SigningKey, tmp_path: Path
) -> None:
    taken = checkpoint_files.taken_now(store)
    kept = checkpoint_files.keep(tmp_path / "kept", taken, key)
    assert (checkpoint_files.keep(tmp_path / "kept", taken, key), kept.read_text()) == (kept, signed)
    rewrite_all(store)
    again = checkpoint_files.taken_now(store)
    assert again.size == taken.size
    with pytest.raises(AuditUnusable, match="of another log, or of what this one was"):
        checkpoint_files.keep(tmp_path / "kept", again, key)
    assert kept.read_text() == signed


def test_a_key_is_read_as_it_was_written_and_none_else(tmp_path: Path, key: SigningKey) -> None:
    path = tmp_path / "audit" / "signing.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert checkpoints.read_key(path).verifier == key.verifier
    with pytest.raises(AuditUnusable, match="cannot be written"):
        checkpoints.make_key(path, "test")
    written = path.read_text()
    for damaged in ("", "x", written.replace("PRIVATE+KEY+", ""), written.replace("test+", "best+"), written[:-9]):
        path.write_text(damaged)
        with pytest.raises(AuditUnusable) as caught:
            checkpoints.read_key(path)
        assert written.strip().rpartition("+")[2] not in str(caught.value)


def test_a_checkpoint_of_somebody_else_or_of_another_log_proves_nothing(
    store: Store, signed: str, key: SigningKey, tmp_path: Path
) -> None:
    other = checkpoints.make_key(tmp_path / "other.key", "other")
    with pytest.raises(AuditUnusable, match="other has not signed"):
        checkpoints.open_note(signed, other.verifier)
    stranger = LogCheckpoint("orbweaver/audit/other", 1, bytes(32))
    assert checkpoints.open_note(other.sign(stranger), other.verifier) == stranger
    assert faults(store, stranger) == [(Fault.REWRITTEN, None)]
    for note in ("", signed.replace("\n\n", "\n"), signed + "x\n"):
        with pytest.raises(AuditUnusable):
            checkpoints.open_note(note, key.verifier)
