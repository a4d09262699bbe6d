"""Reads cases from the store, and writes them inside the transaction of the verdict that changed them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from orbweaver.model import Case, CaseState, Event, format_time, now
from orbweaver.store import identity, keys
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read
from orbweaver.takedown.audit import audit_log, records
from orbweaver.takedown.cases import case_entries
from orbweaver.takedown.cases.changes import CaseChange, CaseRecord, Stamp

if TYPE_CHECKING:
    from redis.client import Pipeline
    from redis.typing import EncodableT, FieldT

# So many cases are read in one round trip.
PAGE = 500
_RECORD = ["json", "sequence", "was_opened", "recorded_at", "told_at"]


def stamp(store: Store) -> Stamp:
    """Return the stamp for events that this store records now."""
    return Stamp(identity.store_id(store), now())


def record_of(store: Store | Pipeline, case_id: str) -> CaseRecord | None:
    """Read a case as it stands; None when there is no such case.

    A pipeline must be watching (its reads are immediate then).
    """
    return _record(store.hmget(keys.case(case_id), _RECORD))


def reading_records(case_ids: Sequence[str]) -> Read[dict[str, CaseRecord]]:
    """Return the read of cases as they stand, by id; ids without a case are left out."""

    def ask(pipe: Pipeline) -> None:
        for case_id in case_ids:
            pipe.hmget(keys.case(case_id), _RECORD)

    def understand(answers: Sequence[Sequence[bytes | None]]) -> dict[str, CaseRecord]:
        found = ((case_id, _record(fields)) for case_id, fields in zip(case_ids, answers, strict=True))
        return {case_id: record for case_id, record in found if record is not None}

    return Read(ask, understand)


def _record(fields: Sequence[bytes | str | None]) -> CaseRecord | None:
    stored, sequence, was_opened, recorded, told = fields
    if stored is None or sequence is None:
        return None
    recorded_at, told_at = (None if one is None else datetime.fromisoformat(text(one)) for one in (recorded, told))
    if told_at is None and was_opened == b"1":
        told_at = recorded_at  # of an earlier release
    return CaseRecord(Case.model_validate_json(stored), int(sequence), was_opened == b"1", recorded_at, told_at)


def existing(store: Store, case_ids: Sequence[str]) -> set[str]:
    """Return which of these ids are cases, in one round trip."""
    return _existing(case_ids, store.zmscore(keys.cases(), list(case_ids))) if case_ids else set()


def reading_existing(case_ids: Sequence[str]) -> Read[set[str]]:
    """Return the read of which of these ids are cases."""
    if not case_ids:
        return Read(lambda _: None, lambda _: set())
    return Read(lambda pipe: pipe.zmscore(keys.cases(), list(case_ids)), lambda answers: _existing(case_ids, *answers))


def _existing(case_ids: Sequence[str], scores: Sequence[float | None]) -> set[str]:
    return {case_id for case_id, score in zip(case_ids, scores, strict=True) if score is not None}


def write(pipe: Pipeline, change: CaseChange) -> None:
    """Queue a change's writes on a transaction: the case, its entries in the index, and its event."""
    case = change.after.case
    case_id = str(case.case_id)
    fields: dict[FieldT, EncodableT] = {
        "json": case.model_dump_json(),
        "sequence": change.after.sequence,
        "was_opened": int(change.after.was_opened),
    }
    if change.after.recorded_at is not None:
        fields["recorded_at"] = format_time(change.after.recorded_at)
    if change.after.told_at is not None:
        fields["told_at"] = format_time(change.after.told_at)
    pipe.hset(keys.case(case_id), mapping=fields)
    pipe.zadd(keys.cases(), {case_id: case.first_seen.timestamp()})
    if change.pseudonym is not None:
        pipe.zrem(keys.case_files(), f"{change.pseudonym}:{case_id}")
    pipe.zadd(keys.case_files(), {_line_of(case): 0})
    case_entries.write(pipe, case)
    if change.event is not None:
        event_id = str(change.event.event_id)
        pipe.rpush(keys.case_events(case_id), event_id)
        stored = change.event.model_dump_json()
        pipe.hset(keys.event(event_id), "json", stored)
        audit_log.note(pipe, records.of_event(change.event, stored.encode()))


