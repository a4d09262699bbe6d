"""The worker that has many recrawls under way: each in a sandboxed process, all read in one loop.

It holds the store and opens nothing that a host sent. When it dies, the kernel kills its crawl processes, and their
jobs are given back (queue.fleet.dead_workers).
"""

from __future__ import annotations

import functools
import selectors
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, cast

from orbweaver.crawler.errors import NotRecorded
from orbweaver.crawler.forking import Fork
from orbweaver.model import now
from orbweaver.queue.allowed_jobs import JobName
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.fleet.workers.guarded_worker import LOOK_SECONDS, log
from orbweaver.queue.fleet.workers.job_ends import ALIVE_SECONDS, BegunJob, JobEnds
from orbweaver.queue.fleet.workers.shared_paces import SharedPaces
from orbweaver.queue.fleet.workers.silence import Silence
from orbweaver.queue.job_errors import JobTimeIsOver
from orbweaver.queue.queues import RECRAWLS_AT_ONCE, QueueName
from orbweaver.queue.records import runs
from orbweaver.queue.recrawling import RecrawlUnderWay
from orbweaver.store import durability
from orbweaver.store.errors import StoreUnfit
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue
from rq.worker import BaseWorker, WorkerStatus

# While there is room, the queue is asked for a further job so often: nobody can wait for pipes and for the store.
ASK_SECONDS = 0.1
# What is taken from the pipes is kept in some so many transactions a second, each for one recrawl: with many under way
# a recrawl waits longer, and has fewer transactions and match jobs for the same files. No file waits longer than this.
KEEPS_A_SECOND = 25
LONGEST_UNKEPT_SECONDS = 2.0
# Signs of life are given so often; a worker without one for ALIVE_SECONDS is dead.
HEARTBEAT_SECONDS = 10.0
# A worker that could give none for so long ends its crawl processes, before others begin to crawl their hosts.
SILENT_SECONDS = 45.0
# A worker that is told to stop gives its crawl processes so long for the requests that are under way.
STOP_SECONDS = 15.0


