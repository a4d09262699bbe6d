"""What every matching service can do, whether it is a local file or a network service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orbweaver.model import DigestSet, Verdict


@dataclass(frozen=True, kw_only=True)
class Health:
    """Whether a service can answer, and from which list.

    `reason` says why it cannot and is None when it can. `entries` counts the list's distinct rows.
    """

    is_healthy: bool
    reason: str | None = None
    list_version: str | None = None
    built_at: datetime | None = None
    entries: int = 0


class MatchingService(Protocol):
    """A service that says whether digests are known.

    One that cannot answer raises; it never turns "I could not ask" into `no_match`.
    """

    name: str

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in the same order.

        Raises Unavailable when the service cannot answer for the whole batch.
        """
        ...

    def health(self) -> Health:
        """Say whether `lookup` would answer now; raises nothing."""
        ...

    def close(self) -> None:
        """Let go of files and connections; the service is not used after that."""
        ...
