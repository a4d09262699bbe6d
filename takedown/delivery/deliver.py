"""Hands one event to every sink that has not taken it yet."""

from __future__ import annotations

from collections.abc import Sequence

from orbweaver.model import Event, format_time, now
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery.sinks.protocol import Sink


def deliver(store: Store, event_id: str, sinks: Sequence[Sink]) -> None:
    """Deliver an event; what a sink took is marked at once, so that only the rest is tried again.

    A crash between a sink's yes and the mark delivers twice: the event id is the engine's idempotency key.
    Raises NotDelivered.
    """
    key = keys.event(event_id)
    stored = store.hget(key, "json")
    if stored is None:
        return
    event = Event.model_validate_json(stored)
    for sink in sinks:
        if not store.hexists(key, sink.name):
            sink.deliver(event)
            store.hset(key, sink.name, format_time(now()))
