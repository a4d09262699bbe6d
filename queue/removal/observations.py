"""Turns what a re-check recorded into observations of cases: pure functions of its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from orbweaver.model import Outcome, Reported, Sighting, Skip
from orbweaver.queue.intake.orders import RecheckPlan
from orbweaver.takedown.removal.observation import Observation, UrlAnswer

# Of an archive or a page: something in it was not looked into.
_UNREAD: Final = frozenset(
    {
        Outcome.ARCHIVE_NOT_READ,
        Outcome.ENCRYPTED,
        Outcome.INCOMPLETE,
        Outcome.LIMIT,
        Outcome.OUT_OF_MEMORY,
        Outcome.TOO_LARGE,
    }
)


@dataclass(frozen=True)
class RecheckRecords:
    """The records of one re-check: the results of its URLs, the files that it saw, and what it left out.

    `ended_at` is when it ended; `why_not` says why a URL without a result has none.
    """

    plan: RecheckPlan
    ended_at: datetime
    reported: Mapping[str, Reported] = field(default_factory=dict)
    seen: Mapping[str, Sequence[Sighting]] = field(default_factory=dict)
    skips: Sequence[Skip] = ()
    why_not: str = ""

    def observation_of(self, case_id: str) -> Observation:
        """Return what was seen of a case."""
        url = self.plan.cases[case_id]
        random = self.plan.randoms.get(url)
        return Observation(
            at=self.ended_at,
            answer=self.answer_of(url),
            root=None if self.plan.root is None else self.answer_of(self.plan.root),
            random=None if random is None else self.answer_of(random),
            why_not=self.why_not,
        )

    def sighting_of(self, case_id: str, sha256: str) -> Sighting | None:
        """Return the newest sighting of the file of a case, None when it was not seen."""
        seen = [one for one in self.seen.get(self.plan.cases[case_id], ()) if one.digests.sha256 == sha256]
        return max(seen, key=lambda one: one.seen_at, default=None)

    def answer_of(self, url: str) -> UrlAnswer | None:
        """Return what a URL gave; None when its visit did not end and no file was seen."""
        result, seen = self.reported.get(url), self.seen.get(url, ())
        if result is None and not seen:
            return None
        newest = max(seen, key=lambda one: one.seen_at, default=None)
        result = result or Reported(url=url, status=newest.http.status if newest is not None else None)
        others = [one for one in seen if one.digests.sha256 not in self.plan.digests.get(url, ())]
        other = max(others, key=lambda one: one.seen_at, default=None)
        return UrlAnswer(
            url=url,
            outcome=result.outcome,
            rule=result.rule,
            reason=result.reason,
            status=result.status,
            final_url=result.final_url or (newest.final_url if newest is not None else None),
            address=result.ip or (newest.ip if newest is not None else None),
            is_page=result.is_page or result.page_print is not None,
            page_print=result.page_print,
            says=result.says,
            digests=frozenset(one.digests.sha256 for one in seen),
            is_unread=any(one.url == url and one.outcome in _UNREAD for one in self.skips),
            size=None if other is None else other.digests.size,
            sniffed_type=None if other is None else other.sniffed_type,
            is_end_told=other is None or other.http.framing != "close",
        )
