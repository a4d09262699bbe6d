"""Takes records of accesses that are over their limit out of the audit log: their digests stay, and a record says so.

The log is gone through from its beginning to the first entry that is not over the limit. An entry that is not as it was
chained stays: it is what `orbweaver audit verify` shows. So does the last entry, by which a backup knows the numbers.
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
        if not looked_at:
            return 0, True
        numbers = [number for number, is_access in looked_at if is_access]
        pipe.multi()
        if numbers:
            audit_log.take_away(pipe, numbers, records.of_taken_away(actor, at, numbers, older_than))
        pipe.hset(keys.retention(), _DONE, looked_at[-1][0])
        try:
            pipe.execute()
        except WatchError:
            return 0, False  # another round does the same
        return len(numbers), len(looked_at) < ENTRIES_AT_ONCE


def _as_recorded(moment: datetime) -> datetime:
    return datetime.fromisoformat(format_time(moment))


def count_due(store: Store, at: datetime, limit: timedelta) -> int:
    """Return how many records of accesses are over the limit."""
    begun = int(store.hget(keys.retention(), _DONE) or 0)
    return sum(is_access for _, is_access in _old_entries(store, begun, _as_recorded(at - limit)))


def _old_entries(store: Store, after: int, before: datetime) -> Iterator[tuple[int, bool]]:
    """Yield the numbers of the entries that are older than a moment, and whether each is of an access."""
    last = audit_log.size(store)
    for number, entry in audit_log.entries(store, after):
        if number >= last:
            return
        try:
            record = chain.read(entry).record
            if datetime.fromisoformat(str(record.get("at"))) >= before:
                return
        except ValueError:
            yield number, False
            continue
        is_chained = audit_log.digest(store, number) == chain.digest_of(entry)
        yield number, is_chained and record.get("kind") == records.ACCESS
