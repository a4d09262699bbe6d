"""Deadlines of transfers under one timer: each chunk of a body moves one, and a timer of its own would cost 5 us."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

# How much later than asked a deadline may come.
TICK_SECONDS: Final = 0.1


class Deadline:
    """Ends the block inside it with TimeoutError when its time is over: `async with deadlines.open(20) as deadline`."""

    __slots__ = ("_at", "_deadlines", "_timeout")

    def __init__(self, deadlines: Deadlines, at: float) -> None:
        self._deadlines = deadlines
        self._timeout = asyncio.timeout(None)
        self._at = at

    def move(self, at: float) -> None:
        """Let it come at another moment of the loop's clock."""
        self._at = at

    def end_if_due(self, now: float) -> None:
        """End the block inside when the moment has come."""
        # A block that is ending already cannot be ended again: to try is an error.
        if self._at <= now and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time())

    async def __aenter__(self) -> Deadline:
        await self._timeout.__aenter__()
        self._deadlines.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._deadlines.discard(self)
        await self._timeout.__aexit__(kind, error, traceback)


class Deadlines:
    """The deadlines of one recrawl; `is_ended` says that all have come and no other will be opened."""

    def __init__(self) -> None:
        self.is_ended = False
        self._open: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None

    def open(self, seconds: float) -> Deadline:
        """Return a deadline that comes in so many seconds."""
        return Deadline(self, asyncio.get_running_loop().time() + seconds)

    def end(self) -> None:
        """Let every deadline come now."""
        self.is_ended = True
        for deadline in self._open:
            deadline.end_if_due(float("inf"))

    def add(self, deadline: Deadline) -> None:
        """Watch a deadline."""
        self._open.add(deadline)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def discard(self, deadline: Deadline) -> None:
        """Watch it no longer."""
        self._open.discard(deadline)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if not self._open:
            return
        now = loop.time()
        for deadline in self._open:
            deadline.end_if_due(now)
        self._timer = loop.call_later(TICK_SECONDS, self._tick)
