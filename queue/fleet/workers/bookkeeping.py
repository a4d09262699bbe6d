"""How a worker writes down, in RQ's records, which jobs it begins and ends: in one question each.

RQ asks some twenty times a job, because any job may have others that depend on it, a result to keep, or a limit of its
rate. Ours have none of these (queue.allowed_jobs). The records stay RQ's own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from orbweaver.model import now
from redis.client import Pipeline
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job, JobStatus
from rq.queue import Queue
from rq.results import Result
from rq.worker import BaseWorker, WorkerStatus

# Whether workers were suspended (`rq suspend`) is looked at every so many seconds.
SUSPENSION_SECONDS = 1.0

if TYPE_CHECKING:
    _Base = BaseWorker
else:
    _Base = object


class Bookkeeping(_Base):
    """The part of a worker that tells RQ what it does."""

    # A moment of the monotonic clock: before it nobody looks whether workers were suspended.
    _suspension_at = 0.0

    def check_for_suspension(self, burst: bool) -> None:
        """Wait while workers are suspended, as they were a moment ago."""
        if time.monotonic() >= self._suspension_at:
            super().check_for_suspension(burst)
            self._suspension_at = time.monotonic() + SUSPENSION_SECONDS

    def unsubscribe(self) -> None:
        """End the thread that hears RQ's commands: told before it wakes, or it would listen again for a minute."""
        if self.pubsub_thread is not None:
            self.pubsub_thread.stop()
        super().unsubscribe()  # type: ignore[no-untyped-call]

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Write what the worker does now, if it did something else before."""
        if pipeline is not None or state != self.get_state():
            super().set_state(state, pipeline)

    def prepare_execution(self, job: Job) -> Execution:
        """Note that this worker has begun a job."""
        with self.connection.pipeline() as pipe:
            execution = self.note_begun(job, pipe)
            pipe.execute()
        return execution

    def note_begun(self, job: Job, pipe: Pipeline) -> Execution:
        """Queue that this worker has begun a job: it is in one of the lists of its queue at any time."""
        seconds = self.get_heartbeat_ttl(job)
        execution = Execution.create(job, seconds, pipeline=pipe, worker_name=self.name)
        self.executions[execution.id] = execution
        self.set_state(WorkerStatus.BUSY, pipeline=pipe)
        self.heartbeat(seconds, pipeline=pipe)
        job.prepare_for_execution(self.name, pipeline=pipe)
        pipe.persist(job.key)
        pipe.lrem(Queue(job.origin, connection=self.connection).intermediate_queue_key, 1, job.id)
        return execution

    def prepare_job_execution(self, job: Job, *_: bool) -> None:
        """Do nothing: `prepare_execution` has written it."""

    def handle_execution_ended(self, job: Job, *_: Any) -> None:
        """Note when a job ended. Nobody needs to hear that it is alive: its end is written next."""
        job.ended_at = now()

    def handle_job_success(
        self,
        job: Job,
        queue: Queue,  # noqa: ARG002 - as RQ calls it
        started_job_registry: object,  # noqa: ARG002
        execution: Execution,
    ) -> None:
        """Let RQ forget a job that is done, and its tries before."""
        assert job.started_at is not None
        assert job.ended_at is not None
        with self.connection.pipeline() as pipe:
            self.increment_successful_job_count(pipeline=pipe)
            self.increment_total_working_time(job.ended_at - job.started_at, pipe)
            self.cleanup_execution(job, pipeline=pipe, execution=execution)
            pipe.delete(job.key, Result.get_key(job.id), ExecutionRegistry(job.id, connection=self.connection).key)
            is_idle = not self.executions
            if is_idle:
                pipe.hset(self.key, "state", WorkerStatus.IDLE)
            pipe.execute()
        if is_idle:
            self._state = WorkerStatus.IDLE  # not before: who is idle may be stopped at once
        job._status = JobStatus.FINISHED
