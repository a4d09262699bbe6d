"""A verification run from its orders to its result: enqueue, keep workers alive, watch, and stop in order."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from orbweaver import settings
from orbweaver.model import now
from orbweaver.queue import queues
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.fleet.worker_pool import WorkerProcesses
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.matching import rematch_result
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import list_versions, recrawls, runs
from orbweaver.queue.records.event_places import Places
from orbweaver.queue.records.recrawls import ENDED, RecrawlState
from orbweaver.queue.runs import beginning, lost_jobs, run_lock, service_client, verify_result
from orbweaver.queue.runs.run_lock import VERIFY, Claim, RunLock
from orbweaver.queue.runs.service_client import EnteredRecrawls
from orbweaver.queue.runs.verify_result import VerifyProgress, VerifyResult
from orbweaver.store import durability, keys
from orbweaver.store.connection import Store
from redis.exceptions import RedisError
from rq.exceptions import DuplicateJobError

POLL_SECONDS = 0.2
# A look at many hosts takes longer: so much longer is the wait before the next, and looking is a small part of a core.
WAIT_FOR_EACH_LOOK = 19
LONGEST_POLL_SECONDS = 1.0
# The longest waits of a stop: for recrawls that end in order, and for what they found to be asked about and delivered.
# Both end as soon as all is done; what is not done by then is kept for the next run. A second Ctrl-C ends at once.
RECRAWL_STOP_SECONDS = 10.0
DRAIN_SECONDS = 5.0
JOB_END_SECONDS = 3.0
# A service that ended may be started again: its clients wait so long for that.
SERVICE_SECONDS = 60.0
# A matching service that is unhealthy is checked so often, after 1, 2, 4... seconds, before a run ends without it.
CHECKS_WAITED_FOR = 3


def verify(
    store: Store,
    orders: Sequence[Order],
    *,
    recrawls_at_once: int,
    environment: Mapping[str, str],
    log_file: Path,
    on_progress: Callable[[VerifyProgress], None],
    stop: threading.Event,
    claim: Claim = VERIFY,
    places: Places | None = None,
) -> VerifyResult:
    """Recrawl every order and ask about everything found; returns when all is done or `stop` is set.

    `environment` is that of the workers; the run declares their settings to be in force on this store. First it asks
    about the files, and delivers the events, that earlier runs left. When a list has changed, the run also waits until
    all retained files are asked about again. `places` says where the events went when the run was prepared.

    On a store that has a service (`orbweaver run`) the run starts no worker and declares nothing: it enters its hosts,
    and waits for them and for what is found there.

    Raises StoreBusy while another run is alive on this store and `claim` does not wait, and when the service has other
    settings; WorkersTooOld while a worker of an earlier release is alive.
    """
    run_id = uuid4().hex
    own = settings.load(environment)
    while True:
        service = run_lock.service(store)
        if service is not None:
            service_client.require_same_settings(store, own, service)
            return _verify_at_service(store, run_id, orders, own, on_progress, stop)
        with run_lock.hold(store, run_id, claim, stop) as lock:
            if run_lock.service(store) is None:  # none came before the lock was held, and none can come now
                return _verify_with_workers(
                    store, run_id, orders, recrawls_at_once, environment, log_file, on_progress, stop, places, lock
                )


def _verify_with_workers(
    store: Store,
    run_id: str,
    orders: Sequence[Order],
    recrawls_at_once: int,
    environment: Mapping[str, str],
    log_file: Path,
    on_progress: Callable[[VerifyProgress], None],
    stop: threading.Event,
    places: Places | None,
    lock: RunLock,
) -> VerifyResult:
    began_at = now()
    runs.create(store, run_id)
    asked_before = rematch_result.mark(store)
    answering = beginning.take_over(store, run_id, environment, tuple(QueueName), places)
    _drop_left_over(store)
    names = [order.scope.name for order in orders]
    try:
        for order in orders:
            _enqueue(store, run_id, order, is_stopped=stop.is_set())
        if not stop.is_set():
            with WorkerProcesses(
                store, recrawls_at_once=recrawls_at_once, environment=environment, log_file=log_file
            ) as workers:
                _watch(store, run_id, names, began_at, answering, lock, workers, on_progress, stop)
                if stop.is_set():
                    _interrupt(store, run_id, workers)
    finally:
        with contextlib.suppress(RedisError):  # workers that are not ours must not go on without a run
            _stop_recrawls(store, run_id)
    _mark_ended(store, run_id, f"its workers died again and again: see {log_file}", is_interrupted=stop.is_set())
    unconfirmed = durability.unconfirmed(store, settings.load(environment).store_replicas)
    return verify_result.result_of(store, run_id, began_at, asked_before, unconfirmed, is_interrupted=stop.is_set())


def _verify_at_service(
    store: Store,
    run_id: str,
    orders: Sequence[Order],
    own: settings.Settings,
    on_progress: Callable[[VerifyProgress], None],
    stop: threading.Event,
) -> VerifyResult:
    began_at = now()
    runs.create(store, run_id)
    asked_before = rematch_result.mark(store)
    names = [order.scope.name for order in orders]
    entered = EnteredRecrawls(store, {recrawls.create(store, run_id, order): order for order in orders})
    seen_at = time.monotonic()
    is_gone = False
    try:
        while not (stop.is_set() or is_gone):
            entered.enter()
            entered.end_lost()
            statuses = recrawls.statuses(store, runs.recrawl_ids(store, run_id))
            progress = verify_result.progress_of(store, run_id, names, began_at, statuses)
            on_progress(progress)
            is_crawled = progress.hosts_done == progress.hosts
            if is_crawled and (progress.waiting == 0 or not service_client.is_worked_on(store, run_id)):
                break
            if run_lock.service(store) is not None:
                seen_at = time.monotonic()
            is_gone = time.monotonic() > seen_at + SERVICE_SECONDS
            stop.wait(POLL_SECONDS)
        if stop.is_set() or is_gone:
            _interrupt(store, run_id)
    finally:
        with contextlib.suppress(RedisError):  # the service's workers must not go on without a run
            _stop_recrawls(store, run_id)
    _mark_ended(store, run_id, "orbweaver run has ended", is_interrupted=stop.is_set())
    unconfirmed = durability.unconfirmed(store, own.store_replicas)
    return verify_result.result_of(store, run_id, began_at, asked_before, unconfirmed, is_interrupted=stop.is_set())


def _drop_left_over(store: Store) -> None:
    """Remove the recrawls of killed runs that nobody works on: a new run says itself which hosts it wants."""
    for job_id in queues.queue_for(store, QueueName.RECRAWL).get_job_ids():
        dead_workers.withdraw(store, QueueName.RECRAWL, job_id)


def _enqueue(store: Store, run_id: str, order: Order, *, is_stopped: bool) -> None:
    recrawl_id = recrawls.create(store, run_id, order)
    if is_stopped:
        recrawls.end(store, recrawl_id, RecrawlState.INTERRUPTED, reason="stopped before it began")
        return
    name, limits = order.scope.name, order.scope.limits
    job_id = queues.recrawl_job_id(name)
    for _ in range(2):
        try:
            queues.enqueue_recrawl(store, name, recrawl_id, limits.max_seconds)
        except DuplicateJobError:
            if queues.is_being_worked_on(store, QueueName.RECRAWL, job_id):
                break
            dead_workers.discard(store, QueueName.RECRAWL, job_id)  # nobody works on it any more
        else:
            return
    recrawls.end(
        store,
        recrawl_id,
        RecrawlState.FAILED,
        reason="another worker is still recrawling this host: try again when it ends",
    )


def _watch(
    store: Store,
    run_id: str,
    names: Sequence[str],
    began_at: datetime,
    answering: Collection[str],
    lock: RunLock,
    workers: WorkerProcesses,
    on_progress: Callable[[VerifyProgress], None],
    stop: threading.Event,
) -> None:
    recrawl_ids = runs.recrawl_ids(store, run_id)
    stuck_since: float | None = None
    while not stop.is_set():
        looks_at = time.monotonic()
        lock.check()
        workers.replace_dead()
        statuses = recrawls.statuses(store, recrawl_ids)
        lost_jobs.end_lost_recrawls(
            store, [one for one, status in zip(recrawl_ids, statuses, strict=True) if status.state not in ENDED]
        )
        # Looked at between the two: when every host is done no job comes any more, and when none is left what still
        # waits has none.
        are_parked = _are_parked(store, began_at)
        is_to_rematch = _is_to_rematch(store, answering, began_at)  # before what is under way: begun, it is that
        progress = verify_result.progress_of(store, run_id, names, began_at, statuses)
        on_progress(progress)
        if workers.are_exhausted:
            return
        is_crawled = progress.hosts_done == progress.hosts
        # A file or an event that waits and has no job any more is unknown or undelivered; the report says so.
        is_asked = progress.waiting == 0 or are_parked
        if is_crawled and workers.takes_no_match_job() and not queues.waiting_jobs(store, QueueName.TAKEDOWN):
            return
        if is_crawled and is_asked and not (is_to_rematch or progress.is_rematching):
            _let_jobs_end(store, stop)
            return
        stuck_since = lost_jobs.put_back_handed_over(store, stuck_since)
        look_seconds = time.monotonic() - looks_at
        stop.wait(min(max(POLL_SECONDS, WAIT_FOR_EACH_LOOK * look_seconds), LONGEST_POLL_SECONDS))


def _let_jobs_end(store: Store, stop: threading.Event) -> None:
    """Give the last recrawl jobs a moment to end: a worker that is stopped before hands them back."""
    deadline = time.monotonic() + JOB_END_SECONDS
    while queues.waiting_jobs(store, QueueName.RECRAWL) and time.monotonic() < deadline and not stop.is_set():
        stop.wait(POLL_SECONDS / 4)


def _are_parked(store: Store, began_at: datetime) -> bool:
    """Whether all that waits has no job, and will not get one as long as a matching service stays as it is.

    Its health is read before all else: on its recovery jobs come with the same transaction, so they are seen. A
    service gets a few checks to come back before a run ends without it.
    """
    is_given_up = any(one.failures >= CHECKS_WAITED_FOR for one in verify_result.unhealthy_since(store, began_at))
    with store.pipeline(transaction=True) as pipe:  # at one moment: a job may end by letting its batch wait
        queues.count_jobs(store, pipe, QueueName.MATCH, QueueName.TAKEDOWN)
        pipe.zcard(keys.waiting_batches())
        *jobs, waiting = pipe.execute()
    return not any(jobs) and (is_given_up or not waiting)


def _is_to_rematch(store: Store, services: Collection[str], began_at: datetime) -> bool:
    """Whether one of these services has another list, and it is not begun yet to ask again because of it.

    A match worker does so when it checks its services. One that it finds unhealthy is not waited for.
    """
    known = list_versions.read(store)
    new = {one for one in services if known.wanted.get(one) != known.begun.get(one)}
    return bool(new) and not new <= {one.service for one in verify_result.unhealthy_since(store, began_at)}


def _interrupt(store: Store, run_id: str, workers: WorkerProcesses | None = None) -> None:
    """Have every recrawl ended in order, whichever worker has it, and the found files asked about, within bounds."""
    deadline = time.monotonic() + RECRAWL_STOP_SECONDS
    _end_idle(store, run_id)
    if workers is not None:
        workers.ask_to_stop(QueueName.RECRAWL)
    while _open_recrawls(store, run_id) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS / 4)
        _end_idle(store, run_id)  # one may have come back: that of a worker which was just starting, or died
    deadline = time.monotonic() + DRAIN_SECONDS
    while sum(runs.waiting(store, run_id)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS / 4)


def _end_idle(store: Store, run_id: str) -> None:
    for recrawl_id in _stop_recrawls(store, run_id):
        recrawls.end(store, recrawl_id, RecrawlState.INTERRUPTED, reason="stopped")


def _stop_recrawls(store: Store, run_id: str) -> list[str]:
    """Have the run's recrawls ended by the workers that have them; returns the ids of those that nobody has."""
    idle = []
    runs.note_over(store, run_id)
    for record in filter(None, (recrawls.read(store, one) for one in _open_recrawls(store, run_id))):
        job = lost_jobs.own_job(store, record)
        is_idle = job is None or dead_workers.withdraw(store, QueueName.RECRAWL, job.id)
        if is_idle or (job is not None and not queues.is_with_a_worker(store, QueueName.RECRAWL, job.id)):
            idle.append(record.recrawl_id)
    return idle


def _open_recrawls(store: Store, run_id: str) -> list[str]:
    recrawl_ids = runs.recrawl_ids(store, run_id)
    statuses = recrawls.statuses(store, recrawl_ids)
    return [one for one, status in zip(recrawl_ids, statuses, strict=True) if status.state not in ENDED]


def _mark_ended(store: Store, run_id: str, otherwise: str, *, is_interrupted: bool) -> None:
    """End what has not ended: because the run was stopped, or for the other reason that is given."""
    state = RecrawlState.INTERRUPTED if is_interrupted else RecrawlState.FAILED
    reason = "stopped" if is_interrupted else otherwise
    for record in verify_result.records_of(store, run_id):
        job = lost_jobs.own_job(store, record)
        is_elsewhere = job is not None and queues.is_with_a_worker(store, QueueName.RECRAWL, job.id)
        if record.state not in ENDED:
            why = "the recrawl was told to stop, but its worker has not ended it yet" if is_elsewhere else reason
            recrawls.end(store, record.recrawl_id, state, reason=why)
        if job is not None and not is_elsewhere:
            # Its worker is gone; the next run must be able to take the host.
            dead_workers.discard(store, QueueName.RECRAWL, job.id)
