"""RQ workers: one kind forks a sandboxed horse per recrawl, the other runs match and delivery jobs itself."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from orbweaver import settings as orbweaver_settings
from orbweaver.crawler.containment import prctl
from orbweaver.model import now
from orbweaver.queue import jobs
from orbweaver.queue.allowed_jobs import AllowedJob, AllowedQueue
from orbweaver.queue.errors import NotInForce
from orbweaver.queue.fleet import processes, upkeep
from orbweaver.queue.job_errors import JobTimeIsOver
from orbweaver.queue.queues import IDLE_BECAUSE, KERNEL, LOOKS, PROCESS_START, QueueName, give_back, queue_for
from orbweaver.queue.records import in_force
from orbweaver.settings import Settings
from orbweaver.store import connection
from orbweaver.store.connection import Store, socket_path
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import SimpleWorker, Worker
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty
from rq.worker import BaseWorker

log = logging.getLogger("orbweaver.worker")
# That a worker of this machine died is noticed when a worker looks, at most every so many seconds. That one died with
# its machine is noticed, and its recrawl done again, after about the sum of a minute's grace and these two; match and
# delivery jobs give no signs of life, so theirs are done again when their longest time is over. `verify` knows of its
# own workers at once.
HEARTBEAT_SECONDS = 30
MAINTENANCE_SECONDS = 60
# RQ: an idle worker looks for work, and for what dead workers left, at least so often, less 15.
WORKER_SECONDS = MAINTENANCE_SECONDS + 15
# A worker that may not work looks every so many seconds whether it may.
LOOK_SECONDS = 1.0
_Result = TypeVar("_Result")
LOG_FORMAT = "%(asctime)s %(name)s %(levelname)s: %(message)s"


if TYPE_CHECKING:
    _Base = BaseWorker
else:
    _Base = object


class _JobTime(UnixSignalDeathPenalty):
    """Ends a job whose time is over by an exception that a question to a matching service lets through."""

    def __init__(self, timeout: int, exception: type[Exception], **options: Any) -> None:
        is_for_a_job = exception is JobTimeoutException  # RQ also limits its own waiting for a horse
        super().__init__(timeout, JobTimeIsOver if is_for_a_job else exception, **options)  # type: ignore[no-untyped-call]


class _Guarded(_Base):
    """Both workers add this to RQ: a job belongs to the queue it came from, and its arguments stay out of logs."""

    death_penalty_class = _JobTime
    log_job_description = False
    idle_because: str | None = None
    # Read once: RQ ends an idle worker by an exception, which pydantic would turn into one of an unusable setting.
    settings: Settings

    def _set_ip_address(self, connection: Store) -> None:
        """Name the worker at the store; RQ asks from which address, and redis-py cannot read a path with a blank."""
        if socket_path(connection) is None:
            super()._set_ip_address(connection)
            return
        connection.client_setname(self.name)
        self.ip_address = "unknown"

    def serialize(self) -> dict[str, Any]:
        """Return the fields of the worker's record, with our own."""
        start = processes.start_of(os.getpid()) or 0
        return {**super().serialize(), LOOKS: 1, PROCESS_START: start, KERNEL: processes.kernel()}

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        """Wait for a job, and take it only while the settings of this worker are in force.

        They are compared before the wait, and once more after it: a run may have begun meanwhile.
        """
        is_burst = timeout is None
        while self._with_the_store(lambda: self._may_work(is_burst=is_burst)):
            taken = super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
            if taken is None or self._with_the_store(self._complaint) is None:
                return taken
            job, queue = taken
            self._with_the_store(functools.partial(give_back, self.connection, queue, job.id))
        return None

    def _with_the_store(self, act: Callable[[], _Result]) -> _Result:
        """Do something with the store, again and again while that is away, as RQ does when it waits for a job."""
        while True:
            try:
                return act()
            except (RedisConnectionError, RedisTimeoutError) as error:
                log.warning("the store is away, jobs are taken when it is back: %s", error)
                time.sleep(LOOK_SECONDS)

    def _may_work(self, *, is_burst: bool) -> bool:
        """Wait until this worker may work; False when it may not and is not to wait."""
        while (reason := self._complaint()) is not None:
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

    def _complaint(self) -> str | None:
        names = [QueueName(one) for one in self.queue_names()]
        reason = in_force.complaint(self.connection, self.settings, names)
        if reason is None and QueueName.MATCH in names:
            from orbweaver.queue.matching import asking  # the others ask nobody

            reason = asking.complaint(self.connection, self.settings)
        return reason

    def execute_job(self, job: Job, queue: Queue) -> None:
        job.origin = queue.name  # the stored one may name another queue, and park the job where nobody looks
        assert isinstance(job, AllowedJob)
        job.functions = jobs.FUNCTIONS
        if job.refused is not None:
            log.warning("job %s on queue %s refused: %s", job.id, queue.name, job.refused)
        began = time.monotonic()
        super().execute_job(job, queue)
        # A job that is done leaves the store. Its id may hold a host's name, what it was called with does not.
        outcome = "failed" if self.connection.exists(job.key) else "done"
        log.info("%s job %s in %.1f s", queue.name, outcome, time.monotonic() - began)

    def run_maintenance_tasks(self) -> None:
        """Do RQ's own housekeeping and ours: while idle, and between two jobs."""
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        try:
            upkeep.look_after(self.connection, now())
        except RedisError as error:
            log.warning("the store does not answer; what was left is looked after later: %s", error)

    def prepare_job_execution(self, job: Job, *_: bool) -> None:
        """Note that the job is started; a worker of several queues has noted, too, that it was taken (AllowedQueue)."""
        super().prepare_job_execution(job, True)


