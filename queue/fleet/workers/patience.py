"""Has every question of a worker to its store wait while that is away, also those that RQ asks by itself."""

from __future__ import annotations

import _thread
import logging
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from orbweaver.store.connection import Store
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

log = logging.getLogger("orbweaver.worker")
_FOR_EVER = -1
# Longer losses are said; a restart of the server is over before.
SAID_AFTER_FAILURES = 6
_Result = TypeVar("_Result")


class _Patience(Retry):
    """Tries for ever, at most a second apart."""

    def __init__(self) -> None:
        super().__init__(
            ExponentialWithJitterBackoff(cap=1, base=0.05), _FOR_EVER, (RedisConnectionError, RedisTimeoutError)
        )

    def call_with_retry(
        self, do: Callable[[], _Result], fail: Callable[..., Any], *arguments: Any, **options: Any
    ) -> _Result:
        """Do something with the store, as redis-py calls it; a long loss is said once, and its end."""
        failures = 0

        def note(error: Exception, *count: int) -> None:
            nonlocal failures
            failures += 1
            if failures == SAID_AFTER_FAILURES:
                log.warning("the store is away, work goes on when it is back: %s", error)
            fail(error, *count)

        result = super().call_with_retry(do, note, *arguments, **options)
        if failures >= SAID_AFTER_FAILURES:
            log.warning("the store answers again")
        return result


def wait_for_ever(store: Store) -> None:
    """Let no question through this client fail because the store is away; WatchError still says that one must be
    asked again.
    """
    store.set_retry(_Patience())


def end_within(seconds: float) -> None:
    """End this process after so many seconds at the latest: it was told to stop, and may be waiting for the store.

    What it worked on is given back as that of a dead worker.
    """

    def end() -> None:
        time.sleep(seconds)
        log.warning("did not end within %.0f s of being told to stop: what it worked on is given back", seconds)
        os._exit(1)

    # Not by `threading`: a signal handler calls this, and a second signal may interrupt it. RQ's handler then raises
    # StopRequested inside of Thread.start(). That takes the thread out of its book of threads that start (_limbo), and
    # so does the thread itself, which has started: the second of them fails with a KeyError.
    _thread.start_new_thread(end, ())
