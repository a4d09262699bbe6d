"""The couriers of a takedown worker: a thread for each sink, so that a sink that is down or hangs holds up no other."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence

from orbweaver import settings as orbweaver_settings
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.store.reads import Read
from orbweaver.takedown.delivery import alarm
from orbweaver.takedown.delivery.courier import Courier
from orbweaver.takedown.delivery.sinks.opening import open_sinks
from redis.exceptions import RedisError

log = logging.getLogger("orbweaver.worker")
# A courier looks for what is due so often, should nobody wake it: one or two questions to the store.
LOOK_SECONDS = 1.0
# The end of a worker waits so long for deliveries that are under way.
END_SECONDS = 2.0


def couriers_of(store: Store, settings: Settings) -> list[Courier]:
    """Return a courier for each sink of these settings. Raises SinkRefused."""
    sinks = open_sinks(settings.takedown_sinks)

    differing = in_force.reading_differing(in_force.described(settings, [QueueName.TAKEDOWN]))
    is_in_force = Read(differing.ask, lambda answers: not differing.understand(answers))
    names = [one.name for one in sinks]
    return [Courier(store, one, names, is_in_force, replicas=settings.store_replicas) for one in sinks]


@contextlib.contextmanager
def delivering(store: Store, *, is_ongoing: bool) -> Iterator[None]:
    """Deliver what is due while the block runs, and the worker is to go on; else at its end what is due then.

    The threads take connections of their own from the store's pool, and wait while the store is away. Should one end
    for any other reason, it asks the worker to end, to be started anew.
    """
    settings = orbweaver_settings.load()
    couriers = couriers_of(store, settings)
    if not is_ongoing:
        yield
        _deliver_what_is_due(couriers)
        return
    is_over = threading.Event()
    threads = [
        threading.Thread(target=_run, args=(one, is_over), name=f"courier {place}", daemon=True)
        for place, one in enumerate(couriers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        alarm.OF_THIS_PROCESS.ring()
        for thread in threads:
            thread.join(END_SECONDS / max(len(threads), 1))


def _deliver_what_is_due(couriers: Sequence[Courier]) -> None:
    def deliver(courier: Courier) -> None:
        with contextlib.closing(courier):
            while courier.step():
                pass

    threads = [threading.Thread(target=deliver, args=(one,), name=f"courier of {one.name}") for one in couriers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _run(courier: Courier, is_over: threading.Event) -> None:
    is_away = False
    try:
        while not is_over.is_set():
            rung = alarm.OF_THIS_PROCESS.rung
            try:
                is_busy = courier.step()
                is_away = False
            except RedisError as error:
                if not is_away:
                    log.warning("the store does not answer; events are delivered when it does: %s", error)
                is_away, is_busy = True, False
            if not is_busy:
                alarm.OF_THIS_PROCESS.wait(rung, LOOK_SECONDS)
    finally:
        courier.close()
        if not is_over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
