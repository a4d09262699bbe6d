"""Wakes the couriers of this process when there is something to deliver."""

from __future__ import annotations

import threading


class Alarm:
    """Rings for everybody who waits, and for whoever begins to wait with a number from before it rang."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rung = 0

    @property
    def rung(self) -> int:
        """How often it has rung."""
        return self._rung

    def ring(self) -> None:
        """Wake everybody."""
        with self._condition:
            self._rung += 1
            self._condition.notify_all()

    def wait(self, rung: int, seconds: float) -> None:
        """Return when it has rung more often than `rung`, or after so many seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._rung > rung, seconds)


OF_THIS_PROCESS = Alarm()
