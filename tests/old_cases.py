"""Cases in a store that are over their time limit, with words in them that have to go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from builders import NOON, STAMP, a_match, a_sighting, transaction
from orbweaver.model import Actor, ActorKind, EventType, Hosting, format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.audit import audit_log, checkpoint_files, verification
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import PROGRAM, Stamp, change_by_event
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.removal import returns
from orbweaver.takedown.retention import rounds
from orbweaver.takedown.retention.limits import RetentionLimits

PERSON = Actor(kind=ActorKind.PERSON, name="anna")
DAY = timedelta(days=1)
LIMITS = RetentionLimits(cases=730 * DAY, accesses=365 * DAY)
LATER = NOON + 800 * DAY
TO_CLOSED = (EventType.REMOVED, EventType.CLOSED)
TO_WITHDRAWN = (EventType.CORRECTED, EventType.WITHDRAWN)


def add(
    store: Store,
    number: int,
    *kinds: EventType,
    host: str = "secret-host.test",
    body: bytes = b"known",
    days: float = 0,
    reminders: int = 0,
) -> str:
    """Write a case that was opened, and has these events after it, a minute apart."""
    seen = a_sighting(body, url=f"http://{host}/secret-path-{number}", report_ids=(f"secret-report-{number}",))
    seen = seen.model_copy(update={"ip": "203.0.113.77", "host": host, "referrer": f"http://{host}/secret-page"})
    hosting = Hosting(country="SE", asn=64496, provider="Fast Hosting", also_at={"203.0.113.77": NOON})
    at = NOON + days * DAY
    change = change_by_match(seen, a_match(), None, Stamp(STAMP.source, at), hosting)
    changes = [change]
    for step, kind in enumerate((*[EventType.SEEN_LIVE] * reminders, *kinds), start=1):
        stamp = Stamp(STAMP.source, at + timedelta(minutes=step))
        change = change_by_event(change.after, kind, stamp, actor=PROGRAM, reason=f"at http://{host}/")
        changes.append(change)
    with transaction(store) as pipe:
        for one in changes:
            case_store.write(pipe, one)
            returns.follow(pipe, one)
        pipe.hset(keys.first_delivered(), str(change.after.case.case_id), format_time(at + timedelta(minutes=1)))
    return str(change.after.case.case_id)


def faults(store: Store) -> list[str]:
    audit_log.seal(store)
    digests = audit_log.digests(store)
    done = verification.read_retention_work(store, digests, LATER + DAY)
    return [one.words for one in verification.verify(store, checkpoint_files.origin_of(store), [], done, digests)]


def secrets_in(store: Store, case_id: str) -> set[str]:
    """Which words that have to go are still in anything that the store keeps of a case."""
    ids = [text(one) for one in store.lrange(keys.case_events(case_id), 0, -1)]
    kept = [store.hgetall(keys.case(case_id)), *(store.hgetall(keys.event(one)) for one in ids)]
    lines = [line for line in store.zrange(keys.case_files(), 0, -1) if line.endswith(case_id.encode())]
    said = repr((kept, lines))
    digests = a_sighting().digests
    words = ("secret-", "203.0.113.77", digests.md5, digests.sha1, digests.sha256)
    return {word for word in words if word in said}


def run(store: Store, **fields: Any) -> rounds.RetentionRound:
    return rounds.run(store, replace(LIMITS, **fields), LATER, PERSON)
