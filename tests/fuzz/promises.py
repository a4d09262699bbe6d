"""The promise of every target: an answer within a time that grows no faster than the input."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Wide enough for a busy machine and for instrumented code; a quadratic reader passes it within kilobytes.
FIXED_SECONDS = 1.0
SECONDS_PER_KIB = 0.02
MOST_STRETCHED_BYTES = 64 * 1024
# A first byte from here on says by which power of two; most inputs are small, so that a round tries many.
FIRST_STRETCH = 240


@contextmanager
def in_time_for(data: bytes | str) -> Iterator[None]:
    """Fail when the block takes more CPU time than its input's size allows."""
    began = time.thread_time()
    yield
    spent = time.thread_time() - began
    allowed = FIXED_SECONDS + SECONDS_PER_KIB * len(data) / 1024
    assert spent < allowed, f"{spent:.2f} s for {len(data)} bytes"


def stretched(data: bytes) -> bytes:
    """Repeat what follows the first byte as often as that says, so that a short input shows what grows too fast."""
    if not data:
        return b""
    rest = data[1:]
    power = data[0] - FIRST_STRETCH if data[0] >= FIRST_STRETCH else 0
    times = min(2**power, MOST_STRETCHED_BYTES // max(1, len(rest)))
    return rest * max(1, times)
