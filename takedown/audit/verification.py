"""Checks the audit log: whether an entry was changed, taken away, added or put elsewhere, and where.

Whoever can write to the store can write a whole new chain. So the log is compared with checkpoints that were kept
elsewhere; what was sealed after the last of them is only as safe as the store. What retention has changed is known from
its own records in the log (`forgotten`), which are believed about what they name alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, chain, forgotten, merkle, recorded_contents, records
from orbweaver.takedown.audit.audit_log import StoredEntry
from orbweaver.takedown.audit.checkpoints import LogCheckpoint
from orbweaver.takedown.audit.faults import Fault, FoundFault
from orbweaver.takedown.audit.recorded_contents import RetentionWork


def read_retention_work(store: Store, digests: Sequence[bytes], now: datetime) -> RetentionWork:
    """Read what retention did to a log from the entries that are as they were chained; `digests` are those of the log.

    A record from after `now` says nothing: with a time to come anything would be over its limit.
    """
    found = [*_chained_records(store, digests)]
    read = forgotten.read(found, now)
    times = {number: at for number, record in found if (at := records.time_of(record)) is not None}
    return RetentionWork(frozenset(forgotten.numbers_taken(read.entries, times)), read)


def verify(
    store: Store, origin: str, checkpoints: Sequence[LogCheckpoint], done: RetentionWork, digests: Sequence[bytes]
) -> Iterator[FoundFault]:
    """Yield every fault of the log in a store, first those of its entries.

    `digests` are those of the log, and `done` is what retention did to it; they are held in memory.
    """
    yield from check_entries(audit_log.entries(store), digests, done.taken_away)
    for checkpoint in sorted(checkpoints, key=lambda one: one.size):
        yield from check_checkpoint(checkpoint, origin, digests)
    yield from recorded_contents.check(store, done)


def check_entries(
    entries: Iterable[StoredEntry], digests: Sequence[bytes], taken_away: Collection[int] = frozenset()
) -> Iterator[FoundFault]:
    """Yield the faults of entries, which come in the order of their numbers, beside the digests that are kept. Pure.

    `taken_away` are the numbers of those that need not be there.
    """
    expected = 1
    for number, entry in entries:
        if number < expected:
            yield FoundFault(Fault.ADDED, number, f"a second entry {number} was added")
            continue
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
        said, previous, record = chain.read(entry)
    except ValueError:
        yield FoundFault(Fault.CHANGED, number, f"entry {number} was changed: it cannot be read any more")
        return
    if said != number:
        yield FoundFault(
            Fault.MOVED, number, f"entry {number} was put in the place of another: it says that it is {said}"
        )
    elif chain.digest_of(entry) != digests[number - 1]:
        yield FoundFault(Fault.CHANGED, number, f"entry {number} was changed: its digest is not the one that is kept")
    elif chain.write(said, previous, record) != entry:
        words = f"entry {number} is not written as entries are, so that readers may take it for different things"
        yield FoundFault(Fault.CHANGED, number, words)
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


def _chained_records(store: Store, digests: Sequence[bytes]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the records of the entries that are as they were chained; the others are faults, and prove nothing."""
    for number, entry in audit_log.entries(store):
        if 1 <= number <= len(digests) and chain.digest_of(entry) == digests[number - 1]:
            try:
                yield number, chain.read(entry).record
            except ValueError:
                continue
