"""Has the files of cases looked for again: the scheduler does it, and where none runs, the upkeep of any worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orbweaver.queue.removal import ending, entering, starting
from orbweaver.queue.removal.ending import Judged
from orbweaver.queue.removal.starting import Started
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.takedown.removal.course import Cadence


@dataclass(frozen=True)
class Rechecked:
    """The work of one look: what was judged, and what was started."""

    judged: Judged
    started: Started

    @property
    def text(self) -> str:
        """The work in words for a log line, "" when nothing was done; it names no host."""
        events = [change for change in self.judged.changes if change.event is not None]
        parts = [
            f"{len(self.judged.changes)} cases checked" if self.judged.changes else "",
            f"{len(events)} events of cases" if events else "",
            f"{len(self.started.started)} re-checks started" if self.started.started else "",
        ]
        return ", ".join(filter(None, parts))


def look(store: Store, settings: Settings, at: datetime) -> Rechecked:
    """Judge what is over and start what is due, in bounded slices. Raises RedisError: nothing is half done."""
    cadence = Cadence(settings.recheck_every, settings.remind_every)
    entering.enter_some(store, at)
    judged = ending.complete(store, cadence, at)
    return Rechecked(judged, starting.start(store, cadence, at))
