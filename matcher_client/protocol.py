"""The protocol of all matching services: each of them, a local file or a network service, can do this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orbweaver.matcher_client.transport.service_address import Canary
from orbweaver.model import Algorithm, DigestSet, Verdict


@dataclass(frozen=True, kw_only=True)
class ClaimedHealth:
    """A service's own claim whether it can answer, and from which list; a check decides whether it is believed.

    `reason` says why it cannot answer; None when it can. `entries` counts the distinct rows of its list: 0 is an empty
    list, None a service that does not say how many.
    """

    is_healthy: bool
    reason: str | None = None
    list_version: str | None = None
    built_at: datetime | None = None
    entries: int | None = None


class MatchingService(Protocol):
    """A service that says whether digests are known.

    A service that cannot answer raises; it never turns "I could not ask" into `no_match`. Verdicts are made by
    `verdicts.judge` from the listings of the service, never by hand. A digest set without a usable answer gets
    `verdicts.unknown`, and the rest of the batch is answered.
    """

    name: str
    """The place of the service, without a secret: the name is shown, stored and logged."""

    canary: Canary | None
    """A digest that the service lists while it is healthy; None when there is none to look up."""

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in the same order.

        Raises Unavailable when the service cannot answer for the whole batch.
        """
        ...

    def is_listed(self, algorithm: Algorithm, digest: str) -> bool:
        """Whether the service has this one digest (hex), of any status and category; raises Unavailable.

        No cache may answer this: the canary depends on it.
        """
        ...

    def health(self) -> ClaimedHealth:
        """Say whether `lookup` would answer now; raises nothing."""
        ...

    def close(self) -> None:
        """Let go of files and connections; the service is not used after that."""
        ...
