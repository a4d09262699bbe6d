"""Which list versions answers are wanted of: the ones for which everything was last asked again (rematch, recall)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

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


def late(store: Store, versions: Mapping[str, str]) -> list[str]:
    """Return the services that answered of the list before the wanted one."""
    wanted, before = (_read(one) for one in store.hmget(keys.list_versions(), "wanted", "before"))
    return [service for service, said in versions.items() if wanted.get(service) != said == before.get(service)]


def _read(stored: bytes | str | None) -> dict[str, str]:
    found: dict[str, str] = json.loads(stored or "{}")
    return found
