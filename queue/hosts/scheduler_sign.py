"""The sign of life of the schedulers of a store: who has looked at the hosts last, and when."""

from __future__ import annotations

import os
import socket
from typing import Final

from orbweaver.model import Moment, Noun
from orbweaver.store import keys
from orbweaver.store.connection import Store
from pydantic import ValidationError

KEPT_SECONDS: Final = 30 * 24 * 3600
# A scheduler looks every second. One that has to count a large store, or to wait for it, takes longer.
SILENT_SECONDS: Final = 30.0


class SchedulerSign(Noun):
    """The last look of any scheduler: its process on its machine, and the moment by the clock of the server."""

    machine: str
    process_id: int
    at: Moment


def give(store: Store, at: Moment) -> None:
    """Note that this process has looked at the hosts."""
    sign = SchedulerSign(machine=socket.gethostname(), process_id=os.getpid(), at=at)
    store.set(keys.scheduler(), sign.model_dump_json(), ex=KEPT_SECONDS)


def last(store: Store) -> SchedulerSign | None:
    """Return the last sign; None when no scheduler has given one for long."""
    stored = store.get(keys.scheduler())
    try:
        return None if stored is None else SchedulerSign.model_validate_json(stored)
    except ValidationError:
        return None  # that of a later release


def silence(sign: SchedulerSign | None, at: Moment) -> str | None:
    """Say in words that no scheduler looks at the hosts; None while one does. Pure."""
    start = "start `orbweaver run`, or `orbweaver scheduler`"
    if sign is None:
        return f"no scheduler looks at the hosts: {start}"
    seconds = (at - sign.at).total_seconds()
    if seconds <= SILENT_SECONDS:
        return None
    return f"no scheduler has looked at the hosts for {round(seconds):,} s: {start}"
