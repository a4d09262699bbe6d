"""All matching services of MATCHER_URL as one: each behind its gate, asked once a digest set, their answers merged."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from orbweaver.matcher_client.errors import UnknownService
from orbweaver.matcher_client.gate.health_gate import GatedService, ServiceAnswer, ServiceAnswers
from orbweaver.matcher_client.gate.health_rules import HealthRules
from orbweaver.matcher_client.gate.service_health import KnownService
from orbweaver.matcher_client.gate.verdict_cache import VerdictCache
from orbweaver.matcher_client.open_service import open_service
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.matcher_client.verdicts import merge
from orbweaver.model import DigestSet, VerdictResult
from orbweaver.settings import Settings
from orbweaver.store.connection import Store

NOT_READ: Mapping[str, KnownService] = MappingProxyType({})


class SeveralServices:
    """One or more gated services. A match of any is a match; without one, an unknown of any makes the whole unknown."""

    def __init__(self, gated: Sequence[GatedService]) -> None:
        self.gated = tuple(gated)

    def ask(
        self,
        digest_sets: Sequence[DigestSet],
        *,
        is_anew: bool = False,
        known: Mapping[str, KnownService] = NOT_READ,
    ) -> ServiceAnswers:
        """Return an answer for each digest set, in order; equal ones are asked about once.

        The services are asked one after the other. `is_anew`: nothing is taken from the cache. `known` is what was just
        read of them. Raises RedisError when the store does not answer.
        """
        distinct = list(dict.fromkeys(digest_sets))
        if not distinct:
            return ServiceAnswers(())
        of_each = [gated.ask(distinct, is_anew=is_anew, known=known.get(gated.name)) for gated in self.gated]
        merged = {
            digests: _merged(digests, answers)
            for digests, *answers in zip(distinct, *(batch.answers for batch in of_each), strict=True)
        }
        return ServiceAnswers(
            tuple(merged[digests] for digests in digest_sets),
            has_failed=any(batch.has_failed for batch in of_each),
            versions=dict(ChainMap(*(dict(batch.versions) for batch in of_each))),
            built=dict(ChainMap(*(dict(batch.built) for batch in of_each))),
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
    """Return the health rules that the settings give."""
    return HealthRules(
        every=settings.health_interval,
        max_list_age=settings.max_list_age,
        max_list_shrinkage=settings.max_list_shrinkage,
    )


def _merged(digests: DigestSet, answers: Sequence[ServiceAnswer]) -> ServiceAnswer:
    verdict = merge(digests, [answer.verdict for answer in answers])
    waits = verdict.result is VerdictResult.UNKNOWN and any(answer.waits for answer in answers)
    return ServiceAnswer(verdict, waits)
