"""The part of a worker that is ours: it works while its settings are in force, and waits for a store that is away."""

from __future__ import annotations

import abc
import functools
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import orbweaver
from orbweaver.model import now
from orbweaver.queue.allowed_jobs import AllowedJob
from orbweaver.queue.errors import WorkerNameTaken
from orbweaver.queue.fleet import dead_workers, processes, upkeep
from orbweaver.queue.fleet.workers.bookkeeping import Bookkeeping
from orbweaver.queue.job_errors import JobTimeIsOver
from orbweaver.queue.queues import IDLE_BECAUSE, KERNEL, LOOKS, PROCESS_START, RELEASE, QueueName, give_back
from orbweaver.queue.records import in_force
from orbweaver.settings import Settings
from orbweaver.store.connection import Store, socket_path
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import worker_registration
from rq.job import Job
from rq.queue import Queue
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

log = logging.getLogger("orbweaver.worker")
# A worker that may not work looks every so many seconds whether it may.
LOOK_SECONDS = 1.0
_Result = TypeVar("_Result")

if TYPE_CHECKING:
    from redis.client import Pipeline


class _JobTime(UnixSignalDeathPenalty):
    """Ends a job whose time is over by an exception that a question to a matching service lets through."""

    def __init__(self, timeout: int, exception: type[Exception], **options: Any) -> None:
        is_for_a_job = exception is JobTimeoutException  # RQ has others, for its own waiting
        super().__init__(timeout, JobTimeIsOver if is_for_a_job else exception, **options)  # type: ignore[no-untyped-call]


