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

    `reason` says why it cannot and is None when it can. `entries` counts the list's distinct rows: 0 is an empty list,
    None a service that does not say it.
    """

    is_healthy: bool
    reason: str | None = None
    list_version: str | None = None
    built_at: datetime | None = None
    entries: int | None = None


class MatchingService(Protocol):
    """A service that says whether digests are known.

    One that cannot answer raises; it never turns "I could not ask" into `no_match`. Verdicts are made by
    `verdicts.judge` from what the service lists, never by hand; for a digest set whose answer is none,
    `verdicts.unknown` stands in its place while the rest of the batch is answered.
    """

    name: str
    """Where it is, without anything secret: it is shown, stored and logged."""

    canary: Canary | None
    """A digest that the service lists while it is healthy; None when there is none to look up."""

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in the same order.

        Raises Unavailable when the service cannot answer for the whole batch.
        """
        ...

    def is_listed(self, algorithm: Algorithm, digest: str) -> bool:
        """Whether the service lists this one digest (hex), whatever it says of it; raises Unavailable.

        It is asked past every cache: the canary depends on it.
        """
        ...

    def health(self) -> ClaimedHealth:
        """Say whether `lookup` would answer now; raises nothing."""
        ...

    def close(self) -> None:
        """Let go of files and connections; the service is not used after that."""
        ...
