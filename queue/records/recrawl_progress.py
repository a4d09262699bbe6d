"""How far recrawls are: states, counts and times of many, in one round trip and without their orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from orbweaver.model import Limits, Tally
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.store import hash_fields, keys
from orbweaver.store.connection import Store, text


class RecrawlStatus(NamedTuple):
    """The state of a recrawl and its counts, without its order: cheap to read again and again."""

    state: RecrawlState
    tally: Tally
    slices: int = 0


def statuses(store: Store, recrawl_ids: Sequence[str]) -> list[RecrawlStatus]:
    """Read the status of recrawls, in order, in one round trip; a record that has expired counts as failed."""
    with store.pipeline(transaction=False) as pipe:
        for recrawl_id in recrawl_ids:
            pipe.hmget(keys.recrawl(recrawl_id), "state", "tally", "slices")
        answers = pipe.execute()
    return [
        RecrawlStatus(
            RecrawlState(text(state)) if state is not None else RecrawlState.FAILED,
            Tally.model_validate_json(tally) if tally is not None else Tally(),
            int(slices or 0),
        )
        for state, tally, slices in answers
    ]


class RecrawlProgress(NamedTuple):
    """The part of a recrawl under way that is read again and again; `limits` are None for one of an older release."""

    state: RecrawlState
    attempt: int
    tally: Tally
    limits: Limits | None


def progress(store: Store, recrawl_ids: Sequence[str]) -> list[RecrawlProgress | None]:
    """Read the progress of recrawls, in order, in one command; None for one without a record."""
    rows = hash_fields.read(store, keys.recrawl(""), recrawl_ids, ("state", "attempt", "tally", "limits"))
    return [
        None
        if state is None
        else RecrawlProgress(
            RecrawlState(text(state)),
            int(attempt or 0),
            Tally.model_validate_json(tally or b"{}"),
            None if limits is None else Limits.model_validate_json(limits),
        )
        for state, attempt, tally, limits in rows
    ]


class RecrawlTimes(NamedTuple):
    """When a recrawl was made, and when it ended; None for what is not known."""

    created_at: datetime | None
    ended_at: datetime | None


def times(store: Store, recrawl_ids: Sequence[str]) -> list[RecrawlTimes]:
    """Read the times of recrawls, in order, in one round trip."""
    with store.pipeline(transaction=False) as pipe:
        for recrawl_id in recrawl_ids:
            pipe.hmget(keys.recrawl(recrawl_id), "created_at", "ended_at")
        answers = pipe.execute()
    return [
        RecrawlTimes(*(None if one is None else datetime.fromisoformat(text(one)) for one in answer))
        for answer in answers
    ]
