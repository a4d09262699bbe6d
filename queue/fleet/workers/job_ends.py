"""How the jobs of a recrawl worker end: done, failed or handed back, each written only while it is this worker's."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from orbweaver.queue.fleet.workers.guarded_worker import GuardedWorker, log
from orbweaver.queue.queues import RETRIES
from redis.client import Pipeline
from rq.exceptions import StopRequested
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job
from rq.queue import Queue

# A job, and its worker, without a sign of life for so long is dead: others do it again.
ALIVE_SECONDS = 60


@dataclass(frozen=True)
class BegunJob:
    """A job that this worker has begun, at a moment of the monotonic clock."""

    job: Job
    queue: Queue
    execution: Execution
    at: float

    @property
    def is_late(self) -> bool:
        """Whether it takes longer than it may; a busy crawl keeps its own deadline, and this one is well outside it."""
        return time.monotonic() > self.at + float(self.job.timeout or self.queue.DEFAULT_TIMEOUT)

    def extend(self, pipe: Pipeline) -> None:
        """Let the execution of the job count for ALIVE_SECONDS more, where it still counts.

        Not by Execution.heartbeat(): it would make one anew that others have removed, and RQ cannot read what it makes.
        """
        pipe.expire(self.execution.key, ALIVE_SECONDS)
        self.job.started_job_registry.add_execution(self.execution, ttl=ALIVE_SECONDS, pipeline=pipe, xx=True)
        ExecutionRegistry(self.job.id, connection=pipe).add(self.execution, ttl=ALIVE_SECONDS, pipeline=pipe, xx=True)


class JobEnds(GuardedWorker):
    """The part of a worker that writes how the jobs ended that it had begun."""

    def _is_ours(self, one: BegunJob) -> bool:
        """Whether a job is this worker's still: one that was taken for dead writes nothing more of it."""
        with self.connection.pipeline() as pipe:
            pipe.zscore(one.queue.started_job_registry.key, one.execution.composite_key)
            pipe.exists(one.execution.key)
            score, exists = pipe.execute()
        is_ours = score is not None and bool(exists)
        if not is_ours:
            log.warning("a recrawl job is another worker's by now: this one gave no sign for too long")
            self.executions.pop(one.execution.id, None)
        return is_ours

    def _note_end(self, one: BegunJob, note: Callable[[], None]) -> None:
        """Write how a job ended, if it is ours; what cannot be written of one job must not end all the others."""
        try:
            self.with_the_store(lambda: note() if self._is_ours(one) else None)
        except StopRequested:
            raise
        except Exception:  # noqa: BLE001 - RQ raises whatever it stumbles over in the store
            log.exception("the end of a recrawl job cannot be written: it is done again")
            self.executions.pop(one.execution.id, None)

    def hand_back(self, one: BegunJob, *, is_sliced: bool = False) -> None:
        """Put a job back to the front of its queue, or behind others when a slice of it is over; it costs no retry.

        The next slice has all retries again: a large host is not given up for one mishap in each of a few slices.
        """
        if is_sliced:
            one.job.retries_left = RETRIES

        def note() -> None:
            with self.connection.pipeline() as pipe:
                one.queue.enqueue_job(one.job, pipeline=pipe, at_front=not is_sliced)
                self.cleanup_execution(one.job, pipe, one.execution)
                pipe.execute()

        self._note_end(one, note)

    def succeeded(self, one: BegunJob) -> None:
        """Let RQ forget a job that is done."""

        def note() -> None:
            self.handle_execution_ended(one.job)
            self.handle_job_success(one.job, one.queue, one.queue.started_job_registry, one.execution)

        self._note_end(one, note)
        self.log_end(one.queue, time.monotonic() - one.at, is_done=True)

    def failed(self, one: BegunJob, error: Exception) -> None:
        """Have RQ try the job again, or park it when it was tried often enough."""
        said = (type(error), error, error.__traceback__)

        def note() -> None:
            self.handle_execution_ended(one.job)
            self.handle_job_failure(
                one.job,
                one.queue,
                one.queue.started_job_registry,
                exc_string="".join(traceback.format_exception(*said)),
                execution=one.execution,
            )

        self.handle_exception(one.job, *said)
        self._note_end(one, note)
        self.log_end(one.queue, time.monotonic() - one.at, is_done=False)
