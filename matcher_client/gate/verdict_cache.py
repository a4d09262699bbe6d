"""Keeps verdicts of network services for a while, by service, list version and file. A new list version ends them all.

Only complete answers are kept: no unknown, and no match for which a question stayed without an answer. A local list is
not cached, because it answers faster than the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import timedelta

from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.model import DigestSet, Verdict, VerdictResult, format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store
from pydantic import ValidationError


class VerdictCache:
    """Verdicts in the store, for `kept` from when they were asked; each batch costs one round trip to read.

    A verdict without a list version and without the time of the list is not kept, because nothing would show that it
    is old.
    """

    def __init__(self, store: Store, kept: timedelta) -> None:
        self._store = store
        self._kept = kept

    def read(self, health: ServiceHealth, digest_sets: Sequence[DigestSet]) -> list[Verdict | None]:
        """Return what is kept for each digest set, in order, of the list that the service's health names."""
        list_id = _list_id(health)
        if list_id is None or not self._kept or not digest_sets:
            return [None] * len(digest_sets)
        stored = self._store.mget([keys.verdict(list_id, digests.sha256) for digests in digest_sets])
        return [None if value is None else _parsed(value) for value in stored]

    def write(self, health: ServiceHealth, answers: Iterable[tuple[DigestSet, Verdict]]) -> None:
        """Keep verdicts of the list that the service's health names; those unknown or not whole are left out."""
        list_id = _list_id(health)
        if list_id is None or not self._kept:
            return
        with self._store.pipeline(transaction=False) as pipe:
            for digests, verdict in answers:
                if verdict.result is not VerdictResult.UNKNOWN and verdict.reason is None:
                    value = verdict.model_dump_json(exclude_defaults=True)
                    pipe.set(keys.verdict(list_id, digests.sha256), value, px=self._kept)
            pipe.execute()


def same_list(before: ServiceHealth, after: ServiceHealth) -> bool:
    """Whether a service named the same state of its list both times, as far as it says it."""
    return _list_id(before) == _list_id(after)


def _list_id(health: ServiceHealth) -> str | None:
    built = None if health.built_at is None else format_time(health.built_at)
    state = health.list_version or built
    if state is None:
        return None
    return hashlib.sha256(f"{health.service}\n{state}".encode()).hexdigest()[:16]


def _parsed(value: bytes | str) -> Verdict | None:
    try:
        return Verdict.model_validate_json(value)
    except ValidationError:
        return None  # another release wrote it: ask again
