"""Checks that events, cases and assessments are as the audit log recorded them, and that nothing else is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orbweaver.model import Event
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.audit import audit_log, chain, forgotten, records
from orbweaver.takedown.audit.faults import Fault, FoundFault
from orbweaver.takedown.audit.forgotten import Forgotten
from orbweaver.takedown.cases import case_store

PAGE = 500


@dataclass(frozen=True)
class RetentionWork:
    """The work of retention on a log: the entries of accesses that it took, and the events that it pseudonymised."""

    taken_away: frozenset[int]
    forgotten: Forgotten


@dataclass
class _Recorded:
    """The contents that the log recorded: the entries of events by case, in order, and the last one of each assessment.

    `decided` are the ids of all assessments that it names; `began_at` is when its first event was recorded.
    """

    events: dict[str, dict[str, int]] = field(default_factory=dict)
    assessments: dict[str, tuple[int, str]] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    began_at: datetime | None = None

    def take(self, number: int, record: Mapping[str, Any]) -> bool:
        """Note a record; returns whether it is of an event."""
        if record.get("kind") == records.DECISION:
            ids = [str(one) for one in record.get("subject", ())]
            self.decided.update(ids)
            if "assessment_sha256" in record:
                self.assessments.update(dict.fromkeys(ids, (number, str(record["assessment_sha256"]))))
        if record.get("kind") != records.EVENT:
            return False
        at = records.time_of(record)
        self.began_at = at if self.began_at is None or (at is not None and at < self.began_at) else self.began_at
        self.events.setdefault(str(record.get("case_id")), {})[str(record.get("event_id"))] = number
        return True


def check(store: Store, done: RetentionWork) -> Iterator[FoundFault]:
    """Yield what is wrong with events, with the cases that follow from them, and with what people decided.

    The events that a case had before the first that was recorded are from a release without an audit log. An event
    that retention has pseudonymised is as that was recorded.
    """
    recorded = _Recorded()
    page: list[tuple[int, Mapping[str, Any]]] = []
    for number, record in _records(store):
        if not recorded.take(number, record):
            continue
        page.append((number, record))
        if len(page) == PAGE:
            yield from _check_contents(store, page, done.forgotten)
            page = []
    yield from _check_contents(store, page, done.forgotten)
    named = {*recorded.events, *(new.case_id for new in done.forgotten.events.values())}
    for case_id in _case_ids(store, named, are_all=bool(done.taken_away)):
        numbers = recorded.events.get(case_id, {})
        there = [text(one) for one in store.lrange(keys.case_events(case_id), 0, -1)]
        first = next((at for at, one in enumerate(there) if one in numbers), len(there))
        yield from _check_order(case_id, there[first:], numbers)
        yield from _check_older(store, case_id, there[:first], done, recorded.began_at)
        if there and case_id in named:  # of others, of early releases, the last event may not be in the list
            yield from _check_case(store, case_id, there[-1])
    yield from _check_assessments(store, recorded)


def _check_order(case_id: str, there: Sequence[str], numbers: Mapping[str, int]) -> Iterator[FoundFault]:
    """Yield what is wrong with the list of the events of a case, from the first that was recorded on."""
    for event_id in dict.fromkeys(there):
        if event_id not in numbers:
            words = f"event {event_id} of case {case_id} is recorded nowhere: it was added"
            yield FoundFault(Fault.EVENT_UNRECORDED, None, words)
    listed = set(there)
    for event_id, number in numbers.items():
        if event_id not in listed:
            words = f"event {event_id} was taken out of the list of case {case_id} (entry {number} records it)"
            yield FoundFault(Fault.EVENT_MISSING, number, words)
    if [one for one in there if one in numbers] != [one for one in numbers if one in listed]:
        words = f"the events of case {case_id} are in another order than they were recorded in"
        yield FoundFault(Fault.EVENT_MOVED, None, words)


def _check_case(store: Store, case_id: str, last_event_id: str) -> Iterator[FoundFault]:
    """Yield what is wrong with a case where only an event changes it: it is in the state that its last one left."""
    stored, sequence = store.hmget(keys.case(case_id), "json", "sequence")
    left = _state_of_event(store.hget(keys.event(last_event_id), "json"))
    if left is None:
        return  # that is said of the event
    if _state_of(stored, sequence) != left:
        words = f"case {case_id} is not what its last event left: it was changed without one"
        yield FoundFault(Fault.CASE_CHANGED, None, words)
    elif store.zscore(keys.cases(), case_id) is None:
        yield FoundFault(Fault.CASE_CHANGED, None, f"case {case_id} was taken out of the list of all cases")


def _state_of(stored: bytes | str | None, sequence: bytes | str | int | None) -> tuple[object, ...] | None:
    """Return id and state of a stored case, since when, and the number of its last event; None of what is none."""
    try:
        case = json.loads(stored or b"")
        return case["case_id"], case["state"], case.get("state_since"), int(sequence or 0)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _state_of_event(stored: bytes | str | None) -> tuple[object, ...] | None:
    """Return the same of the case in a stored event."""
    try:
        event = json.loads(stored or b"")
        return _state_of(json.dumps(event["case"]), event["sequence"])
    except (ValueError, KeyError, TypeError):
        return None


def _check_assessments(store: Store, recorded: _Recorded) -> Iterator[FoundFault]:
    """Yield what is wrong with what people decided: each decision that holds is the last that was recorded."""
    found: set[str] = set()
    for sha256 in store.execute_command("ZRANGE", keys.assessments(), 0, -1):
        stored: bytes = store.execute_command("HGET", keys.assessment(text(sha256)), "json") or b""
        try:
            assessment_id = str(json.loads(stored)["assessment_id"])
        except (ValueError, KeyError, TypeError):
            yield FoundFault(Fault.ASSESSMENT_CHANGED, None, "an assessment cannot be read: it was changed")
            continue
        found.add(assessment_id)
        number, expected = recorded.assessments.get(assessment_id, (None, None))
        if assessment_id not in recorded.decided:
            words = f"assessment {assessment_id} is recorded nowhere: it was added"
            yield FoundFault(Fault.ASSESSMENT_CHANGED, None, words)
        elif expected is not None and hashlib.sha256(stored).hexdigest() != expected:
            words = f"assessment {assessment_id} was changed after it was recorded (entry {number})"
            yield FoundFault(Fault.ASSESSMENT_CHANGED, number, words)
    for assessment_id, (number, _) in recorded.assessments.items():
        if assessment_id not in found:
            words = f"assessment {assessment_id} was taken away (entry {number} records it)"
            yield FoundFault(Fault.ASSESSMENT_CHANGED, number, words)


def _case_ids(store: Store, known: Collection[str], *, are_all: bool) -> Iterator[str]:
    """Yield the ids of the cases that the log names, or of all: entries of any case may have been taken away."""
    yield from known
    start = 0
    while are_all and (page := store.execute_command("ZRANGE", keys.cases(), start, start + PAGE - 1)):
        yield from (case_id for case_id in map(text, page) if case_id not in known)
        start += PAGE


def _check_older(
    store: Store, case_id: str, event_ids: Sequence[str], done: RetentionWork, began_at: datetime | None
) -> Iterator[FoundFault]:
    """Yield what is wrong with the events that a case had before its first one in the log.

    Retention takes no entry of an event away: where it took any, each event since the log began has its entry.
    """
    for start in range(0, len(event_ids), PAGE):
        asked = event_ids[start : start + PAGE]
        for event_id, stored in zip(asked, case_store.stored_events(store, asked), strict=True):
            new = done.forgotten.events.get(event_id)
            if stored is None:
                continue
            if new is not None:
                digest = hashlib.sha256(stored).hexdigest()
                if digest != new.event_sha256 or not forgotten.is_left_of(stored, None, new):
                    yield _changed_since(event_id, case_id, new.number)
            if done.taken_away and began_at is not None and _is_since(stored, began_at):
                words = f"event {event_id} of case {case_id} is recorded nowhere, and was after the log began"
                yield FoundFault(Fault.EVENT_UNRECORDED, None, words)


def _is_since(stored: bytes, began_at: datetime) -> bool:
    try:
        recorded_at = Event.model_validate_json(stored).recorded_at
    except ValueError:
        return True
    return recorded_at is not None and recorded_at >= began_at


def _changed_since(event_id: str, case_id: str, number: int) -> FoundFault:
    words = f"event {event_id} of case {case_id} is not what retention left of it (entry {number})"
    return FoundFault(Fault.EVENT_CHANGED, number, words)


def _records(store: Store) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, entry in audit_log.entries(store):
        try:
            yield number, chain.read(entry).record
        except ValueError:
            continue  # check_entries has said so


def _check_contents(
    store: Store, page: Sequence[tuple[int, Mapping[str, Any]]], since: Forgotten
) -> Iterator[FoundFault]:
    stored = case_store.stored_events(store, [str(record.get("event_id")) for _, record in page])
    for (number, record), event in zip(page, stored, strict=True):
        event_id, case_id = str(record.get("event_id")), str(record.get("case_id"))
        new = since.events.get(event_id)
        if event is None:
            words = f"event {event_id} of case {case_id} was taken away (entry {number} records it)"
            yield FoundFault(Fault.EVENT_MISSING, number, words)
        elif new is None or new.number < number:
            if hashlib.sha256(event).hexdigest() != record.get("event_sha256"):
                words = f"event {event_id} of case {case_id} was changed after it was recorded (entry {number})"
                yield FoundFault(Fault.EVENT_CHANGED, number, words)
        elif hashlib.sha256(event).hexdigest() != new.event_sha256 or not forgotten.is_left_of(event, record, new):
            yield _changed_since(event_id, case_id, new.number)
