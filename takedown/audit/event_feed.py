"""The events of all cases in the order in which the store recorded them, as the audit log has them."""

from __future__ import annotations

from typing import Final, NamedTuple

from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, chain, records

# So many entries are looked at for one page: those of accesses stand between.
MOST_LOOKED_AT: Final = 5_000


class RecordedEvents(NamedTuple):
    """Ids of events, the number of the entry after which the next ones come, and whether some are there already."""

    event_ids: list[str]
    after_number: int
    is_more: bool


def events_after(store: Store, number: int, most: int, *, looked_at_most: int = MOST_LOOKED_AT) -> RecordedEvents:
    """Return at most so many events that were recorded after an entry of the audit log (0: from the first on).

    At most so many entries are looked at for it, so it may be few, or none, while others come. What waits is sealed
    first, so no event is missing that was written before. Raises AuditLogBroken, RedisError.
    """
    audit_log.seal(store)
    found: list[str] = []
    # A number beyond the end is of another store, or of one that was restored since.
    last = max(0, min(number, audit_log.size(store)))
    for looked_at, entry in enumerate(audit_log.entries(store, last)):
        if len(found) == most or looked_at == looked_at_most:
            return RecordedEvents(found, last, is_more=True)
        event_id = _event_id_of(entry.entry)
        if event_id is not None:
            found.append(event_id)
        last = entry.number
    return RecordedEvents(found, last, is_more=False)


def _event_id_of(entry: bytes) -> str | None:
    try:
        record = chain.read(entry).record
    except ValueError:  # `audit verify` says so
        return None
    return str(record.get("event_id")) if record.get("kind") == records.EVENT else None
