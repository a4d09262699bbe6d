"""The records of the audit log: a change of a case, an access, what retention did; who, when, and what exactly it was.

A record is a JSON object. It has no URL, no address and no digest of a file, only ids: it can be kept when those have
to be forgotten. The content of an event is bound by the SHA-256 of its stored bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypedDict

from orbweaver.model import Actor, Event, format_time

ACCESS: Final = "access"
EVENT: Final = "event"
DECISION: Final = "decision"
RETENTION: Final = "retention"


class AuditRecord(TypedDict, total=False):
    """One record: `kind` is `event`, `access`, `decision` or `retention`.

    Of an access, `what` is the command or page; of a decision, what was decided about a file. `subject` are its ids,
    and `assessment_sha256` is of the stored bytes of the decision.
    Retention says which `events` of a case were pseudonymised, with their new digests; or the `numbers` of the entries
    that it took away, as first and last ones of ranges, which were of accesses before `older_than`.
    """

    kind: str
    at: str
    actor: Mapping[str, str] | None
    case_id: str
    event_id: str
    event_type: str
    event_sha256: str
    what: str
    subject: list[str]
    assessment_sha256: str
    events: list[dict[str, str]]
    numbers: list[list[int]]
    older_than: str


def of_event(event: Event, stored: bytes) -> AuditRecord:
    """Return the record of an event of a case; `stored` are the bytes under which the store keeps it."""
    at = event.recorded_at or event.at
    return AuditRecord(
        kind=EVENT,
        at=format_time(at),
        actor=None if event.actor is None else _actor(event.actor),
        case_id=str(event.case_id),
        event_id=str(event.event_id),
        event_type=event.type.value,
        event_sha256=hashlib.sha256(stored).hexdigest(),
    )


def of_access(actor: Actor, at: datetime, what: str, subject: list[str]) -> AuditRecord:
    """Return the record of an access: `what` was used, on the cases or assessments with the ids of `subject`."""
    return AuditRecord(kind=ACCESS, at=format_time(at), actor=_actor(actor), what=what, subject=subject)


def of_decision(actor: Actor, at: datetime, what: str, subject: list[str], stored: bytes | None = None) -> AuditRecord:
    """Return the record of a decision about a file; `subject` is the id of its assessment.

    `stored` are the bytes under which the store keeps the assessment; None of a decision that is only proposed.
    """
    record = AuditRecord(kind=DECISION, at=format_time(at), actor=_actor(actor), what=what, subject=subject)
    if stored is not None:
        record["assessment_sha256"] = hashlib.sha256(stored).hexdigest()
    return record


def time_of(record: Mapping[str, Any]) -> datetime | None:
    """Return when something that was recorded happened; None when the record does not say it as we write it."""
    try:
        at = datetime.fromisoformat(str(record.get("at")))
    except ValueError:
        return None
    return None if at.tzinfo is None else at


def of_pseudonymised(actor: Actor, at: datetime, case_id: str, stored: Mapping[str, bytes]) -> AuditRecord:
    """Return the record of events of a case that were pseudonymised: by id, the bytes that the store has from now."""
    events = [{"event_id": one, "event_sha256": hashlib.sha256(it).hexdigest()} for one, it in stored.items()]
    return AuditRecord(kind=RETENTION, at=format_time(at), actor=_actor(actor), case_id=case_id, events=events)


def of_taken_away(actor: Actor, at: datetime, numbers: Sequence[int], older_than: datetime) -> AuditRecord:
    """Return the record of the entries of accesses, with these numbers in order, that are older than the limit."""
    return AuditRecord(
        kind=RETENTION,
        at=format_time(at),
        actor=_actor(actor),
        numbers=_ranges(numbers),
        older_than=format_time(older_than),
    )


def _ranges(numbers: Sequence[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def _actor(actor: Actor) -> dict[str, str]:
    return {"kind": actor.kind.value, "name": actor.name}
