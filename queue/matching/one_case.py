"""Does to one case what a person asks for, whatever its file is: takes it back, or adds a note to it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from orbweaver.model import Actor, CaseState, EventType
from orbweaver.queue.matching import settlement
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments.applying import withdrawn
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import CaseChange, CaseRecord, Stamp, change_by_event
from orbweaver.takedown.errors import DecisionRefused
from redis.exceptions import WatchError


def withdraw(store: Store, case_id: str, *, person: Actor, reason: str) -> list[CaseChange]:
    """Have a person withdraw one case, whatever its file is; raises DecisionRefused."""

    def do(before: CaseRecord, stamp: Stamp) -> list[CaseChange]:
        if before.case.pseudonymised is not None:
            since = before.case.pseudonymised.at
            raise DecisionRefused(
                f"case {str(before.case.case_id)[:8]} was pseudonymised on {since:%Y-%m-%d}: nobody could be told "
                "which file it was about"
            )
        if before.case.state is CaseState.WITHDRAWN:
            raise DecisionRefused(f"case {str(before.case.case_id)[:8]} is withdrawn already")
        return withdrawn(before, stamp, actor=person, reason=reason)

    return _change(store, case_id, do)


def note(store: Store, case_id: str, *, person: Actor, words: str) -> list[CaseChange]:
    """Write a person's note about a case; raises DecisionRefused."""
    return _change(
        store,
        case_id,
        lambda before, stamp: [change_by_event(before, EventType.NOTE, stamp, actor=person, reason=words)],
    )


def _change(store: Store, case_id: str, do: Callable[[CaseRecord, Stamp], list[CaseChange]]) -> list[CaseChange]:
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.case(case_id))
            before = case_store.record_of(pipe, case_id)
            if before is None:
                raise DecisionRefused(f"there is no case {case_id}")
            changes = do(before, case_store.stamp(store))
            pipe.multi()
            settlement.write_changes(store, pipe, uuid4().hex, changes)
            try:
                pipe.execute()
            except WatchError:
                continue
            return changes
