"""Checks the audit log: whether an entry was changed, taken away, added or put elsewhere, and where.

Whoever can write to the store can write a whole new chain. So the log is compared with checkpoints that were kept
elsewhere; what was sealed after the last of them is only as safe as the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.audit import audit_log, chain, merkle, records
from orbweaver.takedown.audit.audit_log import StoredEntry
from orbweaver.takedown.audit.checkpoints import LogCheckpoint
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


def verify(store: Store, origin: str, checkpoints: Sequence[LogCheckpoint]) -> Iterator[FoundFault]:
    """Yield every fault of the log in a store, first those of its entries; the digests are held in memory."""
    digests = audit_log.digests(store)
    yield from check_entries(audit_log.entries(store), digests)
    for checkpoint in sorted(checkpoints, key=lambda one: one.size):
        yield from check_checkpoint(checkpoint, origin, digests)
    yield from _check_events(store)


def check_entries(entries: Iterable[StoredEntry], digests: Sequence[bytes]) -> Iterator[FoundFault]:
    """Yield the faults of entries, which come in the order of their numbers, beside the digests that are kept. Pure."""
    expected = 1
    for number, entry in entries:
        yield from (_missing(gone) for gone in range(expected, min(number, len(digests) + 1)))
        expected = number + 1
        if not 1 <= number <= len(digests):
            yield FoundFault(Fault.ADDED, number, f"entry {number} was added: the log ends with entry {len(digests)}")
            continue
        yield from _faults_of(number, entry, digests)
    yield from (_missing(gone) for gone in range(expected, len(digests) + 1))


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


def _check_events(store: Store) -> Iterator[FoundFault]:
    """Yield what is wrong with the events of cases: each is as it was when it was recorded, and each is recorded.

    The events that a case had before the first that was recorded are from a release without an audit log.
    """
    recorded: dict[str, set[str]] = {}
    page: list[tuple[int, Mapping[str, Any]]] = []
    for number, record in _records(store):
        if record.get("kind") != records.EVENT:
            continue
        recorded.setdefault(str(record.get("case_id")), set()).add(str(record.get("event_id")))
        page.append((number, record))
        if len(page) == PAGE:
            yield from _check_contents(store, page)
            page = []
    yield from _check_contents(store, page)
    for case_id, event_ids in recorded.items():
        there = [text(one) for one in store.lrange(keys.case_events(case_id), 0, -1)]
        first = next((at for at, one in enumerate(there) if one in event_ids), len(there))
        for event_id in there[first:]:
            if event_id not in event_ids:
                words = f"event {event_id} of case {case_id} is recorded nowhere: it was added"
                yield FoundFault(Fault.EVENT_UNRECORDED, None, words)


def _records(store: Store) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, entry in audit_log.entries(store):
        try:
            yield number, chain.read(entry).record
        except ValueError:
            continue  # check_entries has said so


def _check_contents(store: Store, page: Sequence[tuple[int, Mapping[str, Any]]]) -> Iterator[FoundFault]:
    stored = case_store.stored_events(store, [str(record.get("event_id")) for _, record in page])
    for (number, record), event in zip(page, stored, strict=True):
        event_id, case_id = record.get("event_id"), record.get("case_id")
        if event is None:
            words = f"event {event_id} of case {case_id} was taken away (entry {number} records it)"
            yield FoundFault(Fault.EVENT_MISSING, number, words)
        elif hashlib.sha256(event).hexdigest() != record.get("event_sha256"):
            words = f"event {event_id} of case {case_id} was changed after it was recorded (entry {number})"
            yield FoundFault(Fault.EVENT_CHANGED, number, words)
