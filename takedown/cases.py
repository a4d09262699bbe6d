"""Cases in the store: read, and written inside the transaction of the verdict that changed them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from orbweaver.model import Case
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.transitions import Change, Standing

if TYPE_CHECKING:
    from redis.client import Pipeline


def standing(store: Store | Pipeline, case_id: str) -> Standing | None:
    """Read a case and its last event's number; None when there is no such case.

    A pipeline must be watching (its reads are immediate then).
    """
    stored, sequence = store.hmget(keys.case(case_id), "json", "sequence")
    if stored is None or sequence is None:
        return None
    return Standing(Case.model_validate_json(stored), int(sequence))


def write(pipe: Pipeline, change: Change) -> None:
    """Queue a change's writes on a transaction: the case, its index and its event."""
    case = change.after.case
    case_id = str(case.case_id)
    pipe.hset(keys.case(case_id), mapping={"json": case.model_dump_json(), "sequence": change.after.sequence})
    pipe.zadd(keys.cases(), {case_id: case.first_seen.timestamp()})
    if change.event is not None:
        event_id = str(change.event.event_id)
        pipe.rpush(keys.case_events(case_id), event_id)
        pipe.hset(keys.event(event_id), "json", change.event.model_dump_json())


def read_many(store: Store, case_ids: Iterable[str]) -> list[Case]:
    """Read cases, oldest first, then by URL; ids without a case are left out."""
    found = [standing(store, case_id) for case_id in case_ids]
    return sorted(
        (one.case for one in found if one is not None),
        key=lambda case: (case.first_seen, case.url, case.sha256),
    )
