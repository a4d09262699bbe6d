"""Ends a command on a signal: in order, or as on Ctrl-C, so that temporary folders are removed first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orbweaver.queue.fleet import stop_signals

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


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Set the event on SIGTERM, SIGHUP and SIGINT, again and again: the stop is in order and has its own end."""
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, lambda _number, _frame: stop_signals.tell(stop)) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
