"""All matching services of MATCHER_URL as one: each behind its gate, asked once a digest set, their answers merged."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Sequence

from orbweaver.matcher_client.errors import UnknownService
from orbweaver.matcher_client.gate.health_gate import GatedService, ServiceAnswer, ServiceAnswers
from orbweaver.matcher_client.gate.health_rules import HealthRules
from orbweaver.matcher_client.gate.verdict_cache import VerdictCache
from orbweaver.matcher_client.open_service import open_service
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.matcher_client.verdicts import merge
from orbweaver.model import DigestSet, VerdictResult
from orbweaver.settings import Settings
from orbweaver.store.connection import Store


class SeveralServices:
    """One or more gated services; a match of any is a match, and an unknown of any keeps the rest from being clean."""

    def __init__(self, gated: Sequence[GatedService]) -> None:
        self.gated = tuple(gated)

    def ask(self, digest_sets: Sequence[DigestSet], *, is_anew: bool = False) -> ServiceAnswers:
        """Return an answer for each digest set, in order; equal ones are asked about once.

        The services are asked one after the other; `is_anew`: whatever the cache has. Raises RedisError when the store
        is away.
        """
        distinct = list(dict.fromkeys(digest_sets))
        if not distinct:
            return ServiceAnswers(())
        said = [gated.ask(distinct, is_anew=is_anew) for gated in self.gated]
        merged = {
            digests: _merged(digests, answers)
            for digests, *answers in zip(distinct, *(one.answers for one in said), strict=True)
        }
        return ServiceAnswers(
            tuple(merged[digests] for digests in digest_sets),
            has_failed=any(one.has_failed for one in said),
            versions=dict(ChainMap(*(dict(one.versions) for one in said))),
            built=dict(ChainMap(*(dict(one.built) for one in said))),
        )

    def close(self) -> None:
        """Let go of every service."""
        for gated in self.gated:
            gated.close()


def open_services(urls: Sequence[str]) -> list[MatchingService]:
    """Open the services that matcher URLs name, without asking them anything yet.

    Raises UnknownService, also for none, and for two URLs of the same service.
    """
    if not urls:
        raise UnknownService("no matching service: set MATCHER_URL")
    services = [open_service(url) for url in urls]
    for name, count in Counter(service.name for service in services).items():
        if count > 1:
            raise UnknownService(f"the matching service {name} is named {count} times")
    return services


def open_gated(store: Store, settings: Settings) -> SeveralServices:
    """Open all services of MATCHER_URL, gated, cached and merged. Raises UnknownService."""
    rules, cache = rules_of(settings), VerdictCache(store, settings.verdict_cache)
    return SeveralServices(
        [
            # A local list is searched faster than the store answers.
            GatedService(service, store, rules, None if isinstance(service, HashListService) else cache)
            for service in open_services(settings.matcher_urls)
        ]
    )


def rules_of(settings: Settings) -> HealthRules:
    """Return the settings' rules of health."""
    return HealthRules(
        every=settings.health_interval,
        max_list_age=settings.max_list_age,
        max_list_shrinkage=settings.max_list_shrinkage,
    )


def _merged(digests: DigestSet, answers: Sequence[ServiceAnswer]) -> ServiceAnswer:
    verdict = merge(digests, [one.verdict for one in answers])
    waits = verdict.result is VerdictResult.UNKNOWN and any(one.waits for one in answers)
    return ServiceAnswer(verdict, waits)
