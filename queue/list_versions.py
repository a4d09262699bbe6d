"""Which list versions answers are wanted of: the ones for which everything was last asked again (rematch, recall)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orbweaver.model import Verdict
from orbweaver.store import keys
from orbweaver.store.connection import Store

if TYPE_CHECKING:
    from redis.client import Pipeline


def begun(reading: Store | Pipeline) -> dict[str, str]:
    """Return the list version of each service for which everything was last begun to be asked again."""
    return _read(reading.hget(keys.list_versions(), "begun"))


def want(pipe: Pipeline, versions: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Queue that answers of other versions than those that were begun `before` are wanted.

    Services are checked one by one: a version that is not given now is still the last one.
    """
    pipe.hset(
        keys.list_versions(), mapping={"wanted": json.dumps({**before, **versions}), "before": json.dumps(before)}
    )


def begin(pipe: Pipeline, versions: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Queue that all that is to be asked again for these versions is begun."""
    want(pipe, versions, before)
    pipe.hset(keys.list_versions(), "begun", json.dumps({**before, **versions}))


def are_wanted(reading: Store | Pipeline, versions: Mapping[str, str]) -> bool:
    """Whether answers are of the wanted versions, as far as one is known for their services."""
    known = _read(reading.hget(keys.list_versions(), "wanted"))
    return all(known.get(service, version) == version for service, version in versions.items())


def old(store: Store) -> dict[str, str]:
    """Return the list versions, by service, whose answers come too late: those before the ones wanted now."""
    now, before = (_read(one) for one in store.hmget(keys.list_versions(), "wanted", "before"))
    return {service: version for service, version in before.items() if now.get(service, version) != version}


def is_old(verdict: Verdict, old: Mapping[str, str]) -> bool:
    """Whether an answer is from the list version before the one asked for: a cached one, or of a late follower."""
    return verdict.list_version is not None and verdict.list_version == old.get(verdict.service or "")


def _read(stored: bytes | str | None) -> dict[str, str]:
    found: dict[str, str] = json.loads(stored or "{}")
    return found
