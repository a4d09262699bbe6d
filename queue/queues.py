"""The three RQ queues, and putting a job on one inside a transaction of ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from orbweaver.queue.allowed_jobs import MODULE, AllowedJob, AllowedQueue, JobName
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from rq import Queue, Retry, Worker
from rq.job import JobStatus
from rq.serializers import JSONSerializer

if TYPE_CHECKING:
    from redis.client import Pipeline

# A killed worker's job is done again this often before it is parked.
RETRIES = 3
MATCH_SECONDS = 600
DELIVER_SECONDS = 120
# A busy crawl swallows RQ's timeout, so a recrawl keeps its own deadline; RQ's is well outside it.
RECRAWL_SECONDS_MARGIN = 300
# Fields of a worker's record that are ours: that it looks at what is in force, why it takes no job now, how many
# recrawls it has at once, of which release it is, and what tells its process from a later one of the same number
# (queue.fleet.processes).
LOOKS = "looks_at_in_force"
IDLE_BECAUSE = "idle_because"
PROCESS_START = "process_start"
KERNEL = "kernel"
RELEASE = "orbweaver_version"
RECRAWLS_AT_ONCE = "recrawls_at_once"
PARKED_SECONDS = 90 * 24 * 3600
_ENCODED = re.compile(r"_([0-7]?[0-9a-f])_")


class QueueName(StrEnum):
    """The queues, in the order of a file's way."""

    RECRAWL = "recrawl"
    MATCH = "match"
    TAKEDOWN = "takedown"


def queue_for(store: Store, name: QueueName) -> Queue:
    """Return the RQ queue of that name: JSON, and jobs that call nothing but queue.jobs."""
    return AllowedQueue(name.value, connection=store, job_class=AllowedJob, serializer=JSONSerializer)


def encoded(name: str) -> str:
    """Return a text as part of a job id, which may hold letters, digits, `_` and `-` only; one to one."""
    return re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}_", name)


def decoded(part: str) -> str:
    """Return the text that a part of a job id stands for; `encoded` the other way, and names of hosts are ASCII."""
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), part)


def recrawl_job_id(scope_name: str) -> str:
    """Return the id of the one job that a host or site may have."""
    return f"recrawl-{encoded(scope_name)}"


class MatchJobId(NamedTuple):
    """The parts of a match job's id: the batch that it asks about, and what names a further asking, "" for the first.

    They are read from the id because the lists of RQ have nothing but ids, and a job of an earlier release has them
    nowhere else.
    """

    batch_id: str
    asking: str = ""

    def __str__(self) -> str:
        return f"match-{self.batch_id}-{self.asking}" if self.asking else f"match-{self.batch_id}"

    @classmethod
    def read(cls, job_id: str) -> MatchJobId | None:
        """Read a job's id; None when it is not that of a match job."""
        name, _, rest = job_id.partition("-")
        batch_id, _, asking = rest.partition("-")
        return cls(batch_id, asking) if name == JobName.MATCH and batch_id else None


def match_job_id(batch_id: str, asking: str = "") -> str:
    """Return the id of the job that asks about a batch; `asking` names each further asking."""
    return str(MatchJobId(batch_id, asking))


def batch_of(job_id: str) -> str | None:
    """Return the id of the batch that a job asks about, None for a job of another kind."""
    parts = MatchJobId.read(job_id)
    return None if parts is None else parts.batch_id


def enqueue_match(store: Store, pipe: Pipeline, batch_id: str, *, asking: str = "") -> None:
    """Queue a batch's match job on an open transaction: behind the others; for a further asking before all of them.

    A further asking is a job of its own: the job before may be in its last moments, and RQ removes it by its id.
    """
    queue_for(store, QueueName.MATCH).enqueue_call(
        f"{MODULE}.{JobName.MATCH}",
        args=(batch_id,),
        job_id=match_job_id(batch_id, asking),
        at_front=bool(asking),
        timeout=MATCH_SECONDS,
        result_ttl=0,
        failure_ttl=PARKED_SECONDS,
        retry=Retry(max=RETRIES),
        pipeline=pipe,
    )


def is_further_asking_next(store: Store) -> bool:
    """Whether the next match job asks about a batch for a further time."""
    job_id = store.lindex(queue_for(store, QueueName.MATCH).key, 0)
    parts = MatchJobId.read(job_id.decode(errors="replace")) if isinstance(job_id, bytes) else None
    return parts is not None and bool(parts.asking)


def idle_because(store: Store, worker_name: str) -> str | None:
    """Return why a worker takes no job now, None when it takes them."""
    stored = store.hget(Worker.redis_worker_namespace_prefix + worker_name, IDLE_BECAUSE)
    return None if stored is None else text(stored)


def give_back(store: Store, queue: Queue, job_id: str) -> None:
    """Put a job that was taken and not started back where it was, at the front of its queue."""
    with store.pipeline(transaction=True) as pipe:
        pipe.lrem(queue.intermediate_queue_key, 1, job_id)
        pipe.lpush(queue.key, job_id)
        pipe.execute()


def sweep_job_id(name: str, token: str) -> str:
    """Return the id of the job that does a sweep's next slice."""
    return f"{name}-{token}"


def enqueue_sweep(store: Store, pipe: Pipeline, name: str, token: str) -> None:
    """Queue a slice of a sweep, behind the batches that wait, on an open transaction."""
    queue_for(store, QueueName.MATCH).enqueue_call(
        f"{MODULE}.{name}",
        args=(token,),
        job_id=sweep_job_id(name, token),
        timeout=MATCH_SECONDS,
        result_ttl=0,
        failure_ttl=PARKED_SECONDS,
        retry=Retry(max=RETRIES),
        pipeline=pipe,
    )


