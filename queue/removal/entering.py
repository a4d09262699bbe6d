"""Enters the cases of earlier releases: they are checked from now on."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.removal import recheck_times

ALL: Final = b"all"


def enter_some(store: Store, at: datetime) -> int:
    """Enter the next page of cases, once each; returns how many. Safe to do twice, and by several at once."""
    entered = store.get(keys.rechecks_entered())
    if entered == ALL:
        return 0
    begin = int(entered or 0)
    page = store.execute_command("ZRANGE", keys.cases(), begin, begin + case_store.PAGE - 1)
    cases = case_store.read_many(store, map(text, page))
    with store.pipeline(transaction=True) as pipe:
        recheck_times.enter(pipe, cases, at)
        pipe.set(keys.rechecks_entered(), begin + len(page) if page else ALL)
        pipe.execute()
    return len(cases)
