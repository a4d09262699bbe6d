"""The match worker's thread that checks the matching services, and lets waiting batches go when one recovers."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence

from orbweaver import settings as orbweaver_settings
from orbweaver.matcher_client.errors import UnknownService
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.health_rules import is_due
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.matcher_client.several_services import SeveralServices, open_gated, rules_of
from orbweaver.model import now
from orbweaver.queue.matching import asking, daily_rematch, expiry, rematch
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, in_force
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from redis.exceptions import RedisError

log = logging.getLogger("orbweaver.worker")
# The store is looked at for a check that is due every so many seconds, at most; one round trip each time.
LOOK_SECONDS = 1.0
# The end of a worker waits so long for a check that is under way.
END_SECONDS = 2.0


@contextlib.contextmanager
def watching(store: Store, *, is_ongoing: bool) -> Iterator[None]:
    """Check every service at once; while the block runs, and the worker is to go on, also at every interval.

    The thread takes connections of its own from the store's pool and has services of its own. It goes on when the
    store is away for a while; should it end for any other reason, it asks the worker to end, to be started anew.
    """
    settings = orbweaver_settings.load()
    try:
        services = open_gated(store, settings)
    except UnknownService as error:
        log.warning("nothing can be asked: %s", error)  # each question's answer says so, too
        yield
        return
    watch = _Watch(store, services, settings)
    if not is_ongoing:
        watch.look(is_first=True)
        services.close()
        yield
        return
    thread = threading.Thread(target=watch.run, name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        watch.is_over.set()
        thread.join(END_SECONDS)


class _Watch:
    def __init__(self, store: Store, services: SeveralServices, settings: Settings) -> None:
        self.is_over = threading.Event()
        self._store = store
        self._services = services
        self._settings = settings
        self._rules = rules_of(settings)
        self._unhealthy: set[str] = set()
        self._names = [gated.name for gated in services.gated]

    def run(self) -> None:
        """Look again and again until it is over."""
        is_first = True
        try:
            while not self.is_over.is_set():
                try:
                    is_first = not self.look(is_first=is_first) and is_first
                except RedisError as error:
                    log.warning(
                        "the store does not answer; matching services are checked again when it does: %s", error
                    )
                self.is_over.wait(min(LOOK_SECONDS, self._rules.every.total_seconds() / 2))
        finally:
            if not self.is_over.is_set():
                os.kill(os.getpid(), signal.SIGTERM)
            self._services.close()

    def look(self, *, is_first: bool) -> bool:
        """Check the services that are due, at the first look all, and let batches go that need not wait.

        False, and nothing is done, when this worker's services are not those in force. A list of this machine that is
        late is not checked either: its health would say nothing about the list that the others have. Raises RedisError.
        """
        if in_force.differing(self._store, self._settings, [QueueName.MATCH]):
            return False
        late = asking.late(self._store, self._services)
        known = service_health.read(self._store, self._names)
        due = [
            gated
            for gated, one in zip(self._services.gated, known, strict=True)
            if (is_first or is_due(one.health, self._rules, now())) and not (gated.is_local and gated.name in late)
        ]
        checked = [asking.check(self._store, gated) for gated in due]
        for one in checked:
            self._say_if_changed(one)
        asking.release_left_behind(self._store, self._names)
        batches.enqueue_released(self._store)
        if checked:
            self._after_check([one for one in checked if one.is_healthy])
        return True

    def _say_if_changed(self, health: ServiceHealth) -> None:
        if health.is_healthy and health.service in self._unhealthy:
            self._unhealthy.discard(health.service)
            log.info("%s is healthy again", health.service)
        elif not health.is_healthy and health.service not in self._unhealthy:
            self._unhealthy.add(health.service)
            log.warning("%s; files wait until it is healthy", health.complaint)

    def _after_check(self, healthy: Sequence[ServiceHealth]) -> None:
        """Ask again about every retained file and every case when a service has another list than last time.

        When a service does not name its list version, retained files are asked about by time. Files that were retained
        long enough are forgotten, also when no service answers or names its list version.
        """
        expiry.start_if_due(self._store)
        if healthy:
            versions = {one.service: one.list_version for one in healthy if one.list_version is not None}
            built = {one.service: one.built_at for one in healthy if one.built_at is not None}
            rematch.start_if_due(self._store, versions, built)
            if len(versions) < len(healthy):
                daily_rematch.go_on_if_due(self._store)
