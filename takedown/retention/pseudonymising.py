"""Pseudonymises one case in the store: its events some at a time, oldest first, and with the last of them the case.

Each transaction has the record in the audit log of what it changes. So wherever this is interrupted, the log fits the
events, the case is still due, and the next round goes on with the events that are left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from orbweaver.model import Actor, Event, EventType, Pseudonymised, format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.audit import audit_log, records
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import CaseRecord
from orbweaver.takedown.delivery import outbox
from orbweaver.takedown.removal import returns
from orbweaver.takedown.retention import limits, pseudonym_keys
from orbweaver.takedown.retention.pseudonymous import pseudonymised_case, pseudonymised_event
from orbweaver.takedown.retention.pseudonyms import PseudonymSource
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

# So many events are written in one transaction.
EVENTS_AT_ONCE: Final = 100
# After so many the rest of a case waits for the next step: a case may have thousands.
MOST_EVENTS: Final = 1_000
# A case that is written by others so often in a row is left to the next round.
TRIES: Final = 5


class WhyLeft(StrEnum):
    """Why a case stays as it is."""

    NOT_DUE = "not due"
    WAITS_FOR_DELIVERY = "an event of it waits for its delivery, or is parked"
    WAITS_FOR_ASSESSMENT = "a decision about its file has not reached it yet"
    CHANGES = "it is being changed"
    UNREADABLE = "it cannot be read"
    UNFINISHED = "more events of it are left"


@dataclass(frozen=True)
class Pseudonymising:
    """The result for one case: how many events of it were pseudonymised, and why the case was not."""

    events: int
    refusal: WhyLeft | None = None


def pseudonymise(store: Store, case_id: str, limit: timedelta, at: datetime, actor: Actor) -> Pseudonymising:
    """Pseudonymise a case that is over for longer than `limit`, or say why not; `actor` is who has it done.

    At most about MOST_EVENTS events of it are written: then it is UNFINISHED.
    """
    events = tries = 0
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.case(case_id), keys.case_events(case_id), keys.undelivered())
            try:
                record = case_store.record_of(pipe, case_id)
                refusal = refusal_of(store, record, limit, at)
                if record is None or refusal is not None:
                    return Pseudonymising(events, refusal)
                pipe.watch(keys.assessment(record.case.sha256))
                if record.case.sha256 in assessment_store.due(store):
                    return Pseudonymising(events, WhyLeft.WAITS_FOR_ASSESSMENT)
                left = clear_events(store, case_id, EVENTS_AT_ONCE + 1, after=events)
            except ValueError:
                return Pseudonymising(events, WhyLeft.UNREADABLE)
            is_last = len(left) <= EVENTS_AT_ONCE
            left = dict(list(left.items())[:EVENTS_AT_ONCE])
            names = pseudonym_keys.of_year(store, limits.year_of(record.case))
            mark = mark_of(record, limit, at)
            pipe.multi()
            _write_events(pipe, case_id, left, names, mark, actor)
            if is_last:
                case_store.write_pseudonymised(pipe, record.case, pseudonymised_case(record.case, names, mark))
            try:
                pipe.execute()
            except WatchError:
                tries += 1
                if tries == TRIES:
                    return Pseudonymising(events, WhyLeft.CHANGES)
                continue
        events += len(left)
        if is_last:
            return Pseudonymising(events)
        if events >= MOST_EVENTS:
            return Pseudonymising(events, WhyLeft.UNFINISHED)


def refusal_of(store: Store, record: CaseRecord | None, limit: timedelta, at: datetime) -> WhyLeft | None:
    """Return why a case, as it is read, stays as it is; None when it is due and nothing of it waits."""
    if record is None or not limits.is_due(record, limit, at):
        return WhyLeft.NOT_DUE
    event_ids = [text(one) for one in store.lrange(keys.case_events(str(record.case.case_id)), 0, -1)]
    return WhyLeft.WAITS_FOR_DELIVERY if any(outbox.are_waiting(store, event_ids)) else None


def clear_events(store: Store, case_id: str, most: int, after: int = 0) -> dict[str, Event]:
    """Return the events of a case that are not pseudonymised, by id, oldest first, at most so many.

    The first `after` events are known to be pseudonymised, if not more. Raises ValueError for one that cannot be read.
    """
    event_ids = [text(one) for one in store.lrange(keys.case_events(case_id), after, -1)]
    found: dict[str, Event] = {}
    for start in range(0, len(event_ids), case_store.PAGE):
        page = event_ids[start : start + case_store.PAGE]
        with store.pipeline(transaction=False) as pipe:
            for event_id in page:
                pipe.hexists(keys.event(event_id), "pseudonymised_at")
            clear = [one for one, is_done in zip(page, pipe.execute(), strict=True) if not is_done]
        clear = clear[: most - len(found)]
        for event_id, stored in zip(clear, case_store.stored_events(store, clear), strict=True):
            if stored is not None:
                found[event_id] = Event.model_validate_json(stored)
        if len(found) >= most:
            break
    return found


def mark_of(record: CaseRecord, limit: timedelta, at: datetime) -> Pseudonymised:
    """Return the mark of a case that is pseudonymised now: when, and why."""
    state, ended = record.case.state, limits.ended_at(record) or at
    reason = f"{state.value}, and its last event was on {ended:%Y-%m-%d}: CASE_RETENTION is {_words(limit)}"
    return Pseudonymised(at=at, reason=reason)


def _words(limit: timedelta) -> str:
    return f"{limit.days} days" if not limit.seconds else str(limit)


def _write_events(
    pipe: Pipeline,
    case_id: str,
    events: Mapping[str, Event],
    names: PseudonymSource,
    mark: Pseudonymised,
    actor: Actor,
) -> None:
    written: dict[str, bytes] = {}
    for event_id, event in events.items():
        after = pseudonymised_event(event, names, mark)
        written[event_id] = after.model_dump_json().encode()
        pipe.hset(keys.event(event_id), mapping={"json": written[event_id], "pseudonymised_at": format_time(mark.at)})
        if event.type is EventType.REOPENED:
            returns.rename(pipe, event.case, after.case)
    if written:
        audit_log.note(pipe, records.of_pseudonymised(actor, mark.at, case_id, written))
