"""The functions that RQ jobs call, and the only ones that a job can call.

Every job takes ids; what it works on is in the store. Each can be done twice without harm.
"""

from __future__ import annotations

import ctypes
import functools
import signal
from collections.abc import Sequence

from orbweaver import settings as orbweaver_settings
from orbweaver.crawler import recrawl as crawl
from orbweaver.crawler.errors import AccessRefused, SandboxUnavailable
from orbweaver.matcher_client.errors import MatcherError
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.services import open_service
from orbweaver.model import DigestSet, Verdict, VerdictResult
from orbweaver.queue import batches, recrawls, runs, settlement
from orbweaver.queue import forget as forgetting
from orbweaver.queue import recall as recalling
from orbweaver.queue import rematch as rematching
from orbweaver.queue.recrawls import RecrawlState
from orbweaver.store import connection, durability
from orbweaver.store.connection import Store
from orbweaver.takedown import delivery, sinks
from orbweaver.takedown.errors import NotDelivered
from rq import get_current_job

PR_SET_PDEATHSIG = 1  # prctl(2)


def recrawl(recrawl_id: str) -> None:
    """Recrawl one scope in this forked work horse, in the sandbox; sightings leave in batches.

    A kernel that cannot contain it, a proxy that cannot be used, or too little memory, fails the recrawl for good;
    anything else that goes wrong fails the job, and RQ does it again.
    """
    _die_with_worker()
    store = _store()
    record = recrawls.read(store, recrawl_id)
    if record is None:
        return
    settings = orbweaver_settings.load()
    attempt = recrawls.begin(store, recrawl_id)
    try:
        enforced = crawl.enter_sandbox(
            record.order.scope,
            settings,
            store_port=connection.tcp_port(store),
            store_socket=connection.socket_path(store),
        )
    except (SandboxUnavailable, AccessRefused) as error:
        recrawls.end(store, recrawl_id, RecrawlState.FAILED, attempt=attempt, reason=str(error))
        return
    recrawls.note_sandbox(store, recrawl_id, attempt, enforced.as_record())
    try:
        ended = crawl.run(
            record.order.scope,
            record.order.reports,
            recrawls.recorder(store, recrawl_id, record.run_id, attempt),
            settings,
        )
    except MemoryError:
        reason = f"out of memory: MEMORY_BYTES is {settings.memory_bytes}"
        recrawls.end(store, recrawl_id, RecrawlState.FAILED, attempt=attempt, reason=reason)
        return
    state = RecrawlState.INTERRUPTED if ended.stopped_by == "interrupted" else RecrawlState.FINISHED
    recrawls.end(store, recrawl_id, state, attempt=attempt, stopped_by=ended.stopped_by, suggestions=ended.suggestions)


def match(batch_id: str) -> None:
    """Ask about a batch; its verdicts, their cases, events and delivery jobs are one transaction, then on disk.

    A service that cannot answer makes every verdict unknown: those sightings are kept and asked about again.
    """
    store = _store()
    batch = batches.read(store, batch_id)
    if batch is not None:
        verdicts = ask([one.digests for one in batch.sightings])
        settlement.settle(
            store,
            batch.run_id,
            batches.Waiting(batch_id, batch),
            list(zip(batch.sightings, verdicts, strict=True)),
            retention=orbweaver_settings.load().sighting_retention,
        )
    durability.wait_for_disk(store)


def rematch(turn: str) -> None:
    """Ask again about a slice of the retained sightings, and leave the next slice to another job."""
    store = _store()
    rematching.work(store, turn, ask, retention=orbweaver_settings.load().sighting_retention)
    durability.wait_for_disk(store)


def recall(turn: str) -> None:
    """Ask again about a slice of the cases, and leave the next slice to another job."""
    store = _store()
    recalling.work(store, turn, ask)
    durability.wait_for_disk(store)


def forget(turn: str) -> None:
    """Forget the retained sightings of a slice of shards whose time is over."""
    forgetting.work(_store(), turn, retention=orbweaver_settings.load().sighting_retention)


def deliver(event_id: str) -> None:
    """Deliver an event to every sink of this worker that has not taken it."""
    store = _store()
    addresses = orbweaver_settings.load().takedown_sinks
    if not addresses:
        raise NotDelivered("no sink: set TAKEDOWN_SINKS")
    delivery.deliver(store, event_id, sinks.open_sinks(addresses))
    runs.note_delivered(store, event_id)


def ask(digest_sets: Sequence[DigestSet]) -> list[Verdict]:
    """Return a verdict per digest set, in order; unknown for all when the service cannot answer."""
    url = orbweaver_settings.load().matcher_url
    if url is None:
        return [_unknown("no matching service: set MATCHER_URL")] * len(digest_sets)
    try:
        return ask_service(_service(url), digest_sets)
    except MatcherError as error:
        return [_unknown(str(error))] * len(digest_sets)


def ask_service(service: MatchingService, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
    """Return the service's verdicts, in order; answers that cannot be told apart are none. Raises MatcherError."""
    verdicts = service.lookup(digest_sets)
    if len(verdicts) != len(digest_sets):
        return [_unknown(f"{len(verdicts)} answers to {len(digest_sets)} questions")] * len(digest_sets)
    return verdicts


def _unknown(reason: str) -> Verdict:
    return Verdict(result=VerdictResult.UNKNOWN, reason=reason)


@functools.cache
def _service(url: str) -> MatchingService:
    """Open a service once per worker process."""
    return open_service(url)


def _store() -> Store:
    job = get_current_job()
    assert job is not None, "job functions are called by an RQ worker only"
    store: Store = job.connection
    return store


def _die_with_worker() -> None:
    """A horse outlives its killed worker otherwise, and would crawl on with nobody to count it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