class GuardedWorker(Bookkeeping):
    """All workers add this to RQ: a job belongs to the queue it came from, and its arguments stay out of logs."""

    death_penalty_class = _JobTime
    log_job_description = False
    idle_because: str | None = None
    # Moments of the monotonic clock: before them no sign of life is needed, and what is in force is not looked at.
    _beats_at = 0.0
    _looks_again_at = 0.0
    # Read once: RQ ends an idle worker by an exception, which pydantic would turn into one of an unusable setting.
    settings: Settings

    @property
    @abc.abstractmethod
    def functions(self) -> Mapping[str, Callable[..., None]]:
        """The functions that a job of this worker may call, by the name of the job function."""

    def _set_ip_address(self, connection: Store) -> None:
        """Name the worker at the store; RQ asks from which address, and redis-py cannot read a path with a blank."""
        if socket_path(connection) is None:
            super()._set_ip_address(connection)
            return
        connection.client_setname(self.name)
        self.ip_address = "unknown"

    def register_birth(self) -> None:
        """Enter the worker, in the place of a dead one of its name. Raises WorkerNameTaken.

        A unit or a container that gives a name starts it again with the same name at once; RQ would refuse that until
        the record of the killed one expires.
        """
        if self.connection.exists(self.key) and not self.connection.hexists(self.key, "death"):
            if not dead_workers.is_dead(self.connection, self.name):
                raise WorkerNameTaken(
                    f"a worker of the name {self.name} works on this store: give another --name; if it was killed on "
                    "another machine, its name is free two minutes later"
                )
            for name in QueueName:
                dead_workers.retry_jobs_of(self.connection, name, self.name)
                dead_workers.forget_worker(self.connection, name, self.name)
        super().register_birth()  # type: ignore[no-untyped-call]

    def serialize(self) -> dict[str, Any]:
        """Return the fields of the worker's record, with our own."""
        start = processes.start_of(os.getpid()) or 0
        ours = {LOOKS: 1, PROCESS_START: start, KERNEL: processes.kernel(), RELEASE: orbweaver.__version__}
        return {**super().serialize(), **ours}

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        """Wait for a job, and take it only while the settings of this worker are in force.

        They are compared before the wait, once a second, and after it each time: a run may have begun meanwhile.
        """
        is_burst = timeout is None
        while self.with_the_store(lambda: self._may_work(is_burst=is_burst)):
            taken = super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
            if taken is None or self.accept(*taken):
                return taken
        return None

    def accept(self, job: Job, queue: Queue) -> bool:
        """Accept a job that was just taken; False when it may not be done here, and was given back."""
        if self.with_the_store(self.complaint) is None:
            return True
        self._looks_again_at = 0.0
        self.with_the_store(functools.partial(give_back, self.connection, queue, job.id))
        return False

    def with_the_store(self, act: Callable[[], _Result]) -> _Result:
        """Do something with the store, again and again while that is away, as RQ does when it waits for a job."""
        while True:
            try:
                return act()
            except (RedisConnectionError, RedisTimeoutError) as error:
                self.pause(error)

    def pause(self, error: RedisError) -> None:
        """Wait a moment for a store that is away."""
        log.warning("the store is away, jobs are taken when it is back: %s", error)
        time.sleep(LOOK_SECONDS)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Give a sign of life. RQ wants three for each job; one a second is enough, unless it costs no question."""
        asked_at = time.monotonic()
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
        elif asked_at >= self._beats_at:
            with self.connection.pipeline() as pipe:
                super().heartbeat(timeout, pipe)
                self.enter_again_if_forgotten(pipe, pipe.execute()[0])
            self._beats_at = asked_at + LOOK_SECONDS
            self.note_sign(asked_at)

    def enter_again_if_forgotten(self, pipe: Pipeline, new_fields: int) -> None:
        """Write the worker's record again when its sign of life, which gave so many new fields, found none.

        The record expires while the machine is frozen or the store cannot be reached, and a store that was emptied has
        none. Others forget the worker then: no host would be given to it, and `workers` would not show it.
        """
        if not new_fields:
            return
        fields: dict[Any, Any] = {**self.serialize(), "state": self.get_state()}
        if self.idle_because is not None:
            fields[IDLE_BECAUSE] = self.idle_because
        pipe.hset(self.key, mapping=fields)
        worker_registration.register(self, pipe)
        pipe.execute()

    def note_sign(self, asked_at: float) -> None:
        """Note that the store has taken a sign of life that was sent at this moment of the monotonic clock."""

    def _may_work(self, *, is_burst: bool) -> bool:
        """Wait until this worker may work; False when it may not and is not to wait."""
        while (reason := self.complaint_lately()) is not None:
            if self.idle_because is None:
                self.connection.hset(self.key, IDLE_BECAUSE, reason)
                log.warning("takes no job: %s; give it the same settings, or run verify with its own", reason)
                self.idle_because = reason
            if is_burst:
                return False
            self.heartbeat()
            time.sleep(LOOK_SECONDS)
        if self.idle_because is not None:
            self.connection.hdel(self.key, IDLE_BECAUSE)
            log.warning("takes jobs again")
            self.idle_because = None
        return True

    def complaint_lately(self) -> str | None:
        """Say why this worker may take no job, as it was a second ago at most: who takes one then looks anew."""
        if time.monotonic() < self._looks_again_at:
            return None
        reason = self.complaint()
        if reason is None:
            self._looks_again_at = time.monotonic() + LOOK_SECONDS
        return reason

    def complaint(self) -> str | None:
        """Say why this worker may take no job now; None when it may."""
        names = [QueueName(one) for one in self.queue_names()]
        if QueueName.MATCH in names:
            from orbweaver.queue.matching import asking  # the others ask nobody

            return asking.complaint(self.connection, self.settings, names)
        return in_force.complaint(self.connection, self.settings, names)

    def hand_functions(self, job: Job, queue: Queue) -> None:
        """Give a job that was taken what it may call."""
        job.origin = queue.name  # the stored one may name another queue, and park the job where nobody looks
        assert isinstance(job, AllowedJob)
        job.functions = self.functions
        if job.refused is not None:
            log.warning("job %s on queue %s refused: %s", job.id, queue.name, job.refused)

    def log_end(self, queue: Queue, seconds: float, *, is_done: bool) -> None:
        """Log at INFO how a job ended, without the host's name that its id may hold, nor what it was called with."""
        log.info("%s job %s in %.1f s", queue.name, "done" if is_done else "failed", seconds)

    def run_maintenance_tasks(self) -> None:
        """Do RQ's own housekeeping and ours: while idle, and between two jobs."""
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        try:
            upkeep.look_after(self.connection, now())
        except RedisError as error:
            log.warning("the store does not answer; what was left is looked after later: %s", error)
