"""Which events are surely on disk: nothing is delivered that the store could still forget.

One wait for the disk serves all events that wait at that moment, so a store that syncs once a second costs one wait a
second and not one for each event.
"""

from __future__ import annotations

from orbweaver.store import durability
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery import lanes

# So many of the events that a sink gets next are confirmed together with one that must be.
CONFIRMED_AT_ONCE = 500
MOST_REMEMBERED = 20_000


class Confirmed:
    """The events that one courier knows to be on the disks of the store, and of so many replicas."""

    def __init__(self, store: Store, sink: str, replicas: int) -> None:
        self._store = store
        self._sink = sink
        self._replicas = replicas
        self._event_ids: set[str] = set()

    def require(self, event_id: str) -> None:
        """Return when an event that was read from the store is on disk. Raises StoreUnfit when it is not in time."""
        if event_id in self._event_ids:
            return
        # Read before the wait: what waits for a sink was written with its event, so the event is there as well.
        others = lanes.next_ids(self._store, self._sink, CONFIRMED_AT_ONCE)
        durability.wait_for_disk(self._store, self._replicas)
        if len(self._event_ids) > MOST_REMEMBERED:
            self._event_ids.clear()
        self._event_ids.update(others, [event_id])