def delivery_job_id(event_id: str) -> str:
    """Return the id of the job that delivers an event."""
    return f"deliver-{event_id}"


def job_key(job_id: str) -> str:
    """Return the key under which RQ keeps a job."""
    return AllowedJob.key_for(job_id)


def enqueue_delivery(store: Store, pipe: Pipeline, event_id: str) -> None:
    """Queue an event's delivery job on an open transaction; one that was parked before is parked no longer."""
    queue = queue_for(store, QueueName.TAKEDOWN)
    queue.failed_job_registry.remove(delivery_job_id(event_id), pipeline=pipe)
    queue.enqueue_call(
        f"{MODULE}.{JobName.DELIVER}",
        args=(event_id,),
        job_id=delivery_job_id(event_id),
        timeout=DELIVER_SECONDS,
        result_ttl=0,
        failure_ttl=PARKED_SECONDS,
        retry=Retry(max=RETRIES),
        pipeline=pipe,
    )


def enqueue_recrawl(store: Store, scope_name: str, recrawl_id: str, max_seconds: float) -> None:
    """Queue a recrawl; raises rq.exceptions.DuplicateJobError while the host has a job already."""
    queue_for(store, QueueName.RECRAWL).enqueue_call(
        f"{MODULE}.{JobName.RECRAWL}",
        args=(recrawl_id,),
        job_id=recrawl_job_id(scope_name),
        unique=True,
        timeout=int(max_seconds) + RECRAWL_SECONDS_MARGIN,
        result_ttl=0,
        failure_ttl=PARKED_SECONDS,
        retry=Retry(max=RETRIES),
    )


def is_alive(store: Store, name: QueueName, job_id: str) -> bool:
    """Whether a job waits in its queue or is being worked on by a worker that still gives signs of life."""
    queue = queue_for(store, name)
    if queue.fetch_job(job_id) is None:
        return False
    return store.lpos(queue.key, job_id) is not None or is_being_worked_on(store, name, job_id)


def under_way(store: Store, name: QueueName) -> set[str]:
    """Return the ids of all jobs that are alive; one look at the queue for all of them."""
    queue = queue_for(store, name)
    waiting = {one.decode(errors="replace") for one in store.execute_command("LRANGE", queue.key, 0, -1)}
    entries = store.execute_command("ZRANGE", queue.started_job_registry.key, 0, -1)
    started = {text(entry).partition(":")[0] for entry in entries} - waiting
    return {one for one in waiting if queue.fetch_job(one) is not None} | {
        one for one in started if is_being_worked_on(store, name, one)
    }


def started_job_ids(store: Store, name: QueueName) -> list[str]:
    """Return the ids of the jobs that workers of a queue have begun, in one command; some may be done by now."""
    entries = store.execute_command("ZRANGE", queue_for(store, name).started_job_registry.key, 0, -1)
    return [entry.decode(errors="replace").partition(":")[0] for entry in entries]


@dataclass(frozen=True)
class QueuedJobs:
    """The ids of a queue's jobs at one moment: those that a worker has or will get, and those that are `parked`."""

    under_way: frozenset[str]
    parked: frozenset[str]


def look_at_jobs(store: Store, pipe: Pipeline, name: QueueName) -> None:
    """Queue reading the ids of a queue's jobs; `jobs_seen` reads the last four answers."""
    queue = queue_for(store, name)
    pipe.lrange(queue.key, 0, -1)
    pipe.lrange(queue.intermediate_queue_key, 0, -1)
    pipe.zrange(queue.started_job_registry.key, 0, -1)
    pipe.zrange(queue.failed_job_registry.key, 0, -1)


def jobs_seen(answers: Sequence[Any]) -> QueuedJobs:
    """Return the jobs that the store named to `look_at_jobs`."""
    waiting, taken, started, parked = ({one.decode(errors="replace") for one in ids} for ids in answers)
    under_way = waiting | taken | {one.partition(":")[0] for one in started}
    return QueuedJobs(frozenset(under_way), frozenset(parked - under_way))


def is_being_worked_on(store: Store, name: QueueName, job_id: str) -> bool:
    """Whether a worker that still gives signs of life has started the job."""
    job = queue_for(store, name).fetch_job(job_id)
    if job is None or job.worker_name is None:
        return False
    # Not `is_started`: it asks the store again, and raises when the job is done meanwhile.
    is_started = job.get_status(refresh=False) == JobStatus.STARTED
    return is_started and bool(store.exists(Worker.redis_worker_namespace_prefix + job.worker_name))


def worker_of(store: Store, name: QueueName, job_id: str) -> str | None:
    """Return the name of the worker, alive, that has started a job; None when none has."""
    job = queue_for(store, name).fetch_job(job_id)
    return job.worker_name if job is not None and is_being_worked_on(store, name, job_id) else None


def is_with_a_worker(store: Store, name: QueueName, job_id: str) -> bool:
    """Whether a worker that still gives signs of life has started the job, or one has just taken it."""
    taken = store.lpos(queue_for(store, name).intermediate_queue_key, job_id)
    return taken is not None or is_being_worked_on(store, name, job_id)


def waiting_jobs(store: Store, *names: QueueName) -> int:
    """Return how many jobs of queues wait, are being handed over, or are being worked on, at one moment."""
    with store.pipeline(transaction=True) as pipe:
        count_jobs(store, pipe, *names)
        return sum(pipe.execute())


def count_jobs(store: Store, pipe: Pipeline, *names: QueueName) -> None:
    """Queue counting the jobs of queues; a batch that was let go is a match job to be."""
    for name in names:
        queue = queue_for(store, name)
        pipe.llen(queue.key)
        pipe.llen(queue.intermediate_queue_key)
        pipe.zcard(queue.started_job_registry.key)
        if name is QueueName.MATCH:
            pipe.zcard(keys.released_batches())
