"""Sees a verification through while it is under way, with the workers of another or with workers of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orbweaver import settings
from orbweaver.model import now
from orbweaver.queue.fleet.workers.worker_pool import WorkerProcesses
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.matching import rematch_result
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import deliveries, list_versions, recrawl_progress, recrawls, runs
from orbweaver.queue.records.event_places import Places
from orbweaver.queue.records.recrawl_progress import RecrawlStatus
from orbweaver.queue.runs import beginning, left_over, living, lost_jobs, service_client, stopping, verify_result
from orbweaver.queue.runs.run_lock import RunLock
from orbweaver.queue.runs.service_client import EnteredRecrawls, Host
from orbweaver.queue.runs.verify_result import VerifyProgress, VerifyResult
from orbweaver.store import durability
from orbweaver.store.connection import Store
from redis.exceptions import RedisError

POLL_SECONDS = 0.2
# A look at many hosts takes longer: so much longer is the wait before the next, and looking is a small part of a core.
WAIT_FOR_EACH_LOOK = 19
LONGEST_POLL_SECONDS = 1.0
JOB_END_SECONDS = 3.0
# Workers that are ended while they have recrawls of others: a recrawl worker gives its crawl processes 15 s.
HAND_BACK_SECONDS = 20.0
# A service that ended may be started again: its clients wait so long for that.
SERVICE_SECONDS = 60.0
# A matching service that is unhealthy is checked so often, after 1, 2, 4... seconds, before a run ends without it.
CHECKS_WAITED_FOR = 3


@dataclass(frozen=True)
class OwnWorkers:
    """The workers that a verification brings where nobody has any: how many recrawls at once, and where they log."""

    recrawls_at_once: int
    environment: Mapping[str, str]
    log_file: Path


class VerificationRun:
    """A verification that has begun; it `is_over` when all of its recrawls are done, or it was stopped."""

    def __init__(
        self,
        store: Store,
        run_id: str,
        orders: Sequence[Order],
        on_progress: Callable[[VerifyProgress], None],
        stop: threading.Event,
    ) -> None:
        self.is_over = False
        self._store = store
        self._run_id = run_id
        self._on_progress = on_progress
        self._stop = stop
        self._began_at = now()
        self._names = [order.scope.name for order in orders]
        self._asked_before = rematch_result.mark(store)
        self._entered = EnteredRecrawls(store, {recrawls.create(store, run_id, order): order for order in orders})
        self._otherwise = "its workers have ended"

    @classmethod
    def begin(
        cls,
        store: Store,
        run_id: str,
        orders: Sequence[Order],
        on_progress: Callable[[VerifyProgress], None],
        stop: threading.Event,
    ) -> Self:
        """Write the run and its recrawls; nobody works on them yet."""
        runs.create(store, run_id)
        return cls(store, run_id, orders, on_progress, stop)

    def follow(self, host: Host) -> None:
        """Have the workers of another do it, until it is over or another has them."""
        seen_at = time.monotonic()
        while not self._stop.is_set():
            looks_at = time.monotonic()
            there = service_client.host_of(self._store)
            if there == host:
                seen_at = looks_at
            elif there is not None or not host.is_service:
                return
            elif looks_at > seen_at + SERVICE_SECONDS:
                self._otherwise = "orbweaver run has ended"
                break
            else:  # a service may be started again
                self._stop.wait(POLL_SECONDS)
                continue
            self._entered.enter()
            progress = self._progress(self._statuses())
            is_asked = not progress.waiting or not service_client.waiting_work(self._store, self._run_id).is_worked_on
            if progress.hosts_done == progress.hosts and is_asked:
                self.is_over = True
                return
            self._wait(looks_at)
        stopping.interrupt(self._store, self._run_id)
        self.is_over = True

    def lead(self, own: OwnWorkers, places: Places | None, lock: RunLock) -> None:
        """Bring workers, for this run and for others, and see it through."""
        answering = beginning.take_over(self._store, self._run_id, own.environment, tuple(QueueName), places)
        left_over.drop_recrawls(self._store)
        if not self._stop.is_set():
            with WorkerProcesses(
                self._store,
                recrawls_at_once=own.recrawls_at_once,
                environment=own.environment,
                log_file=own.log_file,
            ) as workers:
                runs.note_declared(self._store, self._run_id)
                self._watch(answering, lock, workers)
                if self._stop.is_set():
                    stopping.interrupt(self._store, self._run_id, workers)
                self._let_others_be_handed_back(workers)
        self._otherwise = f"its workers died again and again: see {own.log_file}"
        self.is_over = True

    def abandon(self) -> None:
        """Have no worker go on with the recrawls of a run that is over, or failed."""
        with contextlib.suppress(RedisError):
            stopping.stop_recrawls(self._store, self._run_id)

    def result(self, own: settings.Settings) -> VerifyResult:
        """End what has not ended, and read what came of the run."""
        is_interrupted = self._stop.is_set()
        if not self.is_over:  # stopped while nobody had workers
            stopping.interrupt(self._store, self._run_id)
        self.abandon()  # workers that are not ours must not go on without a run
        stopping.mark_ended(self._store, self._run_id, self._otherwise, is_interrupted=is_interrupted)
        unconfirmed = durability.unconfirmed(self._store, own.store_replicas)
        return verify_result.result_of(
            self._store,
            self._run_id,
            self._began_at,
            self._asked_before,
            unconfirmed,
            is_interrupted=is_interrupted,
        )

    def _watch(self, answering: Collection[str], lock: RunLock, workers: WorkerProcesses) -> None:
        stuck_since: float | None = None
        while not self._stop.is_set():
            looks_at = time.monotonic()
            lock.check()
            workers.replace_dead()
            self._entered.enter()
            statuses = self._statuses()
            # Looked at between the two: when every host is done no job comes any more, and when none is left what still
            # waits has none.
            are_parked = self._are_parked()
            is_to_rematch = self._is_to_rematch(answering)  # before what is under way: begun, it is that
            progress = self._progress(statuses)
            if workers.are_exhausted:
                return
            is_crawled = progress.hosts_done == progress.hosts
            # A file or an event that waits and has no job any more is unknown or undelivered; the report says so.
            is_asked = progress.waiting == 0 or are_parked
            if is_crawled and workers.takes_no_match_job() and not deliveries.are_under_way(self._store):
                return
            if is_crawled and is_asked and not (is_to_rematch or progress.is_rematching):
                self._let_jobs_end()
                return
            stuck_since = lost_jobs.put_back_handed_over(self._store, stuck_since)
            self._wait(looks_at)

    def _wait(self, looks_at: float) -> None:
        """Wait before the next look, the longer the longer the last one took, which began at this moment."""
        look_seconds = time.monotonic() - looks_at
        self._stop.wait(min(max(POLL_SECONDS, WAIT_FOR_EACH_LOOK * look_seconds), LONGEST_POLL_SECONDS))

    def _statuses(self) -> list[RecrawlStatus]:
        living.say_alive(self._store, self._run_id)
        self._entered.end_lost()
        return recrawl_progress.statuses(self._store, runs.recrawl_ids(self._store, self._run_id))

    def _progress(self, statuses: Sequence[RecrawlStatus]) -> VerifyProgress:
        """Read what waits after `statuses` were read: of recrawls that had ended all that they found is counted."""
        progress = verify_result.progress_of(self._store, self._run_id, self._names, self._began_at, statuses)
        self._on_progress(progress)
        return progress

    def _let_jobs_end(self) -> None:
        """Give the last recrawl jobs a moment to end: a worker that is stopped before hands them back."""
        deadline = time.monotonic() + JOB_END_SECONDS
        while self._entered.have_jobs() and time.monotonic() < deadline and not self._stop.is_set():
            self._stop.wait(POLL_SECONDS / 4)

    def _let_others_be_handed_back(self, workers: WorkerProcesses) -> None:
        """Have the workers end; those that have recrawls of other runs need a moment to hand them back."""
        workers.ask_to_stop()
        if living.runs(self._store) - {self._run_id}:
            workers.wait(seconds=HAND_BACK_SECONDS)

    def _are_parked(self) -> bool:
        """Whether all that waits has no job, and will not get one as long as a matching service stays as it is.

        Its health is read before all else: on its recovery jobs come with the same transaction, so they are seen. A
        service gets a few checks to come back before a run ends without it.
        """
        unhealthy = verify_result.unhealthy_since(self._store, self._began_at)
        is_given_up = any(one.failures >= CHECKS_WAITED_FOR for one in unhealthy)
        waiting = service_client.waiting_work(self._store, self._run_id)
        return not waiting.is_worked_on and (is_given_up or not waiting.waits_for_service)

    def _is_to_rematch(self, services: Collection[str]) -> bool:
        """Whether one of these services has another list, and it is not begun yet to ask again because of it.

        A match worker does so when it checks its services. One that it finds unhealthy is not waited for.
        """
        known = list_versions.read(self._store)
        new = {one for one in services if known.wanted.get(one) != known.begun.get(one)}
        unhealthy = {one.service for one in verify_result.unhealthy_since(self._store, self._began_at)}
        return bool(new) and not new <= unhealthy
