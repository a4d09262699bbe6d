"""Asks every matching service about sightings, from a job, and keeps what is known of the services' health in step."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence

from orbweaver import settings as orbweaver_settings
from orbweaver.matcher_client.errors import UnknownService
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.health_gate import GatedService, ServiceAnswer, ServiceAnswers
from orbweaver.matcher_client.gate.health_rules import is_stale
from orbweaver.matcher_client.gate.service_health import KnownService, ServiceHealth
from orbweaver.matcher_client.several_services import SeveralServices, open_gated, rules_of
from orbweaver.matcher_client.verdicts import unknown
from orbweaver.model import DigestSet, Verdict, now
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, in_force, list_versions
from orbweaver.queue.records.list_versions import Versions
from orbweaver.settings import Settings
from orbweaver.store import reads
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
    names = [gated.name for gated in services.gated]
    known = dict(zip(names, service_health.read(store, names), strict=True))
    for gated in services.gated:
        if is_stale(known[gated.name].health, rules_of(settings), now()):
            check(store, gated)
            del known[gated.name]  # it is read again
    return services.ask(digest_sets, is_anew=is_anew, known=known)


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


def complaint(store: Store, settings: Settings, names: Collection[QueueName]) -> str | None:
    """Say in one line which settings or lists of this worker are not those in force, None when all are.

    The settings are those that matter to the queues of these names.
    """
    try:
        services = _opened(store, settings).gated
    except UnknownService:
        services = ()  # the answer to each question says so
    differing, known, checked = reads.together(
        store,
        in_force.reading_differing(in_force.described(settings, names)),
        list_versions.reading(),
        service_health.reading(_elsewhere(services)),
    )
    if differing:
        return in_force.in_words(differing)
    others = _late(services, known, checked)
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
    elsewhere = service_health.reading(_elsewhere(services.gated))
    known, checked = reads.together(store, list_versions.reading(), elsewhere)
    return _late(services.gated, known, checked)


def _elsewhere(services: Sequence[GatedService]) -> list[str]:
    return [gated.name for gated in services if not gated.is_local]


def _late(services: Sequence[GatedService], known: Versions, checked: Sequence[KnownService]) -> list[str]:
    last_checks = dict(zip(_elsewhere(services), checked, strict=True))
    late_services = []
    for gated in services:
        seen = gated.own_list() if gated.is_local else last_checks[gated.name].health
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
