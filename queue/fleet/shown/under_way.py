"""The recrawls that are under way, for who watches them: read in as many commands for one as for a thousand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from orbweaver.model import Limits, Tally
from orbweaver.queue import queues
from orbweaver.queue.allowed_jobs import first_argument
from orbweaver.queue.fleet.shown import job_list, worker_list, written_times
from orbweaver.queue.fleet.shown.job_list import JobState
from orbweaver.queue.hosts import due, scheduler_sign
from orbweaver.queue.hosts.due import HostCounts
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawl_progress
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.store import hash_fields
from orbweaver.store.connection import Store

_PREFIX = queues.recrawl_job_id("")


@dataclass(frozen=True)
class RecrawlSeen:
    """One recrawl that a worker has under way; `limits` are None for one that an older release has entered."""

    host: str
    recrawl_id: str
    worker: str | None
    began_at: datetime | None
    attempt: int
    tally: Tally
    limits: Limits | None

    @property
    def requests(self) -> int:
        """The requests that were answered, or failed."""
        return self.tally.pages + self.tally.files + self.tally.failures

    def seconds_left(self, at: datetime) -> float | None:
        """Return how much of its time is left, never below 0; None when that is not known.

        The time of earlier attempts counts for the limit too, and the store does not have it.
        """
        if self.limits is None or self.began_at is None or self.attempt > 1:
            return None
        return max(0.0, self.limits.max_seconds - max(0.0, (at - self.began_at).total_seconds()))

    def nearest_limit(self) -> tuple[str, float] | None:
        """Return the limit, other than its time, of which most is used, with the share; None when nothing is known."""
        if self.limits is None:
            return None
        used = {
            "max_pages": self.tally.pages / self.limits.max_pages,
            "max_files": self.tally.files / self.limits.max_files,
            "max_bytes": self.tally.bytes_read / self.limits.max_bytes,
        }
        return max(used.items(), key=lambda one: one[1])


@dataclass(frozen=True)
class FleetSeen:
    """The fleet at one moment: recrawls under way, the longest first; jobs by queue and state; hosts; places.

    `silence` says that no scheduler looks at the hosts, None while one does.
    """

    at: datetime
    recrawls: tuple[RecrawlSeen, ...]
    jobs: Mapping[QueueName, Counter[JobState]]
    hosts: HostCounts
    places: int
    workers: int
    silence: str | None


def look(store: Store) -> FleetSeen:
    """Look at all of it once. Raises RedisError while the store is away."""
    at = due.server_time(store)
    working = [one for one in worker_list.workers(store, at) if one.takes_jobs]
    return FleetSeen(
        at=at,
        recrawls=_recrawls(store),
        jobs=job_list.counts(store),
        hosts=due.counts(store),
        places=sum(one.at_once or 1 for one in working if QueueName.RECRAWL in one.queues),
        workers=len(working),
        silence=scheduler_sign.silence(scheduler_sign.last(store), at),
    )


def _recrawls(store: Store) -> tuple[RecrawlSeen, ...]:
    job_ids = sorted(set(queues.started_job_ids(store, QueueName.RECRAWL)))
    rows = hash_fields.read(store, queues.job_key(""), job_ids, ("data", "worker_name", "started_at"))
    begun = {}
    for job_id, (data, worker, started_at) in zip(job_ids, rows, strict=True):
        recrawl_id = None if data is None else first_argument(data)
        if recrawl_id is not None:
            begun[recrawl_id] = (queues.decoded(job_id.removeprefix(_PREFIX)), worker, started_at)
    seen = []
    for (recrawl_id, (host, worker, started_at)), known in zip(
        begun.items(), recrawl_progress.progress(store, list(begun)), strict=True
    ):
        if known is not None and known.state is RecrawlState.RUNNING:
            by = None if worker is None else worker.decode(errors="replace")
            seen.append(
                RecrawlSeen(
                    host, recrawl_id, by, written_times.read(started_at), known.attempt, known.tally, known.limits
                )
            )
    return tuple(sorted(seen, key=lambda one: (one.began_at or datetime.max.replace(tzinfo=UTC), one.host)))
