"""Declares the set-up of a run, as its first act under the run lock; every worker keeps to it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.health_gate import claimed_health
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.matcher_client.several_services import open_services
from orbweaver.queue.errors import StoreBusy, WorkersTooOld
from orbweaver.queue.queues import LOOKS, QueueName
from orbweaver.queue.records import in_force, list_versions
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from rq.worker_registration import REDIS_WORKER_KEYS

if TYPE_CHECKING:
    from redis.client import Pipeline

# A list that somebody gives may have so many entries less than before, whatever share of it they are.
SMALL_LOSS = 5


def declare(
    store: Store, settings: Settings, names: Collection[QueueName], *, sinks_seen: Collection[str] | None = None
) -> dict[str, str]:
    """Declare a run's settings, and the list version of each of its services that answers as the one that is wanted.

    Returns these versions by service. Only under the run lock. The list of a service that is away now is seen when
    it is back. Raises WorkersTooOld while a worker of an earlier release is alive on this store, and StoreBusy when
    another run has moved the events elsewhere since `sinks_seen` were those in force (None: whatever they were).
    """
    _refuse_older_workers(store)
    if sinks_seen is not None and set(in_force.sinks(store)) != set(sinks_seen):
        raise StoreBusy("another run has just decided where the events of this store go: start this one again")
    versions: dict[str, str] = {}
    built: dict[str, datetime] = {}
    for service in open_services(settings.matcher_urls):
        health = claimed_health(service)
        service.close()
        if health.is_healthy and health.list_version is not None:
            versions[service.name] = health.list_version
            if health.built_at is not None:
                built[service.name] = health.built_at
            if isinstance(service, HashListService):
                _accept_small_loss(store, service.name, health.entries or 0)

    def write(pipe: Pipeline) -> None:
        known = list_versions.read(pipe)
        pipe.multi()
        in_force.declare(pipe, settings, names)
        list_versions.want(pipe, known, versions, built)

    store.transaction(write, keys.list_versions())  # a worker may see a new list meanwhile
    return versions


def _accept_small_loss(store: Store, service: str, entries: int) -> None:
    """Take a list on this machine as whole that has a few entries less than before: people take single rows out."""
    [known] = service_health.read(store, [service])
    if entries and known.healthy_entries is not None and 0 < known.healthy_entries - entries <= SMALL_LOSS:
        store.hset(keys.matcher_entries(), service, entries)


def _refuse_older_workers(store: Store) -> None:
    """Raise WorkersTooOld when a registered worker that gives signs of life has not said that it looks."""
    for key in sorted(text(one) for one in store.smembers(REDIS_WORKER_KEYS)):
        looks, death, hostname, pid, queues = store.hmget(key, LOOKS, "death", "hostname", "pid", "queues")
        is_ours = not {*text(queues or "").split(",")}.isdisjoint(QueueName)  # others may use RQ on this server
        if is_ours and looks is None and death is None and pid is not None:
            machine = "a machine that it does not name" if hostname is None else text(hostname)
            raise WorkersTooOld(
                f"process {text(pid)} on {machine} is a worker of an earlier release, which would do this run's jobs "
                "with settings of its own: end it, and start workers of this release"
            )
