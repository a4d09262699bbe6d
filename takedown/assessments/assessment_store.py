"""Keeps assessments in the store, by SHA-256: the last decision, all decisions before, and what they still have to do.

They have no end: an assessment outlives its cases. Their number is bounded by what people decide.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from orbweaver.model import Assessment, Proposal, format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read
from orbweaver.takedown.audit import audit_log, records

if TYPE_CHECKING:
    from redis.client import Pipeline

# So many assessments are read in one round trip.
PAGE = 500


def read(reading: Store | Pipeline, sha256: str) -> Assessment | None:
    """Return the assessment of a file as it stands, None when nobody decided. A pipeline must be watching its key."""
    return _understood(reading.hget(keys.assessment(sha256), "json"))


def _understood(stored: bytes | str | None) -> Assessment | None:
    return None if stored is None else Assessment.model_validate_json(stored)


def reading_many(digests: Collection[str]) -> Read[dict[str, Assessment]]:
    """Return the read of the assessments of those files that have one, by SHA-256."""
    asked = sorted(set(digests))

    def ask(pipe: Pipeline) -> None:
        for one in asked:
            pipe.hget(keys.assessment(one), "json")

    def understand(answers: Sequence[bytes | None]) -> dict[str, Assessment]:
        found = ((one, _understood(stored)) for one, stored in zip(asked, answers, strict=True))
        return {one: assessment for one, assessment in found if assessment is not None}

    return Read(ask, understand)


def read_many(pipe: Pipeline, digests: Collection[str]) -> dict[str, Assessment]:
    """Return the assessments of those files that have one, by SHA-256. The pipeline must be watching their keys."""
    asked = sorted(set(digests))
    if not asked:
        return {}
    scores = pipe.zmscore(keys.assessments(), asked)
    found = {one: read(pipe, one) for one, score in zip(asked, scores, strict=True) if score is not None}
    return {sha256: assessment for sha256, assessment in found.items() if assessment is not None}


def proposal(reading: Store | Pipeline, sha256: str) -> Proposal | None:
    """Return the decision about a file that waits for a second person, if any."""
    stored = reading.hget(keys.assessment(sha256), "proposal")
    return None if stored is None else Proposal.model_validate_json(stored)


def write(pipe: Pipeline, assessment: Assessment) -> None:
    """Queue a decision on a transaction: from then on it holds, and it is due for all cases of the file."""
    sha256 = assessment.digests.sha256
    written = assessment.model_dump_json()
    pipe.hset(keys.assessment(sha256), "json", written)
    pipe.hdel(keys.assessment(sha256), "proposal")
    pipe.rpush(keys.assessment_history(sha256), written)
    pipe.zadd(keys.assessments(), {sha256: assessment.decided_at.timestamp()})
    pipe.sadd(keys.assessments_due(), sha256)
    what = f"{assessment.decision.value}, revision {assessment.revision}"
    subject = [str(assessment.assessment_id)]
    for person in assessment.decided_by:
        audit_log.note(pipe, records.of_decision(person, assessment.decided_at, what, subject, written.encode()))


def write_proposal(pipe: Pipeline, assessment_id: UUID, sha256: str, proposed: Proposal) -> None:
    """Queue a decision that waits for a second person on a transaction; it takes the place of one before."""
    pipe.hset(keys.assessment(sha256), "proposal", proposed.model_dump_json())
    what, subject = f"{proposed.decision.value}, proposed", [str(assessment_id)]
    audit_log.note(pipe, records.of_decision(proposed.proposed_by, proposed.proposed_at, what, subject))


def history(store: Store, sha256: str) -> list[Assessment]:
    """Return all decisions about a file, oldest first."""
    return [Assessment.model_validate_json(one) for one in store.lrange(keys.assessment_history(sha256), 0, -1)]


def all_assessments(store: Store) -> Iterator[Assessment]:
    """Yield the assessments as they stand, oldest decision first, a page at a time."""
    for start in itertools.count(step=PAGE):
        page = store.execute_command("ZRANGE", keys.assessments(), start, start + PAGE - 1)
        if not page:
            return
        with store.pipeline(transaction=False) as pipe:
            for sha256 in page:
                pipe.hget(keys.assessment(text(sha256)), "json")
            yield from (Assessment.model_validate_json(stored) for stored in pipe.execute() if stored is not None)


def page(store: Store, after: tuple[float, str] | None, most: int) -> list[Assessment]:
    """Return at most so many assessments whose last decision was after a place, a time and a SHA-256, oldest first."""
    least = "-inf" if after is None else repr(after[0])
    found: list[Assessment] = []
    for start in itertools.count(step=PAGE):
        rows: list[tuple[bytes, float]] = list(
            store.zrangebyscore(keys.assessments(), least, "+inf", start, PAGE, withscores=True)  # type: ignore[arg-type]
        )
        named = [text(sha256) for sha256, score in rows if after is None or (score, text(sha256)) > after]
        found += _read_all(store, named[: most - len(found)])
        if len(rows) < PAGE or len(found) >= most:
            return found
    raise AssertionError("the count has no end")


def _read_all(store: Store, digests: Sequence[str]) -> Iterator[Assessment]:
    with store.pipeline(transaction=False) as pipe:
        for sha256 in digests:
            pipe.hget(keys.assessment(sha256), "json")
        yield from (Assessment.model_validate_json(stored) for stored in pipe.execute() if stored is not None)


def note_not_raised(pipe: Pipeline, sha256: str, at: datetime) -> None:
    """Queue that a match of a rejected file opened no case."""
    pipe.hincrby(keys.assessment(sha256), "not_raised", 1)
    pipe.hset(keys.assessment(sha256), "not_raised_at", format_time(at))


def not_raised(store: Store, sha256: str) -> tuple[int, datetime | None]:
    """Return how many matches of a file opened no case because it is rejected, and when the last one came."""
    number, at = store.hmget(keys.assessment(sha256), "not_raised", "not_raised_at")
    return int(number or 0), None if at is None else datetime.fromisoformat(text(at))


def due(store: Store) -> list[str]:
    """Return the SHA-256 of the files whose decision may not have reached all their cases yet."""
    return sorted(text(one) for one in store.smembers(keys.assessments_due()))


def take_out(pipe: Pipeline, sha256: str) -> None:
    """Queue that a decision has reached all cases of its file. The pipeline must be watching the assessment."""
    pipe.srem(keys.assessments_due(), sha256)
