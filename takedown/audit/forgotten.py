"""Reads from the log what retention changed: events with a newer digest, and entries that were taken away. Pure.

Whoever can write to the store can append a record of retention, too. So each is believed about what it names alone,
and only where retention could have done it: after the shortest limit, and of an event nothing but what is left of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from orbweaver.model import Event
from orbweaver.takedown.audit import records
from orbweaver.takedown.retention.limits import SHORTEST
from orbweaver.takedown.retention.pseudonymous import is_pseudonymised

# A log has no more entries; a forged record with larger numbers would cost memory.
_MOST_NUMBERS: Final = 10_000_000


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
    """What all records of retention say: the newest digest of each event, and what was taken away."""

    events: Mapping[str, NewDigest] = field(default_factory=dict)
    entries: tuple[TakenAway, ...] = ()


def read(entries: Iterable[tuple[int, Mapping[str, Any]]]) -> Forgotten:
    """Read the records of retention among records with their numbers; one that cannot be read says nothing."""
    events: dict[str, NewDigest] = {}
    taken: list[TakenAway] = []
    for number, record in entries:
        if record.get("kind") != records.RETENTION:
            continue
        try:
            at = datetime.fromisoformat(record["at"])
            for one in record.get("events", ()):
                new = NewDigest(number, str(record["case_id"]), str(one["event_sha256"]), at)
                events[str(one["event_id"])] = new
            if "numbers" in record:
                ranges = tuple((int(first), int(last)) for first, last in record["numbers"])
                taken.append(TakenAway(number, at, ranges, datetime.fromisoformat(record["older_than"])))
        except (KeyError, TypeError, ValueError):
            continue
    return Forgotten(events, tuple(taken))


def numbers_taken(entries: Iterable[TakenAway], times: Mapping[int, datetime]) -> set[int]:
    """Return the numbers of the entries that retention could have taken away: those of accesses over the limit.

    `times` are those of the entries that are there. Retention goes through the log from its beginning to the first
    entry that is not over the limit, so what was behind that one is not believed to be taken away by it.
    """
    known = sorted(times.items())
    numbers: set[int] = set()
    for taken in entries:
        if taken.at - taken.older_than < SHORTEST:
            continue
        newest = _last_before(known, taken.older_than, taken.number)
        for first, last in taken.ranges:
            until = min(last, taken.number - 1, newest)
            if len(numbers) + until - first < _MOST_NUMBERS:
                numbers.update(range(max(first, 1), until + 1))
    return numbers


def _last_before(known: Iterable[tuple[int, datetime]], moment: datetime, before: int) -> int:
    """Return the number before that of the first entry which is not from before a moment."""
    for number, at in known:
        if at >= moment:
            return min(number - 1, before - 1)
    return before - 1


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
