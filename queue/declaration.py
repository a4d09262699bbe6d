"""What a run does first with the store's turn: it declares its set-up, and every worker keeps to that."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from orbweaver.matcher_client.health_gate import health_of
from orbweaver.matcher_client.several_services import open_services
from orbweaver.queue import in_force, list_versions
from orbweaver.queue.errors import WorkersTooOld
from orbweaver.queue.queues import LOOKS, QueueName
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from redis.exceptions import WatchError
from rq.worker_registration import REDIS_WORKER_KEYS


def declare(store: Store, settings: Settings, names: Collection[QueueName]) -> None:
    """Declare a run's settings, and the list version of each of its services that answers as the one that is wanted.

    Only with the store's turn. What a service that is away now has is seen when it is back. Raises WorkersTooOld while
    a worker of an earlier release is alive on this store.
    """
    _refuse_older_workers(store)
    versions: dict[str, str] = {}
    built: dict[str, datetime] = {}
    for service in open_services(settings.matcher_urls):
        health = health_of(service)
        service.close()
        if health.is_healthy and health.list_version is not None:
            versions[service.name] = health.list_version
            if health.built_at is not None:
                built[service.name] = health.built_at
    with store.pipeline(transaction=True) as pipe:
        while True:
            pipe.watch(keys.list_versions())
            known = list_versions.read(pipe)
            pipe.multi()
            in_force.declare(pipe, settings, names)
            list_versions.want(pipe, known, versions, built)
            try:
                pipe.execute()
            except WatchError:
                continue  # a worker has seen a new list
            return


def _refuse_older_workers(store: Store) -> None:
    """Raise WorkersTooOld when a registered worker that gives signs of life has not said that it looks."""
    for key in sorted(text(one) for one in store.smembers(REDIS_WORKER_KEYS)):
        looks, death, hostname, pid = store.hmget(key, LOOKS, "death", "hostname", "pid")
        if looks is None and death is None and pid is not None:
            machine = "a machine that it does not name" if hostname is None else text(hostname)
            raise WorkersTooOld(
                f"process {text(pid)} on {machine} is a worker of an earlier release, which would do this run's jobs "
                "with settings of its own: end it, and start workers of this release"
            )
