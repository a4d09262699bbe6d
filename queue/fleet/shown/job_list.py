"""The jobs of a store for a person: what waits, what is under way and by whom, and what is parked and why."""

from __future__ import annotations

import binascii
import re
import zlib
from base64 import b64decode
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from orbweaver.queue import queues
from orbweaver.queue.allowed_jobs import JOB_ID, JobName, refusal
from orbweaver.queue.errors import JobNotParked
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.fleet.shown import written_times
from orbweaver.queue.queues import MatchJobId, QueueName
from orbweaver.store.connection import Store
from redis.exceptions import ResponseError
from rq.results import Result

READ_AT_ONCE: Final = 500
REASON_CHARACTERS: Final = 200
_MOST_TRACE_BYTES: Final = 2**20
# A digest, or an id, says nothing to a person, and a digest is not for a screen.
_HEX = re.compile(r"[0-9A-Fa-f]{32,}")
_ERROR_NAME = re.compile(r"[\w.]+: ")
_SWEEPS: Final = (JobName.REMATCH, JobName.RECALL, JobName.FORGET)


class JobState(StrEnum):
    """The state of a job: it waits, a worker takes it, one works on it, it waits for a time, it is parked."""

    QUEUED = "queued"
    TAKEN = "taken"
    STARTED = "started"
    SCHEDULED = "scheduled"
    FAILED = "failed"


@dataclass(frozen=True)
class JobSeen:
    """One job: what it is for, since when it is in its state, by which worker, and how often it may still be begun.

    `reason` says in one line why it is parked, or why it does not go on; `next_step` what becomes of a parked one by
    itself: nothing where it `is_ours` not, because it is none that we enqueue.
    """

    job_id: str
    queue: QueueName
    state: JobState
    subject: str
    since: datetime | None = None
    worker: str | None = None
    tries_left: int | None = None
    reason: str | None = None
    next_step: str | None = None
    is_ours: bool = True


def counts(store: Store) -> dict[QueueName, Counter[JobState]]:
    """Return how many jobs of each queue are in which state, at one moment."""
    with store.pipeline(transaction=True) as pipe:
        for name in QueueName:
            for state in JobState:
                key, is_list = _place(store, name, state)
                pipe.llen(key) if is_list else pipe.zcard(key)
        answers = iter(pipe.execute())
    return {name: Counter({state: int(next(answers)) for state in JobState}) for name in QueueName}


def jobs(
    store: Store, names: Collection[QueueName], states: Collection[JobState], *, at_once: int = READ_AT_ONCE
) -> Iterator[JobSeen]:
    """Yield jobs by queue, then by state, in their order; a job that moves on meanwhile may be left out.

    So many are read `at_once`.
    """
    alive = set(dead_workers.alive(store))
    for name in (one for one in QueueName if one in names):
        for state in (one for one in JobState if one in states):
            start = 0
            while ids := _ids(store, name, state, start, at_once):
                yield from _read(store, name, state, ids, alive)
                start += at_once


def discard(store: Store, job_ids: Sequence[str]) -> None:
    """Remove parked jobs; what they were for gets another job by itself, or its recrawl ends as failed.

    No case and no event is in a job, so none is lost. Raises JobNotParked before anything is removed.
    """
    parked = {job_id: name for name in QueueName for job_id in _all_parked(store, name)}
    for job_id in job_ids:
        if job_id not in parked:
            raise JobNotParked(
                f"job {job_id[:80]} is not parked: `orbweaver jobs --job-state failed` shows those that are"
            )
    for job_id in job_ids:
        dead_workers.discard_parked(store, parked[job_id], job_id)


def refused(store: Store) -> list[JobSeen]:
    """Return the parked jobs that are none of ours: nobody but an operator removes them."""
    return [one for one in jobs(store, list(QueueName), [JobState.FAILED]) if not one.is_ours]


def _place(store: Store, name: QueueName, state: JobState) -> tuple[str, bool]:
    """Return the key that has a queue's jobs of a state, and whether it is a list."""
    queue = queues.queue_for(store, name)
    match state:
        case JobState.QUEUED:
            return queue.key, True
        case JobState.TAKEN:
            return queue.intermediate_queue_key, True
        case JobState.STARTED:
            return queue.started_job_registry.key, False
        case JobState.SCHEDULED:
            return queue.scheduled_job_registry.key, False
        case JobState.FAILED:
            return queue.failed_job_registry.key, False


