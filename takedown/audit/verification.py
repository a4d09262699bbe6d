"""Checks the audit log: whether an entry was changed, taken away, added or put elsewhere, and where.

Whoever can write to the store can write a whole new chain. So the log is compared with checkpoints that were kept
elsewhere; what was sealed after the last of them is only as safe as the store. What retention has changed is known from
its own records in the log (`forgotten`), which are believed about what they name alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from orbweaver.model import Event
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.audit import audit_log, chain, forgotten, merkle, records
from orbweaver.takedown.audit.audit_log import StoredEntry
from orbweaver.takedown.audit.checkpoints import LogCheckpoint
from orbweaver.takedown.audit.forgotten import Forgotten
from orbweaver.takedown.cases import case_store

PAGE = 500


class Fault(StrEnum):
    """The kinds of what can be wrong."""

    CHANGED = "changed"
    MISSING = "missing"
    MOVED = "moved"
    ADDED = "added"
    CUT = "cut"
    REWRITTEN = "rewritten"
    EVENT_CHANGED = "event_changed"
    EVENT_MISSING = "event_missing"
    EVENT_UNRECORDED = "event_unrecorded"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class FoundFault:
    """One fault: the number of the entry where it is, None when it is about no single one, and words for people."""

    fault: Fault
    number: int | None
    words: str


@dataclass(frozen=True)
class WhatRetentionDid:
    """The work of retention on a log: the entries of accesses that it took, and the events that it pseudonymised."""

    taken_away: frozenset[int]
    forgotten: Forgotten


def what_retention_did(store: Store, digests: Sequence[bytes], now: datetime) -> WhatRetentionDid:
    """Read it from those entries that are as they were chained; `digests` are those of the log.

    A record from after `now` says nothing: with a time to come anything would be over its limit.
    """
    found = [*_chained_records(store, digests)]
    read = forgotten.read(found, now)
    times = {number: at for number, record in found if (at := records.time_of(record)) is not None}
    return WhatRetentionDid(frozenset(forgotten.numbers_taken(read.entries, times)), read)


def verify(
    store: Store, origin: str, checkpoints: Sequence[LogCheckpoint], done: WhatRetentionDid, digests: Sequence[bytes]
) -> Iterator[FoundFault]:
    """Yield every fault of the log in a store, first those of its entries.

    `digests` are those of the log, and `done` is what retention did to it; they are held in memory.
    """
    yield from check_entries(audit_log.entries(store), digests, done.taken_away)
    for checkpoint in sorted(checkpoints, key=lambda one: one.size):
        yield from check_checkpoint(checkpoint, origin, digests)
    yield from _check_events(store, done)


def check_entries(
    entries: Iterable[StoredEntry], digests: Sequence[bytes], taken_away: Collection[int] = frozenset()
) -> Iterator[FoundFault]:
    """Yield the faults of entries, which come in the order of their numbers, beside the digests that are kept. Pure.

    `taken_away` are the numbers of those that need not be there.
    """
    expected = 1
    for number, entry in entries:
        gone = range(expected, min(number, len(digests) + 1))
        yield from (_missing(one) for one in gone if one not in taken_away)
        expected = number + 1
        if not 1 <= number <= len(digests):
            yield FoundFault(Fault.ADDED, number, f"entry {number} was added: the log ends with entry {len(digests)}")
            continue
        yield from _faults_of(number, entry, digests)
    yield from (_missing(gone) for gone in range(expected, len(digests) + 1) if gone not in taken_away)


def _missing(number: int) -> FoundFault:
    return FoundFault(Fault.MISSING, number, f"entry {number} was taken away")


def _faults_of(number: int, entry: bytes, digests: Sequence[bytes]) -> Iterator[FoundFault]:
    try:
        said, previous, _ = chain.read(entry)
    except ValueError:
        yield FoundFault(Fault.CHANGED, number, f"entry {number} was changed: it cannot be read any more")
        return
    if said != number:
        yield FoundFault(
            Fault.MOVED, number, f"entry {number} was put in the place of another: it says that it is {said}"
        )
    elif chain.digest_of(entry) != digests[number - 1]:
        yield FoundFault(Fault.CHANGED, number, f"entry {number} was changed: its digest is not the one that is kept")
    elif previous != (digests[number - 2] if number > 1 else chain.NOTHING_BEFORE):
        words = f"entry {number} follows another entry than number {number - 1}, which was exchanged with its digest"
        yield FoundFault(Fault.CHANGED, number - 1, words)


def check_checkpoint(checkpoint: LogCheckpoint, origin: str, digests: Sequence[bytes]) -> Iterator[FoundFault]:
    """Yield the fault that a checkpoint shows, if any. Pure; the root is made anew from the digests."""
    size = checkpoint.size
    if checkpoint.origin != origin:
        words = f"the checkpoint of {size} entries is of the log {checkpoint.origin}, and this is {origin}"
        yield FoundFault(Fault.REWRITTEN, None, words)
    elif size > len(digests):
        words = f"the log was cut: it has {len(digests)} entries, and had {size} when a checkpoint was signed"
        yield FoundFault(Fault.CUT, len(digests) + 1, words)
    elif merkle.root_of(digests[:size]) != checkpoint.root:
        words = f"entries were rewritten: the first {size} are not those for which a checkpoint was signed"
        yield FoundFault(Fault.REWRITTEN, size, words)


def _check_events(store: Store, done: WhatRetentionDid) -> Iterator[FoundFault]:
    """Yield what is wrong with the events of cases: each is as it was when it was recorded, and each is recorded.

    The events that a case had before the first that was recorded are from a release without an audit log. An event
    that retention has pseudonymised is as that was recorded.
    """
    recorded: dict[str, set[str]] = {}
    page: list[tuple[int, Mapping[str, Any]]] = []
    began_at: datetime | None = None
    for number, record in _records(store):
        if record.get("kind") != records.EVENT:
            continue
        at = records.time_of(record)
        began_at = at if began_at is None or (at is not None and at < began_at) else began_at
        recorded.setdefault(str(record.get("case_id")), set()).add(str(record.get("event_id")))
        page.append((number, record))
        if len(page) == PAGE:
            yield from _check_contents(store, page, done.forgotten)
            page = []
    yield from _check_contents(store, page, done.forgotten)
    named = {*recorded, *(new.case_id for new in done.forgotten.events.values())}
    for case_id in _case_ids(store, named, are_all=bool(done.taken_away)):
        event_ids = recorded.get(case_id, set())
        there = [text(one) for one in store.lrange(keys.case_events(case_id), 0, -1)]
        first = next((at for at, one in enumerate(there) if one in event_ids), len(there))
        for event_id in there[first:]:
            if event_id not in event_ids:
                words = f"event {event_id} of case {case_id} is recorded nowhere: it was added"
                yield FoundFault(Fault.EVENT_UNRECORDED, None, words)
        yield from _check_older(store, case_id, there[:first], done, began_at)


def _case_ids(store: Store, known: Collection[str], *, are_all: bool) -> Iterator[str]:
    """Yield the ids of the cases that the log names, or of all: entries of any case may have been taken away."""
    yield from known
    start = 0
    while are_all and (page := store.execute_command("ZRANGE", keys.cases(), start, start + PAGE - 1)):
        yield from (case_id for case_id in map(text, page) if case_id not in known)
        start += PAGE


def _check_older(
    store: Store, case_id: str, event_ids: Sequence[str], done: WhatRetentionDid, began_at: datetime | None
) -> Iterator[FoundFault]:
    """Yield what is wrong with the events that a case had before its first one in the log.

    Retention takes no entry of an event away: where it took any, each event since the log began has its entry.
    """
    for start in range(0, len(event_ids), PAGE):
        asked = event_ids[start : start + PAGE]
        for event_id, stored in zip(asked, case_store.stored_events(store, asked), strict=True):
            new = done.forgotten.events.get(event_id)
            if stored is None:
                continue
            if new is not None:
                digest = hashlib.sha256(stored).hexdigest()
                if digest != new.event_sha256 or not forgotten.is_left_of(stored, None, new):
                    yield _changed_since(event_id, case_id, new.number)
            if done.taken_away and began_at is not None and _is_since(stored, began_at):
                words = f"event {event_id} of case {case_id} is recorded nowhere, and was after the log began"
                yield FoundFault(Fault.EVENT_UNRECORDED, None, words)


def _is_since(stored: bytes, began_at: datetime) -> bool:
    try:
        recorded_at = Event.model_validate_json(stored).recorded_at
    except ValueError:
        return True
    return recorded_at is not None and recorded_at >= began_at


def _changed_since(event_id: str, case_id: str, number: int) -> FoundFault:
    words = f"event {event_id} of case {case_id} is not what retention left of it (entry {number})"
    return FoundFault(Fault.EVENT_CHANGED, number, words)


def _records(store: Store) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, entry in audit_log.entries(store):
        try:
            yield number, chain.read(entry).record
        except ValueError:
            continue  # check_entries has said so


def _chained_records(store: Store, digests: Sequence[bytes]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the records of the entries that are as they were chained; the others are faults, and prove nothing."""
    for number, entry in audit_log.entries(store):
        if 1 <= number <= len(digests) and chain.digest_of(entry) == digests[number - 1]:
            try:
                yield number, chain.read(entry).record
            except ValueError:
                continue


def _check_contents(
    store: Store, page: Sequence[tuple[int, Mapping[str, Any]]], since: Forgotten
) -> Iterator[FoundFault]:
    stored = case_store.stored_events(store, [str(record.get("event_id")) for _, record in page])
    for (number, record), event in zip(page, stored, strict=True):
        event_id, case_id = str(record.get("event_id")), str(record.get("case_id"))
        new = since.events.get(event_id)
        if event is None:
            words = f"event {event_id} of case {case_id} was taken away (entry {number} records it)"
            yield FoundFault(Fault.EVENT_MISSING, number, words)
        elif new is None or new.number < number:
            if hashlib.sha256(event).hexdigest() != record.get("event_sha256"):
                words = f"event {event_id} of case {case_id} was changed after it was recorded (entry {number})"
                yield FoundFault(Fault.EVENT_CHANGED, number, words)
        elif hashlib.sha256(event).hexdigest() != new.event_sha256 or not forgotten.is_left_of(event, record, new):
            yield _changed_since(event_id, case_id, new.number)
