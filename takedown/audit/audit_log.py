"""The audit log in the store: records wait in one stream, and are sealed into the chain in the order of that stream.

A record is put there in the transaction of the change that it is about, so that neither is without the other. Sealing
gives each its number and the digest of the one before; it is done every half minute by the upkeep, and before anything
is shown or proved. Two that seal at once do no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import chain
from orbweaver.takedown.audit.records import AuditRecord
from orbweaver.takedown.errors import AuditLogBroken
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

# So many are sealed, or read, in one round trip.
PAGE: Final = 1_000


class StoredEntry(NamedTuple):
    """An entry as the store has it; `number` is from its place in the stream, not from its content."""

    number: int
    entry: bytes


def note(pipe: Pipeline, record: AuditRecord) -> None:
    """Queue a record on the transaction of what it is about."""
    pipe.xadd(keys.audit_waiting(), {"record": json.dumps(record)})


def seal(store: Store) -> int:
    """Seal every record that waits, and return how many that were. Raises AuditLogBroken."""
    sealed = 0
    while (done := _seal_page(store)) is not None:
        sealed += done
    return sealed


def _seal_page(store: Store) -> int | None:
    """Seal some of the records that wait; 0 when somebody else was faster, None when none waits."""
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(keys.audit_digests(), keys.audit_entries())
        waiting = pipe.execute_command("XRANGE", keys.audit_waiting(), "-", "+", "COUNT", PAGE)
        if not waiting:
            return None
        number = pipe.llen(keys.audit_digests())
        if _last_number(pipe) != number:
            raise AuditLogBroken(
                f"the audit log has {number} digests, and its last entry is number {_last_number(pipe)}: "
                "run `orbweaver audit verify`; nothing is sealed until the store is restored"
            )
        digest: bytes = pipe.execute_command("LINDEX", keys.audit_digests(), -1) or chain.NOTHING_BEFORE
        pipe.multi()
        for _, fields in waiting:
            number += 1
            entry = chain.write(number, digest, _record_in(fields))
            digest = chain.digest_of(entry)
            pipe.xadd(keys.audit_entries(), {"entry": entry}, id=f"{number}-0")
            pipe.rpush(keys.audit_digests(), digest)
        pipe.xdel(keys.audit_waiting(), *(waiting_id for waiting_id, _ in waiting))
        try:
            pipe.execute()
        except WatchError:
            return 0
        return len(waiting)


def _record_in(fields: Mapping[bytes, bytes]) -> Mapping[str, Any]:
    try:
        record = json.loads(fields[b"record"])
    except (KeyError, ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise AuditLogBroken(
            "a record that waits to be sealed was changed: it cannot be read; nothing is sealed until the store is "
            "restored"
        )
    return record


def _last_number(pipe: Pipeline) -> int:
    """Return the highest number that an entry has had; an entry that was taken away does not lower it."""
    if not pipe.exists(keys.audit_entries()):
        return 0
    last: bytes = pipe.xinfo_stream(keys.audit_entries())["last-generated-id"]
    return int(last.partition(b"-")[0])


def size(store: Store) -> int:
    """Return the number of sealed entries."""
    return int(store.llen(keys.audit_digests()))


def digest(store: Store, number: int) -> bytes | None:
    """Return the digest of one entry; None when there is none."""
    found: bytes | None = store.execute_command("LINDEX", keys.audit_digests(), number - 1)
    return found


def digests(store: Store) -> list[bytes]:
    """Return the digests of all entries: 32 bytes each in memory."""
    found: list[bytes] = []
    while page := store.execute_command("LRANGE", keys.audit_digests(), len(found), len(found) + PAGE - 1):
        found += page
    return found


def take_away(pipe: Pipeline, numbers: Iterable[int], record: AuditRecord) -> None:
    """Queue that entries leave the log, and the record that says so; their digests stay, so the chain still holds."""
    pipe.xdel(keys.audit_entries(), *(f"{number}-0" for number in numbers))
    note(pipe, record)


def newest(store: Store, count: int, before_number: int | None = None) -> list[StoredEntry]:
    """Return the newest sealed entries, or those before a number, the newest first."""
    start = "+" if before_number is None else f"({before_number}-0"
    page = store.execute_command("XREVRANGE", keys.audit_entries(), start, "-", "COUNT", count)
    return [StoredEntry(int(entry_id.partition(b"-")[0]), fields.get(b"entry", b"")) for entry_id, fields in page]


def entries(store: Store, after_number: int = 0) -> Iterator[StoredEntry]:
    """Yield the sealed entries after a number, in the order of the stream, a page at a time."""
    after = f"({after_number}-0" if after_number else "-"
    while page := store.execute_command("XRANGE", keys.audit_entries(), after, "+", "COUNT", PAGE):
        for entry_id, fields in page:
            yield StoredEntry(int(entry_id.partition(b"-")[0]), fields.get(b"entry", b""))
        after = "(" + page[-1][0].decode()