def _ids(store: Store, name: QueueName, state: JobState, start: int, number: int) -> list[str]:
    key, is_list = _place(store, name, state)
    found = store.execute_command("LRANGE" if is_list else "ZRANGE", key, start, start + number - 1)
    # An entry of the register of started jobs names the job's execution, too.
    return [one.decode(errors="replace").partition(":")[0] for one in found]


def _all_parked(store: Store, name: QueueName) -> list[str]:
    key, _ = _place(store, name, JobState.FAILED)
    return [one.decode(errors="replace") for one in store.execute_command("ZRANGE", key, 0, -1)]


def _read(
    store: Store, name: QueueName, state: JobState, ids: Sequence[str], alive: Collection[str]
) -> Iterator[JobSeen]:
    known = [one for one in ids if JOB_ID.fullmatch(one.encode())]
    with store.pipeline(transaction=False) as pipe:
        for job_id in known:
            pipe.hgetall(queues.job_key(job_id))
            if state is JobState.FAILED:
                pipe.xrevrange(Result.get_key(job_id), count=1)
        # A key of another type than RQ makes holds no job.
        answers = [{} if isinstance(one, ResponseError) else one for one in pipe.execute(raise_on_error=False)]
    step = 2 if state is JobState.FAILED else 1
    for place, job_id in enumerate(known):
        stored = {one.decode(errors="replace"): value for one, value in answers[step * place].items()}
        if stored:
            results = answers[step * place + 1] if state is JobState.FAILED else []
            yield _job(name, state, job_id, stored, results, alive)


def _job(
    name: QueueName,
    state: JobState,
    job_id: str,
    stored: Mapping[str, bytes],
    results: Sequence[tuple[bytes, Mapping[bytes, bytes]]],
    alive: Collection[str],
) -> JobSeen:
    worker = stored.get("worker_name", b"").decode(errors="replace") or None
    left = stored.get("retries_left", b"")
    tries = int(left) if left.isdigit() and len(left) < 10 else None
    objection = refusal(stored)
    reason: str | None = None
    if state is JobState.FAILED:
        tries = 0
        reason = f"it is none of ours: {objection}" if objection else _reason(results)
    elif state is JobState.STARTED and worker not in alive:
        reason = "its worker gives no sign of life: a worker that lives gives the job back"
    return JobSeen(
        job_id=job_id,
        queue=name,
        state=state,
        subject=_subject(job_id),
        since=written_times.read(stored.get(_SINCE[state])),
        worker=worker if state is JobState.STARTED else None,
        tries_left=tries + 1 if tries is not None and state in {JobState.QUEUED, JobState.TAKEN} else tries,
        reason=reason,
        next_step=None if objection else _next_step(name, state, job_id),
        is_ours=objection is None,
    )


_SINCE: Final[Mapping[JobState, str]] = {
    JobState.QUEUED: "enqueued_at",
    JobState.TAKEN: "enqueued_at",
    JobState.STARTED: "started_at",
    JobState.SCHEDULED: "ended_at",
    JobState.FAILED: "ended_at",
}


def _subject(job_id: str) -> str:
    """Say what a job is for, by its id."""
    kind, _, rest = job_id.partition("-")
    if kind == JobName.RECRAWL:
        return queues.decoded(rest)
    if kind == JobName.DELIVER:
        return f"event {rest}"
    if kind in _SWEEPS:
        return f"a slice of {kind}"
    parts = MatchJobId.read(job_id)
    return "unknown" if parts is None else f"files of batch {parts.batch_id}"


def _next_step(name: QueueName, state: JobState, job_id: str) -> str | None:
    """Say what becomes of a parked job, without anybody's help."""
    if state is not JobState.FAILED:
        return None
    if name is QueueName.RECRAWL:
        return "a worker ends its recrawl as failed within a minute or so"
    if job_id.partition("-")[0] in _SWEEPS:
        return "a match worker begins it again"
    return "a worker tries it again within 15 minutes"


def _reason(results: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> str:
    """Return the last line of what was said about a job, without the name of the error, digests and ids."""
    trace = b""
    if results:
        try:
            trace = zlib.decompressobj().decompress(b64decode(results[0][1].get(b"exc_string", b"")), _MOST_TRACE_BYTES)
        except (binascii.Error, zlib.error, ValueError):
            trace = b""
    lines = trace.decode(errors="replace").strip().splitlines()
    if not lines:
        return "it failed, and nothing says why"
    name = _ERROR_NAME.match(lines[-1])
    return _HEX.sub("...", lines[-1][name.end() if name else 0 :]).strip()[:REASON_CHARACTERS]
