"""Lets only the last attempt at a recrawl write: each write notices a later attempt, and a store that was set back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orbweaver.crawler.errors import NotRecorded
from orbweaver.store import keys
from orbweaver.store.connection import Store
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from redis.client import Pipeline

# Queues something on an open transaction.
Write = Callable[["Pipeline"], None]


@dataclass
class Attempt:
    """One try at a recrawl, and the fence of its writes: a later attempt has a higher `number`.

    `writes` counts what it wrote, here and in the store. So each write notices that an earlier one is not there any
    more, because the store failed over to a server that had not got it. `is_unsure` after a write whose answer was
    lost: the same one can be tried again, and is not written twice.
    """

    number: int
    writes: int = 0
    is_unsure: bool = False


def write_under_fence(store: Store, recrawl_id: str, attempt: Attempt, writes: Sequence[Write]) -> bool:
    """Do writes of an attempt in one transaction; False when a later attempt has begun, and nothing was written.

    After an error of the connection the caller may try the same writes again. Raises NotRecorded when the store has
    lost what the attempt wrote before.
    """
    key = keys.recrawl(recrawl_id)
    is_later = False

    def write_all(pipe: Pipeline) -> None:
        nonlocal is_later
        number, written = last_attempt(pipe, key)
        is_later = number > attempt.number
        if is_later or (attempt.is_unsure and written == attempt.writes + 1):
            return  # the latter: it was written, and only the answer was lost
        _require_all(attempt, number, written)
        pipe.multi()
        for write in writes:
            write(pipe)
        pipe.hincrby(key, "writes", 1)
        attempt.is_unsure = True

    store.transaction(write_all, key)
    attempt.writes += 1
    attempt.is_unsure = False
    return not is_later


def check(store: Store, recrawl_id: str, attempt: Attempt) -> None:
    """Raise NotRecorded when the store has lost what an attempt wrote, and no later one has begun."""
    number, writes = last_attempt(store, keys.recrawl(recrawl_id))
    if number <= attempt.number:
        _require_all(attempt, number, writes)


def last_attempt(reading: Store | Pipeline, key: str) -> tuple[int, int]:
    """Return the number of the last attempt, and how much it wrote. A pipeline must be watching the key."""
    number, writes = reading.hmget(key, ["attempt", "writes"])
    return int(number or 0), int(writes or 0)


def _require_all(attempt: Attempt, number: int, writes: int) -> None:
    if (number, writes) != (attempt.number, attempt.writes):
        raise NotRecorded("the store has lost what this recrawl wrote before: it failed over, or was set back")


def record_together(store: Store, recrawl_id: str, attempt: Attempt, writes: Sequence[Write]) -> None:
    """Do writes of which some are findings, in one transaction.

    Raises NotRecorded when the store refuses them or has lost what it took before, or when a later attempt of the same
    recrawl has begun; and, as redis-py does, ConnectionError and TimeoutError while the store is away: the same can be
    written again.
    """
    try:
        is_written = write_under_fence(store, recrawl_id, attempt, writes)
    except (RedisConnectionError, RedisTimeoutError):
        raise
    except RedisError as error:
        raise NotRecorded(f"the store did not accept what was found: {error}") from error
    if not is_written:
        raise NotRecorded("a later attempt of this recrawl has begun")