def write_pseudonymised(pipe: Pipeline, before: Case, after: Case) -> None:
    """Queue what retention leaves of a case on a transaction; it is no event, and the case counts as before."""
    if after.pseudonymised is None:
        raise ValueError("a case that is not pseudonymised changes by an event")
    fields: dict[FieldT, EncodableT] = {
        "json": after.model_dump_json(),
        "pseudonymised_at": format_time(after.pseudonymised.at),
    }
    pipe.hset(keys.case(str(after.case_id)), mapping=fields)
    pipe.zrem(keys.case_files(), _line_of(before))
    pipe.zadd(keys.case_files(), {_line_of(after): 0})
    case_entries.write(pipe, after)


def case_ids_of_events(store: Store, event_ids: Sequence[str]) -> frozenset[str]:
    """Return the ids of the cases that these events belong to."""
    case_ids: set[str] = set()
    for start in range(0, len(event_ids), PAGE):
        with store.pipeline(transaction=False) as pipe:
            for event_id in event_ids[start : start + PAGE]:
                pipe.hget(keys.event(event_id), "json")
            case_ids.update(str(json.loads(stored)["case_id"]) for stored in pipe.execute() if stored is not None)
    return frozenset(case_ids)


def stored_events(store: Store, event_ids: Sequence[str]) -> list[bytes | None]:
    """Read the bytes of events as they are stored, in one round trip; None for one that is not there."""
    with store.pipeline(transaction=False) as pipe:
        for event_id in event_ids:
            pipe.hget(keys.event(event_id), "json")
        return list(pipe.execute())


def events_of(store: Store, case_id: str) -> list[Event]:
    """Return the events of a case, oldest first."""
    events: list[Event] = []
    for start in itertools.count(step=PAGE):
        page = store.lrange(keys.case_events(case_id), start, start + PAGE - 1)
        if not page:
            return events
        with store.pipeline(transaction=False) as pipe:
            for event_id in page:
                pipe.hget(keys.event(text(event_id)), "json")
            events += [Event.model_validate_json(stored) for stored in pipe.execute() if stored is not None]
    raise AssertionError("the count has no end")


def events_after(store: Store, case_id: str, start: int, most: int) -> list[Event]:
    """Return at most so many events of a case after its first `start` ones, oldest first."""
    page = store.lrange(keys.case_events(case_id), start, start + most - 1)
    stored = stored_events(store, [text(event_id) for event_id in page])
    return [Event.model_validate_json(one) for one in stored if one is not None]


def read_many(store: Store, case_ids: Iterable[str]) -> list[Case]:
    """Read cases, oldest first, then by URL; ids without a case are left out."""
    with store.pipeline(transaction=False) as pipe:
        for case_id in case_ids:
            pipe.hget(keys.case(case_id), "json")
        cases = [Case.model_validate_json(stored) for stored in pipe.execute() if stored is not None]
    return sorted(cases, key=lambda case: (case.first_seen, case.url, case.sha256))


def count_of_file(store: Store, sha256: str) -> int:
    """Return how many cases a file has, in whatever state: at how many places it was found."""
    _require_lines(store)
    return int(store.execute_command("ZLEXCOUNT", keys.case_files(), f"[{sha256}:", f"({sha256};"))


def case_ids_of_file(store: Store, sha256: str) -> Iterator[str]:
    """Yield the ids of the cases of a file, a page at a time.

    A case that is made meanwhile may be missed: whoever may miss none first writes what new cases are to obey.
    """
    _require_lines(store)
    after = f"[{sha256}:"
    while True:
        page = store.execute_command("ZRANGEBYLEX", keys.case_files(), after, f"({sha256};", "LIMIT", 0, PAGE)
        yield from (text(line).partition(":")[2] for line in page)
        if len(page) < PAGE:
            return
        after = f"({text(page[-1])}"


def _line_of(case: Case) -> str:
    return f"{case.sha256}:{case.case_id}"


def _require_lines(store: Store) -> None:
    """Make the lines of cases of older releases, once: a line comes with its case, so all are there or some lack.

    Safe to do twice, and by several at once.
    """
    if store.zcard(keys.case_files()) != store.zcard(keys.cases()):
        for case in all_cases(store):
            store.zadd(keys.case_files(), {_line_of(case): 0})


def all_cases(store: Store, state: CaseState | None = None) -> Iterator[Case]:
    """Yield the cases of a state, or all, oldest first, a page at a time."""
    for start in itertools.count(step=PAGE):
        page = store.execute_command("ZRANGE", keys.cases(), start, start + PAGE - 1)
        if not page:
            return
        yield from (case for case in read_many(store, map(text, page)) if state in {None, case.state})
