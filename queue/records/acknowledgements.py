"""Records that the takedown engine acknowledged an event: once, as an event of the case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orbweaver.model import Actor, Event, EventType, Evidence, format_time
from orbweaver.queue.matching import settlement
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import OURS_ALONE, change_by_event
from orbweaver.takedown.delivery import progress
from orbweaver.takedown.errors import DeliveryUnknown
from redis.exceptions import WatchError

# The field of an event's hash that says when it was acknowledged; the names of sinks have a colon.
FIELD = "acknowledged_at"


@dataclass(frozen=True)
class Acknowledgement:
    """An event that the engine has acknowledged, and when for the first time; `is_new` when it was so just now."""

    event_id: str
    case_id: str
    acknowledged_at: datetime
    is_new: bool


def acknowledge(store: Store, event_id: str, *, actor: Actor, reason: str | None = None) -> Acknowledgement:
    """Record that the engine has acknowledged an event; the second time nothing is recorded.

    The case has a `case.acknowledged` then, which no sink gets. Raises DeliveryUnknown for an event that is not there,
    or that the engine never gets.
    """
    key = keys.event(event_id)
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(key)
            stored, known = pipe.hmget(key, "json", FIELD)
            if stored is None:
                raise DeliveryUnknown(f"no event has the id {event_id[:80]}")
            event = Event.model_validate_json(stored)
            case_id = str(event.case_id)
            if known is not None:
                return Acknowledgement(event_id, case_id, datetime.fromisoformat(text(known)), is_new=False)
            pipe.watch(keys.case(case_id))
            before = case_store.record_of(pipe, case_id)
            if before is None or event.type in OURS_ALONE:
                raise DeliveryUnknown(f"the event {event_id[:80]} is none that the engine gets")
            change = change_by_event(
                before,
                EventType.ACKNOWLEDGED,
                case_store.stamp(store),
                actor=actor,
                reason=reason,
                evidence=Evidence(facts={"event_id": event_id, "sequence": str(event.sequence)}),
            )
            at = change.after.recorded_at
            assert at is not None, "an event that is made now says when it was recorded"
            pipe.multi()
            settlement.write_changes(store, pipe, "", [change])
            pipe.hset(key, FIELD, format_time(at))
            progress.note_acknowledged(pipe, case_id, format_time(at))
            try:
                pipe.execute()
            except WatchError:
                continue
            return Acknowledgement(event_id, case_id, at, is_new=True)