class RecrawlWorker(_Guarded, Worker):
    """Forks a horse per job; a stop request is passed on, so that the horse keeps what it found and ends."""

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Be the horse: it dies with its worker, whose id is known from before the fork, or nobody would count it."""
        prctl.die_with_parent(self.pid or 0)
        super().main_work_horse(job, queue)

    def handle_warm_shutdown_request(self) -> None:
        """Ask the running horse to end its recrawl in order."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)


class PlainWorker(_Guarded, SimpleWorker):
    """Runs match and delivery jobs in its own process: they open no hostile content."""


def work(
    store: Store,
    names: Sequence[QueueName],
    *,
    name: str | None = None,
    burst: bool = False,
    level: int = logging.WARNING,
) -> None:
    """Work on queues until told to stop (SIGTERM: in order; a second one: at once).

    Recrawl jobs need forks and the others do not, so `names` is either the recrawl queue alone or the others. Before
    the former, fleet.preload saves every fork its start. `level` is from which on a worker's own lines are logged: at
    INFO its start and each job, without URLs and digests.
    Raises ValueError for a mixture, and with `burst` NotInForce when other settings than this worker's are in force.
    """
    options: dict[str, Any] = {
        "connection": store,
        "name": name,
        "job_class": AllowedJob,
        "queue_class": AllowedQueue,
        "serializer": JSONSerializer,
        "log_job_description": False,
        "job_monitoring_interval": HEARTBEAT_SECONDS,
        "maintenance_interval": MAINTENANCE_SECONDS,
        "worker_ttl": WORKER_SECONDS,
    }
    queues = [queue_for(store, one) for one in names]
    if list(names) == [QueueName.RECRAWL]:
        worker: RecrawlWorker | PlainWorker = RecrawlWorker(queues, **options)
    elif QueueName.RECRAWL in names:
        raise ValueError("the recrawl queue needs a worker of its own: its jobs are forked and sandboxed")
    else:
        worker = PlainWorker(queues, **options)
    worker.settings = orbweaver_settings.load()
    log_format = LOG_FORMAT
    if worker.settings.sandbox == "off":
        log_format = orbweaver_settings.SANDBOX_OFF + LOG_FORMAT
    # The handler has the level, not the root logger: Scrapy sets the latter to NOTSET, and its DEBUG lines name URLs.
    handler = logging.StreamHandler()
    handler.setLevel(level)
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == log.name)
    log.setLevel(level)
    logging.basicConfig(handlers=[handler], format=log_format)
    log.info("works on %s as process %d; store %s", ", ".join(names), os.getpid(), connection.place_of(store))
    with contextlib.ExitStack() as stack:
        if QueueName.MATCH in names:
            from orbweaver.queue.fleet.health_watch import watching  # a recrawl worker asks nobody

            stack.enter_context(watching(store, is_ongoing=not burst))
        worker.work(burst=burst, logging_level="WARNING", log_format=log_format)
    if burst and worker.idle_because is not None:
        raise NotInForce(f"this worker took no job: {worker.idle_because}")
