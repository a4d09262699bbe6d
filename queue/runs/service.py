"""The store's service, `orbweaver run`: a scheduler and a worker for every queue, until it is told to stop.

It holds a lock of its own all its life, so that a store has one, and `verify` sees that it is there. Workers and
schedulers on other machines share its store and its work.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

from orbweaver import settings as orbweaver_settings
from orbweaver.queue.errors import WorkersDied
from orbweaver.queue.fleet.scheduler import Scheduler
from orbweaver.queue.fleet.workers.worker_pool import WorkerProcesses
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records.event_places import Places
from orbweaver.queue.runs import beginning, run_lock
from orbweaver.queue.runs.run_lock import SERVICE
from orbweaver.store import embedded, keys
from orbweaver.store.connection import Store
from orbweaver.store.errors import StoreError
from redis.exceptions import RedisError

log = logging.getLogger("orbweaver.service")
LOOK_SECONDS = 1.0
# The longest wait for workers that were told to stop: a recrawl worker gives its crawl processes 15 s.
STOP_SECONDS = 20.0
# A server that cannot be started, as on a full disk, is tried again so often.
START_AGAIN_SECONDS = 5.0


def serve(
    store: Store,
    *,
    recrawls_at_once: int,
    environment: Mapping[str, str],
    log_file: Path,
    places: Places,
    stop: threading.Event,
    on_start: Callable[[], None],
    embedded_in: Path | None = None,
) -> None:
    """Serve until `stop` is set; calls `on_start` when the workers are started.

    `environment` is that of the workers; the service declares their settings to be in force on this store. While the
    store is away everything waits; the server of one that is embedded in a state directory, `embedded_in`, is started
    again when it ends. Raises StoreBusy while another service, or a run with workers of its own, is at work
    on the store; WorkersTooOld while a worker of an earlier release is alive; WorkersDied when workers die again and
    again.
    """
    service_id = uuid4().hex
    with contextlib.ExitStack() as stack:
        with run_lock.hold(store, service_id, SERVICE, stop):  # no run is under way, and none begins, until it is there
            own = run_lock.hold(store, service_id, SERVICE, stop, key=keys.service_lock(), takes_again=True)
            lock = stack.enter_context(own)
            beginning.take_over(store, service_id, environment, tuple(QueueName), places)
        scheduler = Scheduler(store, orbweaver_settings.load(environment))
        clock = threading.Thread(target=scheduler.run, args=(stop,), name="scheduler")
        workers = WorkerProcesses(store, recrawls_at_once=recrawls_at_once, environment=environment, log_file=log_file)
        embedded_store = _EmbeddedStore(embedded_in)
        with workers:
            clock.start()
            try:
                on_start()
                while not (stop.wait(LOOK_SECONDS) or workers.are_exhausted):
                    embedded_store.look_after()
                    lock.check()
                    if not clock.is_alive():
                        raise WorkersDied("its scheduler ended: the lines above say why")
                    with contextlib.suppress(RedisError):  # the next look does it
                        workers.replace_dead()
            finally:
                stop.set()
                workers.ask_to_stop()
                if not workers.wait(seconds=STOP_SECONDS):
                    log.warning("a worker did not end within %.0f s, and is killed", STOP_SECONDS)
                clock.join()
            if workers.are_exhausted:
                raise WorkersDied(f"its workers died again and again: see {log_file}")


class _EmbeddedStore:
    """The server that the service keeps alive: nobody else would start it again."""

    def __init__(self, state_dir: Path | None) -> None:
        self._state_dir = state_dir
        self._looks_at = 0.0
        self._is_down = False

    def look_after(self) -> None:
        """Start the server again if it has ended; when it cannot be, say why once, and try again later."""
        if self._state_dir is None or time.monotonic() < self._looks_at:
            return
        try:
            was_down = embedded.start_again_if_ended(self._state_dir)
        except StoreError as error:
            self._looks_at = time.monotonic() + START_AGAIN_SECONDS
            if not self._is_down:
                log.warning("%s; it is tried again every %.0f s", error, START_AGAIN_SECONDS)
            self._is_down = True
        else:
            if was_down:
                log.warning("the embedded store's server had ended, and was started again")
            self._is_down = False
