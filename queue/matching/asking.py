"""Asks every matching service about sightings, from a job, and keeps what is known of the services' health in step."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from orbweaver import settings as orbweaver_settings
from orbweaver.matcher_client.errors import UnknownService
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.health_gate import GatedService, ServiceAnswer, ServiceAnswers
from orbweaver.matcher_client.gate.health_rules import is_stale
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.matcher_client.several_services import SeveralServices, open_gated, rules_of
from orbweaver.matcher_client.verdicts import unknown
from orbweaver.model import DigestSet, Verdict, now
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, in_force, list_versions
from orbweaver.settings import Settings
from orbweaver.store.connection import Store


def ask(store: Store, digest_sets: Sequence[DigestSet], *, is_anew: bool = False) -> ServiceAnswers:
    """Return an answer per digest set, in order; unknown for all when MATCHER_URL names no service that we have.

    `is_anew`: the services are asked, whatever the cache has.
    """
    settings = orbweaver_settings.load()
    try:
        services = _opened(store, settings)
    except UnknownService as error:
        return ServiceAnswers((ServiceAnswer(unknown(str(error))),) * len(digest_sets))
    known = service_health.read(store, [gated.name for gated in services.gated])
    for gated, one in zip(services.gated, known, strict=True):
        if is_stale(one.health, rules_of(settings), now()):
            check(store, gated)
    return services.ask(digest_sets, is_anew=is_anew)


def verdicts(store: Store, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
    """Return the verdicts alone, in order, for asking again about everything: none of them from the cache.

    Not every change of a list is one of its version, as when a curator of HMA enables a content.
    All are unknown while a service answers from another list than the wanted one, as a follower that is late does, or
    when other services than this worker's are in force: their answers would not count.
    """
    reason = in_force.complaint(store, orbweaver_settings.load(), [QueueName.MATCH])
    if reason is not None:
        return [unknown(reason)] * len(digest_sets)
    asked = ask(store, digest_sets, is_anew=True)
    others = list_versions.unwanted(list_versions.read(store), asked.versions)
    if others:
        return [unknown(f"{' '.join(others)} does not have the list that is in force")] * len(digest_sets)
    return [one.verdict for one in asked.answers]


def complaint(store: Store, settings: Settings) -> str | None:
    """Say in one line which lists of this worker are not those in force, None when all are."""
    try:
        others = late(store, _opened(store, settings))
    except UnknownService:
        return None  # the answer to each question says so
    return f"{' '.join(others)} is not the list in force, and not a newer one" if others else None


def unhealthy(store: Store) -> list[str]:
    """Return a line about each service of this worker that is unhealthy. Raises UnknownService."""
    names = [gated.name for gated in _opened(store, orbweaver_settings.load()).gated]
    known = [service.health for service in service_health.read(store, names)]
    return [health.complaint for health in known if health is not None and not health.is_healthy]


def late(store: Store, services: SeveralServices) -> list[str]:
    """Return the services that have another list than the one in force, and no new one.

    A list on this machine is looked at here; of a network service, which is the same for all, its last check tells.
    """
    known = list_versions.read(store)
    elsewhere = [gated.name for gated in services.gated if not gated.is_local]
    checked = dict(zip(elsewhere, service_health.read(store, elsewhere), strict=True))
    late_services = []
    for gated in services.gated:
        seen = gated.own_list() if gated.is_local else checked[gated.name].health
        if seen is None or seen.list_version is None:
            continue
        if known.is_late(gated.name, seen.list_version, seen.built_at):
            late_services.append(gated.name)
    return late_services


def check(store: Store, gated: GatedService) -> ServiceHealth:
    """Check a service and write its health; on its recovery, in the same transaction, let the waiting batches go.

    So nobody sees a healthy service whose batches still wait. Returns the health that is in the store then: another
    check, or a question that failed, may have written it meanwhile.
    """
    before, after = gated.check()
    is_recovery = after.is_healthy and (before is None or not before.is_healthy)
    renewed = service_health.renew(store, before, after, batches.release if is_recovery else lambda _: None)
    batches.enqueue_released(store)
    return renewed


def release_left_behind(store: Store, names: Sequence[str]) -> None:
    """Let batches go that wait although every service is healthy: a list changed each time that it was asked."""
    known = service_health.read(store, names)
    if all(one.health is not None and one.health.is_healthy for one in known) and batches.waiting_count(store):
        with store.pipeline(transaction=True) as pipe:
            pipe.multi()
            batches.release(pipe)
            pipe.execute()
        batches.enqueue_released(store)


@functools.cache
def _opened(store: Store, settings: Settings) -> SeveralServices:
    """Open the services once per worker process."""
    return open_gated(store, settings)
