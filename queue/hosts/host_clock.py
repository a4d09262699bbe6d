"""The clock of a host: the few numbers that its due time is computed from, packed into short fields. Pure.

The store has one hash of them for each host, and there may be a million. So the names of fields are one or two letters,
what is a default is left out, and no value is longer than 64 bytes: a longer one would make the server keep the hash in
the form that takes twice the memory (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from orbweaver.queue.hosts.host_record import HostRecord, read_quiet_hours
from orbweaver.queue.schedule.rates import DEFAULT_PRIOR, Prior, RateEvidence
from orbweaver.queue.schedule.scheduled_host import ScheduledHost

MOST_VALUE_BYTES: Final = 64


class Stop(StrEnum):
    """Why a host is not visited although its authority holds."""

    PAUSED = "paused"
    RETIRED = "retired"


class Held(StrEnum):
    """Why the last dispatch gave a host back without a visit."""

    BUSY = "busy"  # its host has a recrawl job of somebody else
    UNREADABLE = "unreadable"  # its record is of a later release, or none
    ASKED = "asked"  # the host asked to be left alone


@dataclass(frozen=True, slots=True)
class HostClock:
    """The facts that bear on the due time of one host; times are seconds since 1970, UTC.

    `hits` and `days` are the rate evidence as it was at `last_evidence`, the end of the last visit that did not fail.
    `last_visit` is the end of the last visit, however it ended, `outcome` how. `asked_at` is when an operator wants a
    visit. `slack` says how much later than at its due time a host may be visited before it goes before others
    (`queue.hosts.due`), in seconds: its interval.
    """

    weight: float = 1.0
    cost: float = 1.0
    hits: float = 0.0
    days: float = 0.0
    visits: int = 0
    failures: int = 0
    last_visit: float | None = None
    last_evidence: float | None = None
    last_case: float | None = None
    outcome: str | None = None
    asked_at: float | None = None
    expires_at: float | None = None
    stop: str | None = None
    quiet_hours: str | None = None
    floor_days: float | None = None
    ceiling_days: float | None = None
    slack: float = 0.0
    held: str | None = None


# The field of the hash for each of them; docs/store.md has this table.
FIELDS: Final[Mapping[str, str]] = {
    "weight": "w",
    "cost": "c",
    "hits": "h",
    "days": "d",
    "visits": "v",
    "failures": "f",
    "last_visit": "l",
    "last_evidence": "s",
    "last_case": "k",
    "outcome": "o",
    "asked_at": "a",
    "expires_at": "e",
    "stop": "p",
    "quiet_hours": "q",
    "floor_days": "fl",
    "ceiling_days": "ce",
    "slack": "t",
    "held": "b",
}
_DEFAULTS: Final = {one.name: one.default for one in fields(HostClock)}
_TEXTS: Final = frozenset({"outcome", "stop", "quiet_hours", "held"})
_COUNTS: Final = frozenset({"visits", "failures"})
# Kept to the second: a fraction would take more than twice the memory.
_MOMENTS: Final = frozenset({"last_visit", "last_evidence", "last_case", "asked_at", "expires_at", "slack"})

_LAST_MOMENT: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def packed(clock: HostClock) -> dict[str, str]:
    """Return the fields of the hash: those that are no default; `last_evidence` only when it is not the last visit."""
    stored = {}
    for name, field in FIELDS.items():
        value = getattr(clock, name)
        if value != _DEFAULTS[name] and not (name == "last_evidence" and value == clock.last_visit):
            stored[field] = _packed_value(name, value)
    if clock.last_visit is not None and clock.last_evidence is None:
        stored[FIELDS["last_evidence"]] = "0"
    return stored


def _packed_value(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return value.encode()[:MOST_VALUE_BYTES].decode(errors="ignore")
    if name in _MOMENTS:
        return str(round(value))
    return str(value) if name in _COUNTS else f"{value:.5g}"


def unpacked(stored: Mapping[bytes | str, bytes | str]) -> HostClock:
    """Read the fields of the hash; one that is not known, or cannot be read, has its default."""
    by_field = {_text(field): _text(value) for field, value in stored.items()}
    values: dict[str, object] = {}
    for name, field in FIELDS.items():
        written = by_field.get(field)
        if written is not None:
            values[name] = _unpacked_value(name, written)
    if "last_evidence" not in values:
        values["last_evidence"] = values.get("last_visit")
    elif not values["last_evidence"]:
        values["last_evidence"] = None
    return HostClock(**values)  # type: ignore[arg-type]


def _unpacked_value(name: str, written: str) -> object:
    if name in _TEXTS:
        return written
    try:
        value = int(written) if name in _COUNTS else float(written)
    except ValueError:
        return _DEFAULTS[name]
    # What is no moment would end the scheduler, for all hosts; other numbers are refused for their host alone.
    return _DEFAULTS[name] if name in _MOMENTS and not abs(value) <= _LAST_MOMENT else value


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def of_record(record: HostRecord, weight: float) -> dict[str, object]:
    """Return what a record says of the fields of a clock: `dataclasses.replace(clock, **of_record(...))`."""
    stop: Stop | None = None
    if record.retired_at is not None:
        stop = Stop.RETIRED
    elif record.pause is not None:
        stop = Stop.PAUSED
    expires_at = record.scope.expires_at
    return {
        "weight": weight,
        "stop": stop,
        "expires_at": None if expires_at is None else expires_at.timestamp(),
        "quiet_hours": record.quiet_hours,
        "floor_days": record.floor_days,
        "ceiling_days": record.ceiling_days,
    }


def scheduled(
    name: str,
    clock: HostClock,
    prior: Prior = DEFAULT_PRIOR,
    record: HostRecord | None = None,
    wait_until: datetime | None = None,
) -> ScheduledHost:
    """Return what the schedule decides from; the record adds the words of an explanation. Raises ScheduleRefused."""
    is_retired = clock.stop == Stop.RETIRED
    pause = None if is_retired else clock.stop
    if clock.stop == Stop.PAUSED and record is not None and record.pause:
        pause = record.pause
    return ScheduledHost(
        name,
        evidence=RateEvidence(clock.hits, clock.days),
        prior=prior,
        weight=clock.weight,
        cost=clock.cost,
        visits=clock.visits,
        failures=clock.failures,
        last_visit=_moment(clock.last_visit),
        last_evidence=_moment(clock.last_evidence),
        last_case=_moment(clock.last_case),
        asked_at=_moment(clock.asked_at),
        pause=pause,
        is_retired=is_retired,
        authority=None if record is None else record.scope.authority,
        expires_at=_moment(clock.expires_at),
        quiet_hours=None if clock.quiet_hours is None else read_quiet_hours(clock.quiet_hours),
        floor_days=clock.floor_days,
        ceiling_days=clock.ceiling_days,
        wait_until=wait_until,
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def after(clock: HostClock, known: ScheduledHost, outcome: str) -> HostClock:
    """Return the clock of a host after a visit of this outcome, from what the schedule then knows of it."""
    return replace(
        clock,
        cost=known.cost,
        hits=known.evidence.hits,
        days=known.evidence.days,
        visits=known.visits,
        failures=known.failures,
        last_visit=_seconds(known.last_visit),
        last_evidence=_seconds(known.last_evidence),
        last_case=_seconds(known.last_case),
        asked_at=_seconds(known.asked_at),
        outcome=outcome,
        held=None,
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
