"""Guards one matching service: its answers count only while the service proves that it has its lists.

The rule (docs/decisions/0021): an answer counts when the canary was asked first and last in the same question and both
answers list it, and when a health check after it finds the service healthy, with the list version of the answer.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from orbweaver.matcher_client.errors import MatcherError, TimeIsOver, Unavailable
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.health_rules import HealthRules, complaint, health_after
from orbweaver.matcher_client.gate.service_health import KnownService, ServiceHealth
from orbweaver.matcher_client.gate.verdict_cache import VerdictCache, same_list
from orbweaver.matcher_client.protocol import ClaimedHealth, MatchingService
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.matcher_client.transport.service_address import Canary
from orbweaver.matcher_client.verdicts import unknown
from orbweaver.model import DigestSet, Verdict, VerdictResult, now
from orbweaver.store.connection import Store

log = logging.getLogger("orbweaver.worker")
_Reply = TypeVar("_Reply")
# A batch is asked so many times when the list changes meanwhile.
ROUNDS = 3


@dataclass(frozen=True)
class ServiceAnswer:
    """A verdict. `waits`: it is unknown because the service is unhealthy, and is asked about again after that."""

    verdict: Verdict
    waits: bool = False


@dataclass(frozen=True)
class ServiceAnswers:
    """The answers to one batch, in order. `has_failed`: a service that was healthy could not answer this batch.

    `versions` has the list version that each service answered from, and `built` the time of that list, if it says so.
    """

    answers: tuple[ServiceAnswer, ...]
    has_failed: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    built: Mapping[str, datetime] = field(default_factory=dict)


def check(service: MatchingService, before: KnownService, rules: HealthRules) -> ServiceHealth:
    """Ask a service for its health and its canary, and return what was found; writes nothing and raises nothing."""
    return _checked(service, before, rules, is_canary_seen=False)


def claimed_health(service: MatchingService) -> ClaimedHealth:
    """Ask a service whether it can answer, and from which list; raises nothing, even where its client does."""
    try:
        return _reply_of(service, service.health)
    except MatcherError as error:
        return ClaimedHealth(is_healthy=False, reason=str(error))


class GatedService:
    """A matching service behind its gate; `cache` is None for a service that is faster than the store.

    Threads must not share it, as they must not share the service.
    """

    def __init__(
        self, service: MatchingService, store: Store, rules: HealthRules, cache: VerdictCache | None = None
    ) -> None:
        self.name = service.name
        self._service = service
        self._store = store
        self._rules = rules
        self._cache = cache

    @property
    def is_local(self) -> bool:
        """Whether the service is a list on this machine, of which another machine may have another version."""
        return isinstance(self._service, HashListService)

    def own_list(self) -> ClaimedHealth:
        """Ask the service which list it has now; raises nothing. Cheap where the list is local."""
        return claimed_health(self._service)

    def check(self) -> tuple[ServiceHealth | None, ServiceHealth]:
        """Check the service; returns its health before and after, and leaves the writing to the caller."""
        before = self._known()
        return before.health, check(self._service, before, self._rules)

    def ask(
        self, digest_sets: Sequence[DigestSet], *, is_anew: bool = False, known: KnownService | None = None
    ) -> ServiceAnswers:
        """Return an answer for each digest set, in order; a failure closes the gate at once. Raises no MatcherError.

        While the gate is closed, and before the first check, the service is not asked. `is_anew`: nothing is taken
        from the cache. `known` is what the store knows of the service, if that was just read.
        """
        for _ in range(ROUNDS):
            answers = self._ask_once(known or self._known(), digest_sets, is_anew=is_anew)
            if answers is not None:
                return answers
            known = None
        return _all_wait(f"{self.name} changed its list each time it was asked", digest_sets)

    def close(self) -> None:
        """Let go of the service."""
        self._service.close()

    def _ask_once(
        self, known: KnownService, digest_sets: Sequence[DigestSet], *, is_anew: bool
    ) -> ServiceAnswers | None:
        """Return the answers; None when the service had another list after the question than during it."""
        before = known.health
        if before is None:
            return _all_wait(f"{self.name} has not been checked yet", digest_sets)
        if not before.is_healthy:
            return _all_wait(before.complaint, digest_sets)
        reader = None if is_anew else self._cache
        kept = [None] * len(digest_sets) if reader is None else reader.read(before, digest_sets)
        asked = [digests for digests, verdict in zip(digest_sets, kept, strict=True) if verdict is None]
        try:
            new = iter(self._look_up(asked) if asked else [])
        except MatcherError as error:
            closed = service_health.close(self._store, before, before.failed(str(error), now()))
            return _all_wait(closed.complaint, digest_sets, has_failed=True)
        after = _checked(self._service, known, self._rules, is_canary_seen=bool(asked))
        if not after.is_healthy:
            return _all_wait(service_health.close(self._store, before, after).complaint, digest_sets)
        if not same_list(before, after):
            service_health.renew(self._store, before, after)
        verdicts = [verdict or next(new) for verdict in kept]
        if not all(_is_of_list(verdict, after) for verdict in verdicts):
            return None
        if len(asked) < len(kept) and not same_list(before, after):
            return None  # the kept verdicts are of the list before
        if self._cache is not None:
            self._cache.write(after, zip(digest_sets, verdicts, strict=True))
        versions = {} if after.list_version is None else {self.name: after.list_version}
        built = {} if after.built_at is None else {self.name: after.built_at}
        return ServiceAnswers(tuple(ServiceAnswer(verdict) for verdict in verdicts), versions=versions, built=built)

    def _known(self) -> KnownService:
        [known] = service_health.read(self._store, [self.name])
        return known

    def _look_up(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Ask, with the canary first and last; raises MatcherError when the answers for the canary prove nothing."""
        canary = self._service.canary
        if canary is None:
            return self._counted(digest_sets)
        verdicts = self._counted([_disguised(canary, "0"), *digest_sets, _disguised(canary, "1")])
        for verdict in (verdicts[0], verdicts[-1]):
            if verdict.result is VerdictResult.UNKNOWN:
                raise Unavailable(f"it does not answer for its canary: {verdict.reason or 'no reason given'}")
            if not any(canary.algorithm in listing.algorithms for listing in verdict.listings):
                raise Unavailable("it does not list its canary, so it has lost its lists")
        return verdicts[1:-1]

    def _counted(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        verdicts = _reply_of(self._service, lambda: self._service.lookup(digest_sets))
        if len(verdicts) != len(digest_sets):
            raise Unavailable(f"it gave {len(verdicts)} answers to {len(digest_sets)} questions")
        return verdicts


def _checked(
    service: MatchingService, before: KnownService, rules: HealthRules, *, is_canary_seen: bool
) -> ServiceHealth:
    claimed = claimed_health(service)
    at = now()
    canary = service.canary
    is_listed = is_canary_seen or canary is None
    failure = None
    if claimed.is_healthy and canary is not None and not is_canary_seen:
        try:
            is_listed = _reply_of(service, lambda: service.is_listed(canary.algorithm, canary.digest))
        except MatcherError as error:
            failure = str(error)
    reason = failure or complaint(
        service.name,
        claimed,
        is_canary_listed=is_listed,
        healthy_entries=before.healthy_entries,
        rules=rules,
        at=at,
    )
    return health_after(service.name, before, claimed, reason, at)


def _reply_of(service: MatchingService, ask: Callable[[], _Reply]) -> _Reply:
    """Ask a service; raises MatcherError, and TimeIsOver for the end of the job's time.

    An error that a client did not expect is a fault of the client. It must end neither the job, which has answers of
    other services in it, nor the health watch. The log says what it is and where, so that it can be repaired; it leaves
    out the error's message, which may quote a digest.
    """
    try:
        return ask()
    except (MatcherError, TimeIsOver):
        raise
    except Exception as error:  # noqa: BLE001 - the second line, behind the clients' own reading of answers
        kind = type(error).__name__
        place = "".join(traceback.format_tb(error.__traceback__))
        log.error("a fault in Orbweaver, please report it: unexpected %s from %s\n%s", kind, service.name, place)
        raise Unavailable(
            f"{service.name} gave an answer that its client cannot read ({kind}): the log says where"
        ) from None


def _all_wait(reason: str, digest_sets: Sequence[DigestSet], *, has_failed: bool = False) -> ServiceAnswers:
    waiting = ServiceAnswer(unknown(reason), waits=True)
    return ServiceAnswers((waiting,) * len(digest_sets), has_failed=has_failed)


def _is_of_list(verdict: Verdict, health: ServiceHealth) -> bool:
    versions = {*(source.list_version for source in verdict.sources), health.list_version} - {None}
    return len(versions) < 2


def _disguised(canary: Canary, filler: str) -> DigestSet:
    """Return the canary as a digest set whose other digests belong to no file, and differ between first and last."""
    digits = {"md5": filler * 32, "sha1": filler * 40, "sha256": filler * 64} | {canary.algorithm: canary.digest}
    return DigestSet(**digits, size=1)
