"""The cases as statistics count them, read from the store once and kept for some minutes.

To read a hundred thousand cases takes about ten seconds: the first page waits a little for them, and says how old its
numbers are. Whoever comes later gets what was read before, while it is read anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orbweaver.model import now
from orbweaver.store.connection import Store
from orbweaver.takedown.statistics.clocks import CaseClocks
from orbweaver.takedown.statistics.course import Course, course_of
from orbweaver.takedown.statistics.reading import read_clocks
from redis.exceptions import RedisError

DAYS: Final = 60
FRESH: Final = timedelta(minutes=5)
# A page does not wait longer for the first reading: it says that the cases are being counted.
PATIENCE_SECONDS: Final = 5.0
log = logging.getLogger("orbweaver.console")


@dataclass(frozen=True)
class Counted:
    """The cases that were in the store at a time, and the course of the last days."""

    cases: Sequence[CaseClocks]
    read_at: datetime
    course: Course


class CountedCases:
    """Reads the cases of a store for statistics, one reading at a time."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: Counted | None = None
        self._reading: threading.Thread | None = None

    def get(self, patience_seconds: float = PATIENCE_SECONDS) -> Counted | None:
        """Return the cases as they were a while ago; None while they are read for the first time, for so long."""
        with self._lock:
            known = self._counted
            if known is not None and self._clock() - known.read_at < FRESH:
                return known
            if self._reading is None:
                self._reading = threading.Thread(target=self._read, name="counted cases", daemon=True)
                self._reading.start()
            reading = self._reading
        if known is None:
            reading.join(patience_seconds)
        return self._counted

    def _read(self) -> None:
        at = self._clock()
        try:
            cases = tuple(read_clocks(self._store))
            self._counted = Counted(cases, at, course_of(cases, at, DAYS))
        except RedisError as error:
            log.warning("the cases could not be counted: %s", type(error).__name__)
        finally:
            with self._lock:
                self._reading = None