class RecrawlWorker(JobEnds, BaseWorker):
    """Begins each recrawl job and goes on; a job ends when its crawl process has said its last message.

    `at_once` is how many it has under way at most, `fork` forks their processes.
    """

    def __init__(self, *args: Any, at_once: int = 1, **options: Any) -> None:
        super().__init__(*args, **options)
        self.at_once = at_once
        self.fork: Fork | None = None
        self._under_way: dict[RecrawlUnderWay, BegunJob] = {}
        self._begun: RecrawlUnderWay | None = None
        self._selector = selectors.DefaultSelector()
        # When (monotonic clock) what was taken of a recrawl is to be kept.
        self._keep_by: dict[RecrawlUnderWay, float] = {}
        self._asks_at = self._looks_at = 0.0
        self._alive_at = time.monotonic()
        self._silence = Silence(SILENT_SECONDS)
        self._is_stopping = False
        self._stop_by = 0.0
        self._has_given_up = False

    @functools.cached_property
    def _paces(self) -> SharedPaces:
        return SharedPaces(self.connection, self.name, places=self.settings.host_connections)

    def serialize(self) -> dict[str, Any]:
        """Return the fields of the worker's record, with how many recrawls it has at once."""
        return {**super().serialize(), RECRAWLS_AT_ONCE: self.at_once}

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        """Wait for a job, and keep what the crawl processes say meanwhile; None when nothing is to be done any more."""
        while self._under_way:
            if self._silence.was_too_long():
                self._give_up_all()
                break
            self._keep_what_is_said()
            if time.monotonic() >= min(self._looks_at, self._paces.asks_by):
                self._look_after()
            taken = self._take() if self._has_room() else None
            if taken is not None:
                return taken
        self.with_the_store(self._paces.let_go)
        if self._has_given_up:
            self.with_the_store(self._return_what_was_given_up)
            self._has_given_up = False
        if self._is_stopping:
            return None
        self._alive_at = time.monotonic()
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    @property
    def functions(self) -> Mapping[str, Callable[..., None]]:
        """The only function that a job of this worker may call: the beginning of a recrawl."""
        return {JobName.RECRAWL: self._begin}

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Begin the job; one that has nothing to do, or cannot begin, ends at once."""
        self.hand_functions(job, queue)
        begun = BegunJob(job, queue, self.with_the_store(functools.partial(self._prepare, job)), time.monotonic())
        job.started_at = now()
        self._begun = None
        try:
            job.perform()
        except Exception as error:  # noqa: BLE001 - whatever it is, RQ decides whether the job is tried again
            self.failed(begun, error)
            return
        if self._begun is None:
            self.succeeded(begun)
            return
        self._under_way[self._begun] = begun
        self._paces.join(self._begun.pace)
        self._silence.watch(self._begun.process_id)
        self._selector.register(self._begun, selectors.EVENT_READ)
        self._asks_at = 0.0  # there may be more jobs

    def _prepare(self, job: Job) -> Execution:
        """Note that the job is started; to be tried again when the store was away, and perhaps has noted it.

        A host has one job at a time, so executions of it that are named still are of workers that died, or of a try
        before; RQ could not read those that have expired. The job is always in one of the lists of its queue: a
        scheduler that finds it in none takes it for gone.
        """
        with self.connection.pipeline() as pipe:
            dead_workers.end_executions(self.connection, pipe, QueueName.RECRAWL, job.id)
            execution = self.note_begun(job, pipe)
            pipe.execute()
        return execution

    def _begin(self, recrawl_id: str) -> None:
        self._begun = RecrawlUnderWay.begin(self.connection, recrawl_id, self.settings, fork=self.fork)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop in order: at once when nothing is under way, else when each crawl process has ended its requests."""
        is_beginning = self.get_state() == WorkerStatus.BUSY  # a job that is under way in a moment
        if not (self._under_way or is_beginning):
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]
            return
        self._shutdown_requested_date = now()
        self._is_stopping = True  # not RQ's own flag: its loop would end at once, in the middle of all
        self._stop_by = time.monotonic() + STOP_SECONDS
        self._looks_at = 0.0
        signal.signal(signal.SIGINT, self.request_force_stop)
        signal.signal(signal.SIGTERM, self.request_force_stop)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Give a sign of life: others take the worker for dead when they have seen none for ALIVE_SECONDS."""
        super().heartbeat(min(timeout or ALIVE_SECONDS, ALIVE_SECONDS), pipeline)

    def note_sign(self, asked_at: float) -> None:
        """Note a sign of life for the watch that ends the crawl processes of a worker which gives none."""
        self._silence.note_sign(asked_at)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002 - as RQ calls it
        """Return how long a job counts as worked on after a sign of life."""
        return ALIVE_SECONDS

    def _has_room(self) -> bool:
        return len(self._under_way) < self.at_once and not self._is_stopping and time.monotonic() >= self._asks_at

    def _take(self) -> tuple[Job, Queue] | None:
        """Take the next job without waiting for one."""
        self._asks_at = time.monotonic() + ASK_SECONDS
        try:
            if self.complaint_lately() is not None:
                return None
            taken = self.queue_class.dequeue_any(
                self._ordered_queues,
                None,
                connection=self.connection,
                job_class=self.job_class,
                serializer=self.serializer,
                death_penalty_class=self.death_penalty_class,
            )
        except (RedisConnectionError, RedisTimeoutError) as error:
            self.pause(error)
            return None
        return taken if taken is not None and self.accept(*taken) else None

    def _keep_what_is_said(self) -> None:
        """Wait a moment for the pipes, take what came, and keep what is due; stop reading while the store is away."""
        until = min([self._looks_at, self._paces.looks_at, self._paces.asks_by, *self._keep_by.values()])
        if len(self._under_way) < self.at_once:
            until = min(until, self._asks_at)
        events = self._selector.select(max(until - time.monotonic(), 0))
        came_at = time.monotonic()
        for key, _ in events:
            recrawl = cast("RecrawlUnderWay", key.fileobj)
            is_due = recrawl.take()
            self._keep_by.setdefault(recrawl, came_at + self._hold_seconds)
            if is_due:
                self._keep_by[recrawl] = 0.0
        self._paces.look()
        ended = []
        for recrawl in [one for one, moment in self._keep_by.items() if moment <= came_at]:
            try:
                if recrawl.keep():
                    ended.append(recrawl)
            except (RedisConnectionError, RedisTimeoutError) as error:
                self.pause(error)
                break
            except Exception as error:  # noqa: BLE001 - as in execute_job
                self.failed(self._forget(recrawl), error)
            self._keep_by.pop(recrawl, None)
        if ended:
            self._end(ended)

    @property
    def _hold_seconds(self) -> float:
        return min(len(self._under_way) / KEEPS_A_SECOND, LONGEST_UNKEPT_SECONDS)

    def _end(self, ended: Sequence[RecrawlUnderWay]) -> None:
        """End the jobs of recrawls that have ended, once all that was kept of them is where it must be."""
        replicas = self.settings.store_replicas
        unfit: StoreUnfit | None = None
        if replicas:
            try:
                durability.wait_for_disk(self.connection, replicas)
            except StoreUnfit as error:
                unfit = error
        for recrawl in ended:
            begun = self._forget(recrawl)
            if recrawl.is_handed_back:
                self.hand_back(begun, is_sliced=recrawl.is_sliced)
                continue
            try:
                if unfit is not None:
                    raise unfit
                if replicas:
                    self.with_the_store(recrawl.require_kept)
            except (NotRecorded, StoreUnfit) as error:
                self.failed(begun, error)
            else:
                self.succeeded(begun)

    def _look_after(self) -> None:
        """Do what has its own clock: signs of life, ends that were ordered, times that are over, upkeep."""
        self._looks_at = time.monotonic() + LOOK_SECONDS
        try:
            if time.monotonic() >= self._alive_at + HEARTBEAT_SECONDS:
                self._say_alive()
            self._stop_what_is_over()
            self._paces.ask()
            if self.should_run_maintenance_tasks:
                self.run_maintenance_tasks()
        except (RedisConnectionError, RedisTimeoutError) as error:
            self.pause(error)
        for recrawl, begun in list(self._under_way.items()):
            if self._is_stopping:
                recrawl.hand_back(within=STOP_SECONDS)
            recrawl.end_if_disobedient()
            if begun.is_late:
                recrawl.give_up(JobTimeIsOver(f"it took more than {begun.job.timeout} s"))
                self._keep_by[recrawl] = 0.0

    def _say_alive(self) -> None:
        """Give a sign of life for the worker and for each of its jobs; one that somebody discarded stays away."""
        asked_at = time.monotonic()
        with self.connection.pipeline() as pipe:
            self.heartbeat(pipeline=pipe)
            for one in self._under_way.values():
                one.extend(pipe)
            new_fields = pipe.execute()[0]
            self.note_sign(asked_at)
            self.enter_again_if_forgotten(pipe, new_fields)
        self._alive_at = time.monotonic()

    def _stop_what_is_over(self) -> None:
        over = runs.over(self.connection, {recrawl.run_id for recrawl in self._under_way})
        for recrawl in self._under_way:
            if recrawl.run_id in over:
                recrawl.stop()

    def pause(self, error: RedisError) -> None:
        """Wait a moment for the store: the crawl processes wait, too, when their pipes are full."""
        super().pause(error)
        if self._is_stopping and time.monotonic() > self._stop_by:
            raise StopRequested

    def _give_up_all(self) -> None:
        """Forget what is under way: its crawl processes were ended, because others may crawl their hosts by now."""
        log.warning("the store was away for too long: %d recrawls are given up", len(self._under_way))
        for recrawl in list(self._under_way):
            self._forget(recrawl)
        self._has_given_up = True

    def _forget(self, recrawl: RecrawlUnderWay) -> BegunJob:
        self._selector.unregister(recrawl)
        self._silence.leave(recrawl.process_id)
        self._paces.leave(recrawl.pace)
        self._keep_by.pop(recrawl, None)
        recrawl.close()
        return self._under_way.pop(recrawl)

    def _return_what_was_given_up(self) -> None:
        """Have the jobs that were given up done again; nothing of ours is under way."""
        dead_workers.retry_jobs_of(self.connection, QueueName.RECRAWL, self.name)
