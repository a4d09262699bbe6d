"""The functions that RQ jobs call, and the only ones that a job can call, besides the beginning of a recrawl.

Every job takes ids; what it works on is in the store. Each can be done twice without harm. A recrawl is begun by the
worker that has many of them under way (queue.fleet.workers.recrawl_worker).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from orbweaver import settings as orbweaver_settings
from orbweaver.model import DigestSet, Verdict, VerdictResult
from orbweaver.queue.matching import expiry as forgetting
from orbweaver.queue.matching import recall as recalling
from orbweaver.queue.matching import rematch as rematching
from orbweaver.queue.matching import settlement
from orbweaver.queue.records import batches, deliveries, list_versions
from orbweaver.queue.records.list_versions import Versions
from orbweaver.queue.removal import recheck_terms
from orbweaver.store import durability, reads
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery import alarm
from orbweaver.takedown.errors import NotDelivered
from rq import get_current_job

if TYPE_CHECKING:
    from orbweaver.matcher_client.gate.health_gate import ServiceAnswers

# A batch that services fail at so often, being healthy before and after, is itself what they cannot answer: it must
# not close the gate for all others for ever.
MOST_FAILURES = 3


def match(batch_id: str) -> None:
    """Ask about a batch; its verdicts, their cases, events and delivery jobs are one transaction, then on disk.

    When a service has a list that was never asked before, that list is first noted as the one that is wanted.

    A file that is unknown because of a service's health waits in its batch until the service is healthy. A file that
    is unknown for another reason is kept apart, and asked about again after a while (queue.fleet.upkeep).
    """
    store = _store()
    server, versions, (batch, releases) = reads.together(
        store, durability.reading_server(), list_versions.reading(), batches.reading(batch_id)
    )
    with durability.kept(store, orbweaver_settings.load().store_replicas, server=server):
        if batch is not None:
            _answer(store, batches.BatchUnderSettlement(batch_id, batch, releases=releases), versions)
        batches.enqueue_released(store)


def _answer(store: Store, asked_about: batches.BatchUnderSettlement, versions: Versions) -> None:
    batch = asked_about.batch
    asked = _ask(store, [one.digests for one in batch.sightings])
    if asked.has_failed:
        batch = batch.model_copy(update={"failures": batch.failures + 1})
    staying = frozenset[str]()
    if batch.failures < MOST_FAILURES:
        answers = zip(batch.sightings, asked.answers, strict=True)
        staying = frozenset(sighting.sighting_id for sighting, answer in answers if answer.waits)
    rematching.start_if_new(store, asked.versions, asked.built, versions)
    answered = zip(batch.sightings, asked.answers, strict=True)
    matched = [one for one, answer in answered if answer.verdict.result is VerdictResult.MATCH]
    recheck_terms.note(store, batch.recrawl_id, matched)
    settlement.settle(
        store,
        batch.run_id,
        replace(asked_about, batch=batch, staying=staying),
        [(sighting, one.verdict) for sighting, one in zip(batch.sightings, asked.answers, strict=True)],
        retention=orbweaver_settings.load().sighting_retention,
    )


def rematch(token: str) -> None:
    """Ask again about a slice of the retained sightings, and leave the next slice to another job."""
    store, settings = _store(), orbweaver_settings.load()
    with durability.kept(store, settings.store_replicas):
        rematching.work(store, token, _verdicts, retention=settings.sighting_retention)


def recall(token: str) -> None:
    """Ask again about a slice of the cases, and leave the next slice to another job."""
    store = _store()
    with durability.kept(store, orbweaver_settings.load().store_replicas):
        recalling.work(store, token, _verdicts)


def forget(token: str) -> None:
    """Forget the retained sightings of a slice of shards whose time is over."""
    forgetting.work(_store(), token, retention=orbweaver_settings.load().sighting_retention)


def deliver(event_id: str) -> None:
    """Have each event that was not sent yet wait for the sinks of this worker, and wake the couriers, who deliver it.

    `event_id` is the event that the job has its name from.
    """
    store = _store()
    settings = orbweaver_settings.load()
    if not settings.takedown_sinks:
        raise NotDelivered("no sink: set TAKEDOWN_SINKS")
    if not deliveries.send(store, event_id, settings):
        raise NotDelivered("other sinks are in force by now: the events go to those, too")
    alarm.OF_THIS_PROCESS.ring()


# A worker hands these functions to each job; a job can call no other.
FUNCTIONS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {function.__name__: function for function in (match, deliver, rematch, recall, forget)}
)


def _verdicts(digest_sets: Sequence[DigestSet]) -> list[Verdict]:
    from orbweaver.queue.matching import asking  # as in match()

    return asking.verdicts(_store(), digest_sets)


def _ask(store: Store, digest_sets: Sequence[DigestSet]) -> ServiceAnswers:
    from orbweaver.queue.matching import (
        asking,  # a recrawl worker has this module and asks nobody: no client, no secrets
    )

    return asking.ask(store, digest_sets)


def _store() -> Store:
    job = get_current_job()
    assert job is not None, "job functions are called by an RQ worker only"
    store: Store = job.connection
    return store
