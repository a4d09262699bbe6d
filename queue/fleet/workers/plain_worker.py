"""The workers' command: it makes the RQ worker for its queues, and has it work until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from orbweaver import settings as orbweaver_settings
from orbweaver.queue import jobs
from orbweaver.queue.allowed_jobs import AllowedJob, AllowedQueue
from orbweaver.queue.errors import LimitTooLow, NotInForce
from orbweaver.queue.fleet import capacity
from orbweaver.queue.fleet.workers import couriers, patience
from orbweaver.queue.fleet.workers.guarded_worker import GuardedWorker, log
from orbweaver.queue.queues import QueueName, queue_for
from orbweaver.settings import Settings
from orbweaver.store import connection
from orbweaver.store.connection import Store
from rq import SimpleWorker
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer

if TYPE_CHECKING:
    from orbweaver.queue.fleet.workers.recrawl_worker import RecrawlWorker

# That a worker of this machine died is noticed when a worker looks, at most every so many seconds. Match and delivery
# jobs give no signs of life, so those of another machine are done again when their longest time is over; recrawls of
# another machine are (job_ends.ALIVE_SECONDS). `verify` knows of its own workers at once.
MAINTENANCE_SECONDS = 30
# RQ: an idle worker looks for work, and for what dead workers left, at least so often, less 15.
WORKER_SECONDS = MAINTENANCE_SECONDS + 15
# A match or delivery job that is under way when its worker is told to stop gets so long.
STOP_SECONDS = 15.0
LOG_FORMAT = "%(asctime)s %(name)s %(levelname)s: %(message)s"


class PlainWorker(GuardedWorker, SimpleWorker):
    """Runs match and delivery jobs in its own process: they open no hostile content."""

    functions = jobs.FUNCTIONS

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Do the job."""
        self.hand_functions(job, queue)
        began = time.monotonic()
        is_done = self.perform_job(job, queue, self.prepare_execution(job))
        self.log_end(queue, time.monotonic() - began, is_done=is_done)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop in order: after the job that is under way, and at last without its end."""
        patience.end_within(STOP_SECONDS)
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def _require_shared_page() -> None:
    """Raise LimitTooLow where this process may not make the page that it shares with each crawl process."""
    from orbweaver.crawler.fetching.pace.pace_board import PaceBoard

    try:
        PaceBoard().close()
    except OSError as error:
        raise LimitTooLow(
            f"a recrawl worker shares a page of memory with each recrawl, and may not make one ({error.strerror}): "
            "the limit of file sizes (LimitFSIZE, ulimit -f) must be 65536 bytes at least; the unit files of this "
            "release say so"
        ) from error


def _log_to_standard_error(settings: Settings, level: int) -> str:
    """Log warnings, and from a level on what the worker itself says; returns the format of the lines."""
    log_format = orbweaver_settings.SANDBOX_OFF + LOG_FORMAT if settings.sandbox == "off" else LOG_FORMAT
    # The handler has the level, not the root logger: Scrapy sets the latter to NOTSET, and its DEBUG lines name URLs.
    handler = logging.StreamHandler()
    handler.setLevel(level)
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == log.name)
    log.setLevel(level)
    logging.basicConfig(handlers=[handler], format=log_format)
    return log_format


def work(
    store: Store,
    names: Sequence[QueueName],
    *,
    name: str | None = None,
    burst: bool = False,
    level: int = logging.WARNING,
) -> None:
    """Work on queues until told to stop (SIGTERM: in order; a second one: at once).

    `names` is either the recrawl queue alone, of which a worker has many jobs under way, or others. Before the former,
    fleet.workers.preload saves every crawl process its start. `level` is from which on a worker's own lines are logged:
    at INFO its start and each job, without URLs and digests.
    Raises ValueError for a mixture, and with `burst` NotInForce when other settings than this worker's are in force.
    """
    options: dict[str, Any] = {
        "connection": store,
        "name": name,
        "job_class": AllowedJob,
        "queue_class": AllowedQueue,
        "serializer": JSONSerializer,
        "log_job_description": False,
        "maintenance_interval": MAINTENANCE_SECONDS,
        "worker_ttl": WORKER_SECONDS,
    }
    # What a delivery job does takes no time, so no event waits for the questions before it.
    queues = [queue_for(store, one) for one in sorted(names, key=lambda one: one is not QueueName.TAKEDOWN)]
    settings = orbweaver_settings.load()
    recrawl_worker: RecrawlWorker | None = None
    if list(names) == [QueueName.RECRAWL]:
        from orbweaver.queue.fleet.workers import recrawl_worker as recrawling  # the others crawl nothing

        at_once = capacity.of_this_machine(settings).recrawls_at_once
        worker: GuardedWorker = (recrawl_worker := recrawling.RecrawlWorker(queues, at_once=at_once, **options))
    elif QueueName.RECRAWL in names:
        raise ValueError(
            "the recrawl queue needs a worker of its own: it has many jobs under way, in sandboxed processes"
        )
    else:
        patience.wait_for_ever(store)
        worker = PlainWorker(queues, **options)
    worker.settings = settings
    log_format = _log_to_standard_error(settings, level)
    log.info("works on %s as process %d; store %s", ", ".join(names), os.getpid(), connection.place_of(store))
    with contextlib.ExitStack() as stack:
        if recrawl_worker is not None:
            from orbweaver.crawler.crawl_process import forking_process

            _require_shared_page()
            recrawl_worker.fork = stack.enter_context(forking_process(settings)).fork
        if QueueName.MATCH in names:
            from orbweaver.queue.fleet.workers.health_watch import watching  # a recrawl worker asks nobody

            stack.enter_context(watching(store, is_ongoing=not burst))
        if QueueName.TAKEDOWN in names:
            stack.enter_context(couriers.delivering(store, is_ongoing=not burst))
        worker.work(burst=burst, logging_level="WARNING", log_format=log_format)
    if burst and worker.idle_because is not None:
        raise NotInForce(f"this worker took no job: {worker.idle_because}")
