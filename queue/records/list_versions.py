"""Keeps the list version of each matching service that is wanted: answers from another version do not count.

A run says which versions it wants. Later, when a service has a version that was never wanted before, its worker takes
that for the new list. A version that was wanted once and is not any more, or an older list, is late: the machine has
not got the new list yet, or somebody forgot the worker.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from orbweaver.model import Verdict, format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.store.reads import Read

if TYPE_CHECKING:
    from redis.client import Pipeline

# So many versions of a service are remembered as late.
SUPERSEDED = 50
_FIELDS = ["wanted", "newest", "superseded", "begun", "before"]
NO_TIMES: Mapping[str, datetime] = MappingProxyType({})


@dataclass(frozen=True)
class Versions:
    """By service: the version that is `wanted`, those that were wanted before, and the one for which everything was
    last `begun` to be asked again; when the `newest` list that was ever wanted was built (RFC 3339), where it says so.
    """

    wanted: Mapping[str, str] = field(default_factory=dict)
    newest: Mapping[str, str] = field(default_factory=dict)
    superseded: Mapping[str, list[str]] = field(default_factory=dict)
    begun: Mapping[str, str] = field(default_factory=dict)

    def is_late(self, service: str, version: str, built_at: datetime | None = None) -> bool:
        """Whether a service's list is neither the one that is wanted nor a new one."""
        wanted = self.wanted.get(service)
        if wanted is None or version == wanted:
            return False
        newest = self.newest.get(service)
        if built_at is not None and newest is not None and format_time(built_at) != newest:
            return format_time(built_at) < newest
        return version in self.superseded.get(service, ())

    def are_begun(self, versions: Mapping[str, str]) -> bool:
        """Whether everything was begun to be asked again for these versions."""
        return versions.items() <= self.begun.items()

    def with_wanted(self, versions: Mapping[str, str], built: Mapping[str, datetime]) -> Versions:
        """Return the record when other versions are wanted; a service that is not named keeps its own."""
        superseded = dict(self.superseded)
        for service, version in versions.items():
            before = [one for one in superseded.get(service, []) if one != version]
            last = self.wanted.get(service)
            if last is not None and last != version:
                before = [*(one for one in before if one != last), last]
            superseded[service] = before[-SUPERSEDED:]
        times = {service: format_time(at) for service, at in built.items() if service in versions}
        newest = {service: max(at, self.newest.get(service, at)) for service, at in times.items()}
        return Versions({**self.wanted, **versions}, {**self.newest, **newest}, superseded, self.begun)


def read(reading: Store | Pipeline) -> Versions:
    """Read the record; a pipeline must be watching `keys.list_versions()`."""
    return _understood(reading.hmget(keys.list_versions(), _FIELDS))


def reading() -> Read[Versions]:
    """Return the read of the record."""
    return Read(lambda pipe: pipe.hmget(keys.list_versions(), _FIELDS), lambda answers: _understood(*answers))


def _understood(fields: Sequence[bytes | str | None]) -> Versions:
    wanted, newest, superseded, begun, before = fields
    late: dict[str, list[str]] = json.loads(superseded or "{}")
    if superseded is None:  # an earlier release wrote only the last one
        late = {service: [version] for service, version in _read(before).items()}
    return Versions(_read(wanted), _read(newest), late, _read(begun))


def want(
    pipe: Pipeline | Store, known: Versions, versions: Mapping[str, str], built: Mapping[str, datetime] = NO_TIMES
) -> None:
    """Write, or queue, that answers of these versions are wanted, where others were `known`."""
    after = known.with_wanted(versions, built)
    fields = {"wanted": after.wanted, "newest": after.newest, "superseded": after.superseded}
    pipe.hset(keys.list_versions(), mapping={name: json.dumps(value) for name, value in fields.items()})


def begin(pipe: Pipeline, known: Versions, versions: Mapping[str, str]) -> None:
    """Queue that all that is to be asked again for these versions is begun."""
    pipe.hset(keys.list_versions(), "begun", json.dumps({**known.begun, **versions}))


def unwanted(known: Versions, versions: Mapping[str, str]) -> list[str]:
    """Return the services whose answers are of another version than the wanted one, as far as one is wanted."""
    return [service for service, version in versions.items() if known.wanted.get(service, version) != version]


def unwanted_of(known: Versions, verdict: Verdict) -> list[str]:
    """Return the services in a verdict whose answers are of another version than the wanted one."""
    answered = {source.service: source.list_version for source in verdict.sources if source.list_version is not None}
    return unwanted(known, answered)


def _read(stored: bytes | str | None) -> dict[str, str]:
    found: dict[str, str] = json.loads(stored or "{}")
    return found
