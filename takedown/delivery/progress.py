"""Two of the four clocks of a case: when a sink first took one of its events, and when one was first acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from orbweaver.model import format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read

if TYPE_CHECKING:
    from redis.client import Pipeline

READ_AT_ONCE: Final = 500


@dataclass(frozen=True)
class DeliveryClocks:
    """When a case first reached a sink, and when an event of it was first acknowledged; None for not yet."""

    first_delivered_at: datetime | None = None
    acknowledged_at: datetime | None = None


def note_first_delivered(pipe: Pipeline, case_id: str, at: str) -> None:
    """Queue that a sink has taken an event of a case at a time (RFC 3339); the first time stays."""
    pipe.hsetnx(keys.first_delivered(), case_id, at)


def reading_first_delivered(case_id: str) -> Read[str | None]:
    """Return the read of when a case was first delivered as `note_first_delivered` writes it, None when it was not."""
    return Read(
        lambda pipe: pipe.hget(keys.first_delivered(), case_id),
        lambda answers: None if answers[0] is None else text(answers[0]),
    )


def first_mark(store: Store, case_id: str) -> str | None:
    """Return when a case was first delivered by its events, None when it was not: an earlier release wrote no more."""
    first = _first_mark(store, case_id)
    return None if first is None else format_time(first)


def note_acknowledged(pipe: Pipeline, case_id: str, at: str) -> None:
    """Queue that the engine has acknowledged an event of a case at a time (RFC 3339); the first time stays."""
    pipe.hsetnx(keys.acknowledged(), case_id, at)


def clocks_of(store: Store, case_ids: Sequence[str]) -> Mapping[str, DeliveryClocks]:
    """Return the clocks of cases by their ids, two commands for READ_AT_ONCE of them.

    What an earlier release delivered is read from the marks of the sinks in the events of the case.
    """
    clocks: dict[str, DeliveryClocks] = {}
    for start in range(0, len(case_ids), READ_AT_ONCE):
        page = list(case_ids[start : start + READ_AT_ONCE])
        delivered = [_time(one) for one in store.hmget(keys.first_delivered(), page)]
        acknowledged = [_time(one) for one in store.hmget(keys.acknowledged(), page)]
        for case_id, first, answered in zip(page, delivered, acknowledged, strict=True):
            clocks[case_id] = DeliveryClocks(first or _first_mark(store, case_id), answered)
    return clocks


def _first_mark(store: Store, case_id: str) -> datetime | None:
    """Return the earliest mark of a sink in the events of a case; the first event that has one decides."""
    for event_id in store.lrange(keys.case_events(case_id), 0, -1):
        fields = store.hgetall(keys.event(text(event_id)))
        marks = [_time(value) for name, value in fields.items() if b":" in name]  # as every sink's name has
        if times := [one for one in marks if one is not None]:
            return min(times)
    return None


def _time(stored: bytes | str | None) -> datetime | None:
    try:
        return None if stored is None else datetime.fromisoformat(text(stored))
    except ValueError:
        return None
