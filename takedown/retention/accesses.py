"""Takes records of accesses that are over their limit out of the audit log: their digests stay, and a record says so.

The log is gone through from its beginning to the first entry that is not over the limit. The last one before it stays
until a later one is over the limit: it proves to `orbweaver audit verify` the age of those that were before it. An
entry that is not as it was chained stays, too: it is what that command shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from orbweaver.model import Actor, format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, chain, records
from redis.exceptions import WatchError

ENTRIES_AT_ONCE: Final = 5_000
_DONE: Final = "accesses_until"


def take_away_some(store: Store, at: datetime, limit: timedelta, actor: Actor) -> tuple[int, bool]:
    """Take some old records away; returns how many, and whether none is left."""
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(keys.retention())
        begun = int(pipe.hget(keys.retention(), _DONE) or 0)
        older_than = _as_recorded(at - limit)
        looked_at = list(islice(_old_entries(store, begun, older_than), ENTRIES_AT_ONCE))
        is_over = len(looked_at) < ENTRIES_AT_ONCE
        old = looked_at[:-1]
        if not old:
            return 0, True
        numbers = [number for number, is_access in old if is_access]
        pipe.multi()
        if numbers:
            audit_log.take_away(pipe, numbers, records.of_taken_away(actor, at, numbers, older_than))
        pipe.hset(keys.retention(), _DONE, old[-1][0])
        try:
            pipe.execute()
        except WatchError:
            return 0, False  # another round does the same
        return len(numbers), is_over


def _as_recorded(moment: datetime) -> datetime:
    return datetime.fromisoformat(format_time(moment))


def count_due(store: Store, at: datetime, limit: timedelta) -> int:
    """Return how many records of accesses are over the limit."""
    begun = int(store.hget(keys.retention(), _DONE) or 0)
    due = was_access = 0
    for _, is_access in _old_entries(store, begun, _as_recorded(at - limit)):
        due += was_access  # of all but the last
        was_access = is_access
    return due


def _old_entries(store: Store, after: int, before: datetime) -> Iterator[tuple[int, bool]]:
    """Yield the numbers of the entries that are older than a moment, and whether each is of an access."""
    for number, entry in audit_log.entries(store, after):
        try:
            record = chain.read(entry).record
        except ValueError:
            record = {}
        recorded_at = records.time_of(record)
        if recorded_at is not None and recorded_at >= before:
            return
        is_chained = recorded_at is not None and audit_log.digest(store, number) == chain.digest_of(entry)
        yield number, is_chained and record.get("kind") == records.ACCESS
