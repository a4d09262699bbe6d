"""Ending on a signal as on Ctrl-C: what is being made is put away first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

# SIGHUP: the terminal was closed, or the connection to it was lost.
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def unwound_when_terminated() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit (128 and the signal's number, as a shell says it); a second is ignored.

    By default they end the process where it stands, and temporary folders stay behind.
    """

    def unwind(number: int, _frame: object) -> None:
        for one in _SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, unwind) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
