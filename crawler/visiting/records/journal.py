"""Collects the records of a recrawl and hands them on in batches: sightings, skipped URLs and the running tally."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from orbweaver.model import Outcome, Sighting, Skip, Tally, now

BATCH_SIGHTINGS = 200
# Limits by which a part of a host is not visited, as rules name them. The others leave out a part of a page or a file,
# or URLs, because the operator wants it (depth) or they answer what others answered.
LIMITS_OF_RECRAWL: Final = frozenset(
    {
        "limit.checkpoint",
        "limit.host_errors",
        "limit.max_bytes",
        "limit.max_files",
        "limit.max_host_cost",
        "limit.max_pages",
        "limit.seen",
        "limit.waiting",
    }
)
# Beyond this many a recrawl only counts what it did not fetch: the list is for people, and a trap is endless.
SKIPS_RECORDED = 10_000


class Record(Protocol):
    """Keeps the records of a recrawl; those of one call come before those of later calls."""

    def __call__(self, sightings: Sequence[Sighting], skips: Sequence[Skip], tally: Tally) -> None:
        """Take one batch; raises NotRecorded when it could not, and the recrawl is then done again."""


class Journal:
    """Collects and counts; `flush` hands everything collected to `record` and forgets it.

    `limits` counts the URLs that were left out by each of LIMITS_OF_RECRAWL.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._sightings: list[Sighting] = []
        self._skips: list[Skip] = []
        self._skips_recorded = 0
        self._flushed = Tally()
        self.limits: Counter[str] = Counter()
        self.tally = Tally()

    def sighting(self, sighting: Sighting) -> None:
        """Note a file with its digests."""
        self.tally.files += 1
        self.tally.error_bodies += not 200 <= sighting.http.status < 300
        self._sightings.append(sighting)

    @property
    def skips_recorded(self) -> int:
        """How many URLs without a digest were recorded, and not only counted."""
        return self._skips_recorded

    def restore(self, tally: Tally, skips_recorded: int, limits: Mapping[str, int]) -> None:
        """Go on counting where another process was."""
        self.tally, self._skips_recorded, self.limits = tally, skips_recorded, Counter(limits)

    @property
    def is_full(self) -> bool:
        """Whether a batch is complete and should be handed on now."""
        return len(self._sightings) >= BATCH_SIGHTINGS

    def skip(
        self,
        url: str,
        outcome: Outcome,
        *,
        rule: str,
        reason: str,
        is_failure: bool,
        referrer: str | None = None,
        status: int | None = None,
        count: int = 1,
    ) -> None:
        """Note a URL that gave no digest, and why; a failure is one after which a file may be there unseen."""
        self.tally.skipped += count
        self.tally.failures += is_failure
        if outcome is Outcome.LIMIT and rule in LIMITS_OF_RECRAWL:
            self.limits[rule] += count
        if self._skips_recorded >= SKIPS_RECORDED and not is_failure:
            return
        self._skips_recorded += 1
        self._skips.append(
            Skip(
                url=url,
                outcome=outcome,
                rule=rule,
                reason=reason,
                is_failure=is_failure,
                referrer=referrer,
                status=status,
                count=count,
                at=now(),
            )
        )

    def flush(self) -> None:
        """Hand on the records that were collected; does nothing when nothing changed."""
        if self.tally == self._flushed and not self._sightings and not self._skips:
            return
        self._record(self._sightings, self._skips, self.tally)
        self._sightings = []
        self._skips = []
        self._flushed = self.tally.model_copy()
