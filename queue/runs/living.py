"""Tells which runs somebody still waits for: verifications under way, and the visits that the scheduler has begun.

What belongs to another run was left by a killed one, and who has workers may take it over.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator

from orbweaver.queue.errors import StoreBusy
from orbweaver.queue.hosts import due
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force
from orbweaver.queue.runs import run_lock
from orbweaver.queue.runs.run_lock import Claim
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from redis.exceptions import RedisError


@contextlib.contextmanager
def sign_of_life(store: Store, run_id: str, claim: Claim, stop: threading.Event) -> Iterator[None]:
    """Let others see that a verification is under way, for as long as the block runs and its process lives."""
    with run_lock.hold(store, run_id, claim, stop, key=keys.verification(run_id), takes_again=True):
        say_alive(store, run_id)
        try:
            yield
        finally:
            with contextlib.suppress(RedisError):  # whoever looks next removes it
                store.srem(keys.verifications(), run_id)


def say_alive(store: Store, run_id: str) -> None:
    """Enter a verification among those under way, again and again: one that gave no sign for long was forgotten."""
    store.sadd(keys.verifications(), run_id)


def verifications(store: Store) -> frozenset[str]:
    """Return the ids of the verifications that are under way; one whose process died is forgotten."""
    alive = set()
    for run_id in map(text, store.smembers(keys.verifications())):
        if run_lock.holder_of(store, keys.verification(run_id)) is None:
            store.srem(keys.verifications(), run_id)
        else:
            alive.add(run_id)
    return frozenset(alive)


def runs(store: Store) -> frozenset[str]:
    """Return the ids of all runs that somebody waits for."""
    return verifications(store) | {lease.run_id for lease in due.leases(store) if lease.run_id is not None}


def require_room(store: Store, run_id: str, settings: Settings, names: Collection[QueueName]) -> None:
    """Raise StoreBusy when these settings differ from those that another verification under way relies on."""
    others = verifications(store) - {run_id}
    differing = in_force.differing(store, settings, names) if others else []
    if differing:
        raise StoreBusy(
            f"this store is in use by {len(others)} verification{'s' if len(others) > 1 else ''} with other values of "
            f"{', '.join(differing)}: wait until they end, or give this command a store of its own with --state"
        )
