"""Notes who works on a file, so that no other does the same. It keeps nobody from deciding, and ends by itself."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orbweaver.model import Actor, format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from redis.exceptions import WatchError

# Longer than the work on one file, and over on the next day.
LASTS: Final = timedelta(hours=4)


@dataclass(frozen=True)
class Assignment:
    """The person who works on a file, by name, and since when."""

    person: str
    since: datetime

    @property
    def until(self) -> datetime:
        """When it ends by itself."""
        return self.since + LASTS


def take(store: Store, sha256: str, person: Actor, at: datetime) -> Assignment:
    """Have a person work on a file from now on, unless somebody else does; returns who it is. Raises RedisError."""
    key = keys.assignment(sha256)
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(key)
            current = _read(pipe.get(key))
            if current is not None and current.person != person.name:
                return current
            taken = Assignment(person.name, at)
            pipe.multi()
            pipe.set(key, json.dumps({"person": taken.person, "since": format_time(at)}), ex=LASTS)
            try:
                pipe.execute()
            except WatchError:
                continue
            return taken


def give_back(store: Store, sha256: str, person: Actor) -> bool:
    """End that a person works on a file; False where that person does not. Raises RedisError."""
    key = keys.assignment(sha256)
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(key)
            current = _read(pipe.get(key))
            if current is None or current.person != person.name:
                return False
            pipe.multi()
            pipe.delete(key)
            try:
                pipe.execute()
            except WatchError:
                continue
            return True


def of_files(store: Store, digests: Collection[str]) -> dict[str, Assignment]:
    """Return who works on which of these files, by SHA-256. Raises RedisError."""
    asked = sorted(set(digests))
    if not asked:
        return {}
    found = map(_read, store.mget([keys.assignment(one) for one in asked]))
    return {sha256: one for sha256, one in zip(asked, found, strict=True) if one is not None}


def _read(stored: bytes | str | None) -> Assignment | None:
    if stored is None:
        return None
    said = json.loads(text(stored))
    return Assignment(str(said["person"]), datetime.fromisoformat(said["since"]))
