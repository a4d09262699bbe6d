"""One statistic: the cases of a period, all together and by group, with the lists behind the numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from orbweaver.takedown.statistics.clocks import CaseClocks
from orbweaver.takedown.statistics.grouping import GroupedBy, grouped
from orbweaver.takedown.statistics.lists import ListedCase, slowest_tenth, still_online
from orbweaver.takedown.statistics.periods import Period
from orbweaver.takedown.statistics.summary import Summary, summarise


@dataclass(frozen=True)
class StatisticsReport:
    """The numbers of the cases that were received in a period, as they stand at `as_of`.

    `groups` are in the order of their cases, the most first.
    """

    period: Period
    as_of: datetime
    by: GroupedBy | None
    whole: Summary
    groups: tuple[tuple[str, Summary], ...]
    online: tuple[ListedCase, ...]
    slowest: tuple[ListedCase, ...]


def report_on(cases: Iterable[CaseClocks], period: Period, by: GroupedBy | None, as_of: datetime) -> StatisticsReport:
    """Return the numbers of the cases that were received in the period."""
    chosen = [case for case in cases if period.has(case.received_at)]
    groups = grouped(chosen, by) if by is not None else {}
    summaries = [(name, summarise(members)) for name, members in groups.items()]
    return StatisticsReport(
        period=period,
        as_of=as_of,
        by=by,
        whole=summarise(chosen),
        groups=tuple(sorted(summaries, key=lambda group: (-group[1].raised, group[0]))),
        online=tuple(still_online(chosen)),
        slowest=tuple(slowest_tenth(chosen)),
    )
