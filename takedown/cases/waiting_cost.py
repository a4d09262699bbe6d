"""The cost of letting a held case wait (decision 0080): the few facts that decide it, and the cost at a time. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from orbweaver.model import Case, HoldReason

# How likely a case with this doubt is right all the same; a guess, which decision 0080 explains. Several multiply.
LIKELIHOOD: Final[Mapping[HoldReason, float]] = MappingProxyType(
    {
        HoldReason.WEAK: 0.9,
        HoldReason.UNKNOWN_CATEGORY: 0.5,
        HoldReason.DISPUTED: 0.5,
        HoldReason.SIZE_DIFFERS: 0.2,
        HoldReason.BENIGN_TOO: 0.2,
        HoldReason.NO_LONGER_LISTED: 0.2,
        HoldReason.REJECTED: 0.2,
        HoldReason.WITHDRAWN: 0.1,
    }
)
_WEEK_SECONDS: Final = timedelta(days=7).total_seconds()


class WaitingFacts(NamedTuple):
    """The facts on which the cost of a held case depends; times are in seconds since 1970."""

    sha256: str
    weight: float
    """The cost of a day if the file was just held, and just seen; without unit."""
    held_since: float
    last_seen: float

    def cost(self, at: float) -> float:
        """Return what a day of waiting costs at a time, in seconds since 1970: 1 is a sure file, seen now, once."""
        unseen = max(at - self.last_seen, 0.0) / _WEEK_SECONDS
        waited = max(at - self.held_since, 0.0) / _WEEK_SECONDS
        return self.weight / (1 + unseen) * (1 + waited)

    def written(self) -> str:
        """Return the facts as the store keeps them."""
        return f"{self.sha256} {self.weight:.9g} {self.held_since:.3f} {self.last_seen:.3f}"


def facts_of(case: Case) -> WaitingFacts:
    """Return the facts of a held case; one of an older release does not say since when, and was first seen before."""
    likelihood = math.prod(LIKELIHOOD[reason] for reason in case.verdict.held_because)
    returns = case.removal.returns if case.removal is not None else 0
    weight = likelihood * (1 + returns) * math.sqrt(1 + len(case.report_ids))
    since = case.state_since or case.first_seen
    return WaitingFacts(case.sha256, weight, since.timestamp(), case.last_seen.timestamp())


def read_facts(written: str) -> WaitingFacts:
    """Return facts that were written."""
    sha256, weight, held_since, last_seen = written.split(" ")
    return WaitingFacts(sha256, float(weight), float(held_since), float(last_seen))
