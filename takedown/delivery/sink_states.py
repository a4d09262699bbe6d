"""How each sink answers, and since when events go there."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read
from orbweaver.takedown.delivery.backoff import EVENTS_OF_A_SINK_THAT_IS_DOWN

if TYPE_CHECKING:
    from redis.client import Pipeline


@dataclass(frozen=True)
class SinkState:
    """How a sink answers: how many different events it did not take since its last yes, since when, and why.

    Until `next_at` it gets nothing; `added_at` is since when events go there. Times are seconds since 1970. `is_gone`:
    it said that it is gone for good.
    """

    added_at: float
    failures: int = 0
    since: float | None = None
    next_at: float = 0.0
    reason: str | None = None
    is_gone: bool = False

    @property
    def is_down(self) -> bool:
        """Whether it gets one event at a time, to see whether it is back."""
        return self.is_gone or self.failures >= EVENTS_OF_A_SINK_THAT_IS_DOWN


def note_sinks(store: Store, sinks: Collection[str], at: float) -> None:
    """Note since when events go to these sinks; what is known of one that is noted stays."""
    for sink in sinks:
        store.hsetnx(keys.sinks(), sink, json.dumps(asdict(SinkState(added_at=at))))


def states(store: Store) -> dict[str, SinkState]:
    """Return what is known of each sink that events go to."""
    stored = store.hgetall(keys.sinks())
    return {text(sink): SinkState(**json.loads(value)) for sink, value in stored.items()}


def state_of(store: Store, sink: str) -> SinkState | None:
    """Return what is known of a sink; None when no event was ever to go there."""
    return _understood(store.hget(keys.sinks(), sink))


def reading(sink: str) -> Read[SinkState | None]:
    """Return the read of what is known of a sink."""
    return Read(lambda pipe: pipe.hget(keys.sinks(), sink), lambda answers: _understood(answers[0]))


def _understood(stored: bytes | str | None) -> SinkState | None:
    return None if stored is None else SinkState(**json.loads(stored))


def write_state(pipe: Pipeline | Store, sink: str, state: SinkState) -> None:
    """Write, or queue, what is known of a sink."""
    pipe.hset(keys.sinks(), sink, json.dumps(asdict(state)))
