"""Takes the lane that is due next at a sink, with the events that are left of it: one round trip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.delivery import lanes
from orbweaver.takedown.delivery.lanes import LEASE_SECONDS, NEVER, Failing, Lane

# Another courier has the lane: the event is looked at again so soon, should that one have missed it.
TAKEN_SECONDS: Final = 0.2
LOOKED_AT_ONCE: Final = 20
# So many events of a lane are read at once.
LANE_EVENTS: Final = 100
_CLAIM = Path(__file__).with_name("claim_lane.lua").read_text()
_CASE, _OF_CASE = keys.case_events("\0").split("\0")


@dataclass(frozen=True)
class LaneEvent:
    """An event of a lane as it is stored; one that failed is not tried before `blocked_until` (seconds since 1970)."""

    event_id: str
    stored: bytes
    blocked_until: float | None = None


@dataclass(frozen=True)
class Claimed:
    """A lane that is the courier's for LEASE_SECONDS, and what it has left, in order, at most LANE_EVENTS.

    An event of an early release may not be in the list of its case: then it comes last. `events_of_case` counts those
    that were delivered, too.
    """

    lane: Lane
    events: tuple[LaneEvent, ...]
    events_of_case: int


def claim(store: Store, sink: str, at: float) -> Claimed | None:
    """Take the lane of an event that is due at a sink; None when there is none."""
    token = uuid4().hex
    while True:
        claimed = store.register_script(_CLAIM)(
            keys=[lanes.waiting_key(sink), keys.undelivered(), lanes.failures_key(sink)],
            args=[
                *(repr(at), sink, token, LEASE_SECONDS, TAKEN_SECONDS, LOOKED_AT_ONCE, LANE_EVENTS),
                *(lanes.lane_key(sink, ""), keys.event(""), _CASE, _OF_CASE),
            ],
        )
        if claimed is None:
            return None
        event_id = text(claimed[0])
        if len(claimed) == 1:
            _park_unreadable(store, sink, event_id, at)
            continue
        _, case_id, number, rows = claimed
        events = tuple(
            LaneEvent(text(one), stored, None if until is None else float(until)) for one, stored, until in rows
        )
        return Claimed(Lane(sink, text(case_id), event_id, token), events, int(number))


def _park_unreadable(store: Store, sink: str, event_id: str, at: float) -> None:
    """Park an event that is no event, where operators see it: it must not end the couriers."""
    failed = Failing(1, at, at, "the stored event cannot be read", is_parked=True)
    with store.pipeline(transaction=True) as pipe:
        lanes.note_failure(pipe, sink, event_id, failed, NEVER)
        pipe.execute()
