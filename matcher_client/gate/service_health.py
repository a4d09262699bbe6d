"""What is known of each matching service's health, kept in the store for every worker and for people to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from orbweaver.matcher_client.errors import UnknownService
from orbweaver.model import Moment, Noun, format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline


class Standing(Noun):
    """What the last check of one service found.

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

    def failed(self, reason: str, at: datetime) -> Standing:
        """Return the standing after the service was found unhealthy."""
        return self.model_copy(
            update={
                "checked_at": at,
                "unhealthy_since": self.unhealthy_since or at,
                "reason": reason,
                "failures": self.failures + 1,
            }
        )


@dataclass(frozen=True)
class Known:
    """What is known of a service: its standing, None before the first check, and how many entries it should have.

    `healthy_entries` is how many it said when it was last healthy, or accepted; None when it never said it.
    """

    standing: Standing | None = None
    healthy_entries: int | None = None


def read(store: Store, services: Sequence[str]) -> list[Known]:
    """Read what is known of these services, in order, in one round trip."""
    if not services:
        return []
    with store.pipeline(transaction=False) as pipe:
        pipe.hmget(keys.matchers(), *services)
        pipe.hmget(keys.matcher_entries(), *services)
        standings, entries = pipe.execute()
    return [
        Known(
            None if standing is None else Standing.model_validate_json(standing), None if count is None else int(count)
        )
        for standing, count in zip(standings, entries, strict=True)
    ]


def read_all(store: Store) -> dict[str, Standing]:
    """Read the standing of every service that was ever checked on this store."""
    return decode(store.hgetall(keys.matchers()))


def decode(stored: Mapping[bytes | str, bytes | str]) -> dict[str, Standing]:
    """Return the standings in the hash as it was read."""
    return {text(name): Standing.model_validate_json(value) for name, value in stored.items()}


def write(pipe: Pipeline | Store, standing: Standing) -> None:
    """Write a standing, on an open transaction or at once; a healthy one also says what the list should have."""
    pipe.hset(keys.matchers(), standing.service, standing.model_dump_json())
    if standing.is_healthy and standing.entries:
        pipe.hset(keys.matcher_entries(), standing.service, standing.entries)


def renew(
    store: Store, before: Standing | None, after: Standing, also: Callable[[Pipeline], object] = lambda _: None
) -> Standing:
    """Write what was found of a service that stood as `before`, and queue what `also` queues in the same transaction.

    A check takes long, and meanwhile another may end, or a question fail: then nothing is written. Returns what stands.
    """
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.matchers())
            stored = pipe.hget(keys.matchers(), after.service)
            current = None if stored is None else Standing.model_validate_json(stored)
            if current is not None and current != before:
                return current
            pipe.multi()
            write(pipe, after)
            also(pipe)
            try:
                pipe.execute()
            except WatchError:
                continue  # perhaps only another service's
            return after


def close(store: Store, before: Standing, after: Standing) -> Standing:
    """Write that a service failed a question, whatever checks found meanwhile; returns what stands: unhealthy."""
    found = renew(store, before, after)
    while found.is_healthy:
        found = renew(store, found, found.failed(after.reason or "no reason given", after.checked_at))
    return found


def accept(store: Store, service: str) -> Standing:
    """Take a service's list as whole with the entries that it has now: the next check compares with that.

    Raises UnknownService when no service of that name was checked on this store, or its list has no entries, or it
    does not say how many.
    """
    standings = read_all(store)
    standing = standings.get(service)
    if standing is None:
        known = ", ".join(sorted(standings)) or "none yet"
        raise UnknownService(f"no matching service of that name was checked on this store; those checked: {known}")
    if standing.entries is None:
        raise UnknownService(
            "at the last check that matching service did not say how many entries its list has: nothing to accept"
        )
    if not standing.entries:
        raise UnknownService("the last check of that matching service saw no entries: repair the service first")
    store.hset(keys.matcher_entries(), service, standing.entries)
    return standing
