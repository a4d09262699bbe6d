"""Reads from the log what retention changed: events with a newer digest, and entries that were taken away. Pure.

Whoever can write to the store can append a record of retention, too. So each is believed about what it names alone,
and only where retention could have done it: after the shortest limit, and of an event nothing but what is left of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from orbweaver.model import Event
from orbweaver.takedown.audit import records
from orbweaver.takedown.retention.limits import SHORTEST
from orbweaver.takedown.retention.pseudonymous import is_pseudonymised

NO_END: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class NewDigest:
    """The digest that an event has since it was pseudonymised, by the entry with this number, at that time."""

    number: int
    case_id: str
    event_sha256: str
    at: datetime


@dataclass(frozen=True)
class TakenAway:
    """Entries that left the log by the entry with this number: ranges of first and last, and of what age they were."""

    number: int
    at: datetime
    ranges: tuple[tuple[int, int], ...]
    older_than: datetime


@dataclass(frozen=True)
class Forgotten:
    """The sum of all records of retention: the newest digest of each event, and what was taken away."""

    events: Mapping[str, NewDigest] = field(default_factory=dict)
    entries: tuple[TakenAway, ...] = ()


def read(entries: Iterable[tuple[int, Mapping[str, Any]]], until: datetime = NO_END) -> Forgotten:
    """Read the records of retention among records with their numbers.

    One that cannot be read, or is from after a moment, says nothing.
    """
    events: dict[str, NewDigest] = {}
    taken: list[TakenAway] = []
    for number, record in entries:
        at = records.time_of(record)
        if record.get("kind") != records.RETENTION or at is None or at > until:
            continue
        try:
            for one in record.get("events", ()):
                new = NewDigest(number, str(record["case_id"]), str(one["event_sha256"]), at)
                events[str(one["event_id"])] = new
            if "numbers" in record:
                ranges = tuple((int(first), int(last)) for first, last in record["numbers"])
                taken.append(TakenAway(number, at, ranges, _moment(record["older_than"])))
        except (KeyError, TypeError, ValueError):
            continue
    return Forgotten(events, tuple(taken))


def numbers_taken(entries: Iterable[TakenAway], times: Mapping[int, datetime]) -> set[int]:
    """Return the numbers of the entries that retention could have taken away: those of accesses over the limit.

    `times` are those of the entries that are there. Retention goes through the log from its beginning to the first
    entry that is not over the limit, and leaves the last one before it. So that one proves the age of what was before
    it, and nothing else is believed to be taken away.
    """
    believed = [one for one in entries if one.at - one.older_than >= SHORTEST]
    newest_limit = max((one.older_than for one in believed), default=None)
    if newest_limit is None:
        return set()
    proof = _last_old(sorted(times.items()), newest_limit)
    numbers: set[int] = set()
    for taken in believed:
        for first, last in taken.ranges:
            until = min(last, taken.number - 1, proof - 1)
            numbers.update(range(max(first, 1), until + 1))
    return numbers


def _last_old(known: Iterable[tuple[int, datetime]], moment: datetime) -> int:
    """Return the number of the last entry before the first that is not from before a moment; 0 without one."""
    last = 0
    for number, at in known:
        if at >= moment:
            break
        last = number
    return last


def _moment(written: str) -> datetime:
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment


def is_left_of(stored: bytes, recorded: Mapping[str, Any] | None, new: NewDigest) -> bool:
    """Whether an event is what retention left, at a time when it could, of the one that was recorded before.

    None was recorded of an event of a release without an audit log.
    """
    try:
        event = Event.model_validate_json(stored)
    except ValueError:
        return False
    recorded_at = event.recorded_at or event.at
    if not is_pseudonymised(event) or new.at - recorded_at < SHORTEST or str(event.case_id) != new.case_id:
        return False
    if recorded is None:
        return True
    again = records.of_event(event, stored)
    return all(again.get(name) == recorded.get(name) for name in ("at", "actor", "case_id", "event_id", "event_type"))
