"""How long and how much a sink may answer to one event: whatever reads from its socket asks here.

Libraries have a timeout for each read only: a server that sends a byte every few seconds is never too slow for them.
Here each read has only what is left of the whole time, and all that is received counts.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from orbweaver.takedown.errors import SinkAway


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long and how much an answer may be.

    `silence_seconds` ends one read or write, `whole_seconds` all from the connection to the end of the answer.
    """

    connect_seconds: float = 5
    silence_seconds: float = 15
    whole_seconds: float = 30
    answer_bytes: int = 64 * 1024


@dataclass
class Allowance:
    """The time and the bytes that are left for one event; `deadline` is a time of `time.monotonic`."""

    patience: Patience
    deadline: float
    received: int = 0

    def seconds_left(self) -> float:
        """Return how long the next read may take; raises SinkAway when the time is over."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise SinkAway(f"it is too slow: no whole answer in {self.patience.whole_seconds:g} s")
        return min(left, self.patience.silence_seconds)

    def count(self, received: int) -> None:
        """Count bytes that came; raises SinkAway when they are too many."""
        self.received += received
        # Twice: headers and framing may take as much as the answer.
        if self.received > 2 * self.patience.answer_bytes:
            raise SinkAway(f"it answers with more than {self.patience.answer_bytes:,} bytes")


# Of the event that this thread hands over: a pool gives its connections to any thread.
_given: ContextVar[Allowance] = ContextVar("_given")


@contextlib.contextmanager
def given(patience: Patience) -> Iterator[None]:
    """Give an allowance to all that this thread asks a sink while the block runs."""
    before = _given.set(Allowance(patience, time.monotonic() + patience.whole_seconds))
    try:
        yield
    finally:
        _given.reset(before)


def left() -> Allowance:
    """Return the allowance of this thread; raises LookupError outside of `given`."""
    return _given.get()
