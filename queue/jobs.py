"""The functions that RQ jobs call, and the only ones that a job can call: recrawl, match, deliver.

Every job takes ids; what it works on is in the store. Each can be done twice without harm.
"""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from orbweaver import settings as orbweaver_settings
from orbweaver.crawler import recrawl as crawl
from orbweaver.crawler.errors import AccessRefused, SandboxUnavailable
from orbweaver.model import CaseState, Verdict, VerdictResult
from orbweaver.queue import asking, batches, recrawls, runs
from orbweaver.queue.batches import Batch
from orbweaver.queue.recrawls import RecrawlState
from orbweaver.store import connection, durability, keys
from orbweaver.store.connection import Store
from orbweaver.takedown import cases, delivery, sinks, transitions
from orbweaver.takedown.errors import NotDelivered
from redis.exceptions import WatchError
from rq import get_current_job

if TYPE_CHECKING:
    from redis.client import Pipeline

PR_SET_PDEATHSIG = 1  # prctl(2)
# A batch that services fail at so often, being healthy before and after, is itself what they cannot answer: it must
# not close the gate for all others for ever.
MOST_FAILURES = 3


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

    What is unknown because of a service's health waits in its batch until the service is healthy; what is unknown
    for a reason of its own is kept apart, and asked about again by the next run.
    """
    store = _store()
    batch = batches.read(store, batch_id)
    if batch is not None:
        asked = asking.ask(store, [one.digests for one in batch.sightings])
        if asked.has_failed:
            batch = batch.model_copy(update={"failures": batch.failures + 1})
        waiting = frozenset[str]()
        if batch.failures < MOST_FAILURES:
            answers = zip(batch.sightings, asked.answers, strict=True)
            waiting = frozenset(sighting.sighting_id for sighting, answer in answers if answer.waits)
        while not _settle(store, batch_id, batch, [one.verdict for one in asked.answers], waiting):
            pass
    durability.wait_for_disk(store)


def deliver(event_id: str) -> None:
    """Deliver an event to every sink of this worker that has not taken it."""
    store = _store()
    addresses = orbweaver_settings.load().takedown_sinks
    if not addresses:
        raise NotDelivered("no sink: set TAKEDOWN_SINKS")
    delivery.deliver(store, event_id, sinks.open_sinks(addresses))
    runs.note_delivered(store, event_id)


def _settle(
    store: Store, batch_id: str, batch: Batch, verdicts: Sequence[Verdict], waiting: Collection[str] = ()
) -> bool:
    """Write what the verdicts mean; False when a case changed meanwhile and it must be decided again.

    The sightings whose ids are in `waiting` stay in their batch, until a service is healthy.
    """
    answers = list(zip(batch.sightings, verdicts, strict=True))
    matches = [
        (sighting, verdict)
        for sighting, verdict in answers
        if verdict.result is VerdictResult.MATCH and not sighting.digests.is_degenerate
    ]
    unknown = [
        (sighting, verdict.reason or "no reason given")
        for sighting, verdict in answers
        if verdict.result is VerdictResult.UNKNOWN
    ]
    answered = [sighting for sighting, verdict in answers if verdict.result is not VerdictResult.UNKNOWN]
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(keys.batch(batch_id), *(keys.case(one.sighting_id) for one, _ in matches))
        if not pipe.exists(keys.batch(batch_id)):
            return True  # settled by an earlier attempt at this job
        before: dict[str, transitions.Standing | None] = {}
        changes: list[transitions.Change] = []
        for sighting, verdict in matches:
            case_id = sighting.sighting_id
            if case_id not in before:
                before[case_id] = cases.standing(pipe, case_id)
            change = transitions.change_by_match(sighting, verdict, before[case_id])
            before[case_id] = change.after
            changes.append(change)
        pipe.multi()
        for change in changes:
            _write(store, pipe, batch.run_id, change)
        batches.keep_unanswered(pipe, [one for one, _ in unknown if one.sighting_id not in waiting])
        batches.drop_answered(pipe, answered)
        runs.note_answers(
            pipe,
            batch.run_id,
            matched_case_ids=sorted(before),
            new_case_ids=[str(one.after.case.case_id) for one in changes if one.is_new],
            unknown=unknown,
            answered=answered,
        )
        batches.settle(pipe, batch_id, batch, waiting)
        try:
            pipe.execute()
        except WatchError:
            return False
    return True


def _write(store: Store, pipe: Pipeline, run_id: str, change: transitions.Change) -> None:
    cases.write(pipe, change)
    if change.event is not None and change.after.case.state is CaseState.OPEN:
        runs.note_event(store, pipe, run_id, str(change.event.event_id))


def _store() -> Store:
    job = get_current_job()
    assert job is not None, "job functions are called by an RQ worker only"
    store: Store = job.connection
    return store


def _die_with_worker() -> None:
    """A horse outlives its killed worker otherwise, and would crawl on with nobody to count it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
