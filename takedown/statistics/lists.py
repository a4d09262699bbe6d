"""The cases behind the numbers: those still online, and the tenth that took longest. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from orbweaver.takedown.statistics.clocks import CaseClocks, Start
from orbweaver.takedown.statistics.grouping import provider_of
from orbweaver.takedown.statistics.turnbull import TimeInterval


@dataclass(frozen=True)
class ListedCase:
    """A case in a list: how many hours its file was there, from the receipt on, at least and at most."""

    case_id: str
    host: str
    provider: str
    hours: TimeInterval


def still_online(cases: Iterable[CaseClocks]) -> list[ListedCase]:
    """Return the raised cases without a confirmed removal, the longest first."""
    return _listed(case for case in cases if case.is_raised and not case.is_removed)


def slowest_tenth(cases: Iterable[CaseClocks]) -> list[ListedCase]:
    """Return the tenth of the raised cases whose files were there longest, removed or not, the longest first."""
    listed = _listed(case for case in cases if case.is_raised)
    return listed[: math.ceil(len(listed) / 10)]


def _listed(cases: Iterable[CaseClocks]) -> list[ListedCase]:
    found = [(case, case.time_to_removal(Start.RECEIVED)) for case in cases]
    listed = [ListedCase(case.case_id, case.host, provider_of(case), hours) for case, hours in found if hours]
    return sorted(listed, key=_by_length)


def _by_length(listed: ListedCase) -> tuple[float, float, str]:
    """Put first what was surely there longest, then what may have been."""
    upper = math.inf if listed.hours.upper is None else listed.hours.upper
    return -listed.hours.lower, -upper, listed.case_id
