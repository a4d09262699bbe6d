"""The workers of a store for a person: which there are, what each does, and which give no sign of life."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from orbweaver.queue import queues
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.fleet.shown import written_times
from orbweaver.queue.queues import IDLE_BECAUSE, MATCH_SECONDS, RECRAWLS_AT_ONCE, RELEASE, QueueName
from orbweaver.store import hash_fields
from orbweaver.store.connection import Store, text
from rq import Worker
from rq.worker_registration import REDIS_WORKER_KEYS

# A recrawl worker gives a sign at least every 30 s, whatever it does (job_ends.ALIVE_SECONDS). The others give
# one every 30 s while they wait for a job, and none while they do one.
_SIGN_SECONDS: Final = 60.0
_FIELDS: Final = (
    *("queues", "hostname", "pid", RELEASE, RECRAWLS_AT_ONCE, IDLE_BECAUSE, "birth", "last_heartbeat"),
    *("successful_job_count", "failed_job_count", "death", "current_job"),
)


class WorkerState(StrEnum):
    """The state of a worker, as `workers` shows it."""

    WORKING = "working"
    IDLE = "idle"
    NOT_IN_FORCE = "takes no job"
    SILENT = "silent"
    DEAD = "dead"


@dataclass(frozen=True)
class WorkerSeen:
    """One worker. `reason` says why it takes no job, or is taken for silent or dead; None for what is not known.

    `at_once` is how many recrawls it has under way at most, `under_way` how many jobs it has now.
    """

    name: str
    state: WorkerState
    reason: str | None
    queues: tuple[str, ...]
    machine: str | None
    process_id: int | None
    release: str | None
    at_once: int | None
    under_way: int
    born_at: datetime | None
    last_sign_at: datetime | None
    jobs_done: int
    jobs_failed: int

    @property
    def takes_jobs(self) -> bool:
        """Whether it is there, and its settings are those in force."""
        return self.state in {WorkerState.WORKING, WorkerState.IDLE}


def workers(store: Store, at: datetime) -> list[WorkerSeen]:
    """Return every registered worker, by queue and name, as it is at a moment of the server's clock."""
    prefix = Worker.redis_worker_namespace_prefix
    names = sorted(text(key).removeprefix(prefix) for key in store.smembers(REDIS_WORKER_KEYS))
    busy = _under_way(store)
    rows = hash_fields.read(store, prefix, names, _FIELDS)
    seen = [_worker(store, name, row, busy[name], at) for name, row in zip(names, rows, strict=True)]
    return sorted(seen, key=lambda one: (one.queues, one.name))


def _under_way(store: Store) -> Counter[str]:
    """Return how many jobs each worker has begun and not ended."""
    started = sorted({job_id for name in QueueName for job_id in queues.started_job_ids(store, name)})
    rows = hash_fields.read(store, queues.job_key(""), started, ("status", "worker_name"))
    return Counter(_words(worker) for status, worker in rows if status == b"started" and worker is not None)


def _worker(store: Store, name: str, row: Sequence[bytes | None], under_way: int, at: datetime) -> WorkerSeen:
    of_queues, machine, pid, release, at_once, idle, birth, sign, done, failed, death, job = row
    names = tuple(sorted(_words(of_queues).split(","))) if of_queues is not None else ()
    last_sign, is_busy = written_times.read(sign), bool(job) or bool(under_way)
    state, reason = WorkerState.WORKING if is_busy else WorkerState.IDLE, None
    if death is not None or dead_workers.is_dead(store, name):
        state = WorkerState.DEAD
        reason = "its process has ended: the jobs that it had are given back"
        if of_queues is None:
            reason = "its record has expired: it gave no sign for too long, or was never told to end"
    elif last_sign is not None and (at - last_sign).total_seconds() > _longest_silence(names, is_busy=is_busy):
        state = WorkerState.SILENT
        reason = (
            f"no sign of life for {round((at - last_sign).total_seconds()):,} s: it hangs, or cannot reach the store"
        )
    elif idle is not None:
        state, reason = WorkerState.NOT_IN_FORCE, _words(idle)
    return WorkerSeen(
        name=name,
        state=state,
        reason=reason,
        queues=names,
        machine=None if machine is None else _words(machine),
        process_id=_number(pid),
        release=None if release is None else _words(release),
        at_once=_number(at_once),
        under_way=under_way,
        born_at=written_times.read(birth),
        last_sign_at=last_sign,
        jobs_done=_number(done) or 0,
        jobs_failed=_number(failed) or 0,
    )


def _longest_silence(names: Sequence[str], *, is_busy: bool) -> float:
    return _SIGN_SECONDS if QueueName.RECRAWL in names or not is_busy else MATCH_SECONDS + _SIGN_SECONDS


def _words(value: bytes | None) -> str:
    return "" if value is None else value.decode(errors="replace")


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() and len(value) < 19 else None
