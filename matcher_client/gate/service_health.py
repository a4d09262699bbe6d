"""Keeps the health of each matching service in the store, for every worker to obey and for people to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from orbweaver.matcher_client.errors import UnknownService
from orbweaver.model import Moment, Noun, format_time
from orbweaver.store import keys, reads
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline


class ServiceHealth(Noun):
    """The health of one service, as its last check found it.

    `unhealthy_since` and `reason` are None while it is healthy; `failures` counts the checks in a row that found it
    unhealthy. `entries` is None when the service does not say how many there are.
    """

    service: str
    checked_at: Moment
    unhealthy_since: Moment | None = None
    reason: str | None = None
    failures: int = 0
    list_version: str | None = None
    built_at: Moment | None = None
    entries: int | None = None

    @property
    def is_healthy(self) -> bool:
        """Whether the service's answers count."""
        return self.unhealthy_since is None

    @property
    def complaint(self) -> str:
        """Since when it is unhealthy, and why, in one line."""
        since = format_time(self.unhealthy_since) if self.unhealthy_since is not None else "never"
        return f"{self.service} is unhealthy since {since}: {self.reason}"

    def failed(self, reason: str, at: datetime) -> ServiceHealth:
        """Return the service's health after a check that found it unhealthy."""
        return self.model_copy(
            update={
                "checked_at": at,
                "unhealthy_since": self.unhealthy_since or at,
                "reason": reason,
                "failures": self.failures + 1,
            }
        )


@dataclass(frozen=True)
class KnownService:
    """A service as the store knows it: its health, None before the first check, and how many entries it should have.

    `healthy_entries` is how many it said when it was last healthy or accepted; None when it never said how many.
    """

    health: ServiceHealth | None = None
    healthy_entries: int | None = None


def read(store: Store, services: Sequence[str]) -> list[KnownService]:
    """Read what is known of these services, in order, in one round trip."""
    [known] = reads.together(store, reading(services))
    return known


def reading(services: Sequence[str]) -> Read[list[KnownService]]:
    """Return the read of what is known of these services, in order."""
    if not services:
        return Read(lambda _: None, lambda _: [])

    def ask(pipe: Pipeline) -> None:
        pipe.hmget(keys.matchers(), *services)
        pipe.hmget(keys.matcher_entries(), *services)

    def understand(answers: Sequence[Sequence[bytes | None]]) -> list[KnownService]:
        return [
            KnownService(
                None if health is None else ServiceHealth.model_validate_json(health),
                None if count is None else int(count),
            )
            for health, count in zip(*answers, strict=True)
        ]

    return Read(ask, understand)


def read_all(store: Store) -> dict[str, ServiceHealth]:
    """Read the health of every service that was ever checked on this store."""
    return decode(store.hgetall(keys.matchers()))


def decode(stored: Mapping[bytes | str, bytes | str]) -> dict[str, ServiceHealth]:
    """Return the health of each service, from the hash as it was read."""
    return {text(name): ServiceHealth.model_validate_json(value) for name, value in stored.items()}


def write(pipe: Pipeline | Store, health: ServiceHealth) -> None:
    """Write a service's health, on an open transaction or at once; if healthy, also how many entries it should have."""
    pipe.hset(keys.matchers(), health.service, health.model_dump_json())
    if health.is_healthy and health.entries:
        pipe.hset(keys.matcher_entries(), health.service, health.entries)


def renew(
    store: Store,
    before: ServiceHealth | None,
    after: ServiceHealth,
    also: Callable[[Pipeline], object] = lambda _: None,
) -> ServiceHealth:
    """Write a service's new health in place of `before`, and queue what `also` queues in the same transaction.

    A check takes long, and meanwhile another check may end, or a question may fail: then nothing is written.
    Returns the health that is in the store afterwards.
    """
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.matchers())
            stored = pipe.hget(keys.matchers(), after.service)
            current = None if stored is None else ServiceHealth.model_validate_json(stored)
            if current is not None and current != before:
                return current
            pipe.multi()
            write(pipe, after)
            also(pipe)
            try:
                pipe.execute()
            except WatchError:
                continue  # perhaps only another service's health was written
            return after


def close(store: Store, before: ServiceHealth, after: ServiceHealth) -> ServiceHealth:
    """Write that a service failed a question, whatever checks found meanwhile; returns its new health: unhealthy."""
    current = renew(store, before, after)
    while current.is_healthy:
        current = renew(store, current, current.failed(after.reason or "no reason given", after.checked_at))
    return current


def accept(store: Store, service: str) -> ServiceHealth:
    """Accept the entries that a service's list has now as all of them: the next check compares with their number.

    Raises UnknownService when no service of that name was checked on this store, or its list has no entries, or it
    does not say how many.
    """
    checked = read_all(store)
    health = checked.get(service)
    if health is None:
        known = ", ".join(sorted(checked)) or "none yet"
        raise UnknownService(f"no matching service of that name was checked on this store; those checked: {known}")
    if health.entries is None:
        raise UnknownService(
            "at the last check that matching service did not say how many entries its list has: nothing to accept"
        )
    if not health.entries:
        raise UnknownService("the last check of that matching service saw no entries: repair the service first")
    store.hset(keys.matcher_entries(), service, health.entries)
    return health
