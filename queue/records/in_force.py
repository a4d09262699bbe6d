"""Keeps the set-up that is in force on a store: services, sinks and settings, declared by the last run for all workers.

Any worker can take a job, so the settings of a worker decide what is found and where events go. A run declares its
settings while it holds the run lock; a worker with other settings takes no job, and answers that it has got meanwhile
are not written (decision 0028).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orbweaver.matcher_client.transport.service_address import without_secrets
from orbweaver.queue.queues import QueueName
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read
from orbweaver.takedown.delivery.sinks.opening import names_of

if TYPE_CHECKING:
    from redis.client import Pipeline

# The settings that change what is found, or where it goes, by the queue whose jobs they matter to. The others belong
# to a machine: its memory, its patience, its number of connections.
SETTINGS: Mapping[QueueName, tuple[str, ...]] = MappingProxyType(
    {
        QueueName.RECRAWL: (
            "allow_addresses",
            "archive_bytes",
            "archive_depth",
            "archive_members",
            "file_bytes",
            "full_visit_every",
            "html_bytes",
            "nat64_prefixes",
            "sandbox",
            "user_agent",
        ),
        QueueName.MATCH: (
            "geo_asn_db",
            "geo_country_db",
            "matcher_url",
            "max_list_age",
            "max_list_shrinkage",
            "routes",
            "sighting_retention",
            "verdict_cache",
        ),
        QueueName.TAKEDOWN: ("takedown_sinks",),
    }
)

# The settings among them that say where a file is hosted, and who is told because of it.
HOSTING = ("geo_asn_db", "geo_country_db", "routes")


def described(settings: Settings, names: Collection[QueueName]) -> dict[str, str]:
    """Return the settings that matter to these queues, by name, as they are compared: without secrets."""
    dumped = settings.model_dump(mode="json", include={name for queue in names for name in SETTINGS[queue]})
    if "matcher_url" in dumped:
        dumped["matcher_url"] = sorted(map(without_secrets, settings.matcher_urls))
    if "takedown_sinks" in dumped:
        dumped["takedown_sinks"] = names_of(settings.takedown_sinks)
    return {name: json.dumps(sorted(one) if isinstance(one, list | tuple) else one) for name, one in dumped.items()}


def declare(pipe: Pipeline | Store, settings: Settings, names: Collection[QueueName]) -> None:
    """Write, or queue, that these settings are in force for the jobs of these queues. Only under the run lock."""
    mapping: dict[Any, Any] = {**described(settings, names), "state_dir": json.dumps(str(settings.state_dir))}
    pipe.hset(keys.in_force(), mapping=mapping)


def differing(reading: Store | Pipeline, settings: Settings, names: Collection[QueueName]) -> list[str]:
    """Return the names of the settings, as in the environment, that are not those in force; none when nothing is yet.

    A pipeline must be watching `keys.in_force()`.
    """
    return differing_from(reading, described(settings, names))


def differing_from(reading: Store | Pipeline, own: Mapping[str, str]) -> list[str]:
    """Do the same for settings as `described` returns them, for who looks again and again."""
    return _others(own, reading.hmget(keys.in_force(), list(own)))


def reading_differing(own: Mapping[str, str]) -> Read[list[str]]:
    """Return the read of `differing_from`."""
    return Read(lambda pipe: pipe.hmget(keys.in_force(), list(own)), lambda answers: _others(own, *answers))


def _others(own: Mapping[str, str], stored: Sequence[bytes | str | None]) -> list[str]:
    return [
        name.upper()
        for (name, value), found in zip(own.items(), stored, strict=True)
        if found is not None and text(found) != value
    ]


def differing_hosting(reading: Store | Pipeline, settings: Settings) -> list[str]:
    """Do the same for the settings of hosting alone: whoever writes where a case is hosted must have those in force."""
    own = described(settings, [QueueName.MATCH])
    return differing_from(reading, {name: own[name] for name in HOSTING})


def complaint(reading: Store | Pipeline, settings: Settings, names: Collection[QueueName]) -> str | None:
    """Say in one line which settings are not those in force, None when all are."""
    return in_words(differing(reading, settings, names))


def in_words(others: Sequence[str]) -> str | None:
    """Say in one line that these settings are not those in force, None when there are none of them."""
    if not others:
        return None
    return f"other values of {', '.join(others)} are in force on this store, by its last verify or rematch"


def sinks(reading: Store | Pipeline) -> tuple[str, ...]:
    """Return the sinks in force; none when no run has declared any."""
    stored = reading.hget(keys.in_force(), "takedown_sinks")
    return () if stored is None else tuple(json.loads(stored))


def state_dir(reading: Store | Pipeline) -> Path | None:
    """Return the state directory of the last run; None when no run has declared anything."""
    stored = reading.hget(keys.in_force(), "state_dir")
    return None if stored is None else Path(json.loads(stored))
