"""Ends a command on a signal in the same way as on Ctrl-C: temporary folders are removed first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

# SIGHUP: the terminal was closed, or the connection to it was lost.
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def unwound_when_terminated() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit (128 plus the signal's number, as in a shell); a second is ignored.

    By default these signals end the process at once, and temporary folders stay behind.
    """

    def unwind(number: int, _frame: object) -> None:
        for ignored in _SIGNALS:
            signal.signal(ignored, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, unwind) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
