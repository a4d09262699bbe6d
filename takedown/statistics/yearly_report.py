"""The table that a trusted flagger publishes each year: notices by provider, kind of content and action. Pure.

Regulation (EU) 2022/2065 (DSA), Article 22(3): the number of notices, categorised by the identity of the provider of
hosting services, the type of allegedly illegal content notified, and the action taken by the provider.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orbweaver.takedown.statistics.clocks import CaseClocks, Start
from orbweaver.takedown.statistics.grouping import provider_of
from orbweaver.takedown.statistics.periods import Period

NOT_STATED = "not stated"


@dataclass(frozen=True)
class YearlyRow:
    """The notices to one provider about one kind of content, and what the provider did.

    `removed` after the notice, `gone_before` it, `no_action` yet; `withdrawn` are notices that were taken back.
    """

    provider: str
    kind: str
    notices: int
    removed: int
    gone_before: int
    no_action: int
    withdrawn: int


def yearly_rows(cases: Iterable[CaseClocks], period: Period) -> list[YearlyRow]:
    """Return a row for each provider and kind of content, of the cases whose first delivery is in the period."""
    groups: dict[tuple[str, str], list[CaseClocks]] = {}
    for case in cases:
        if case.delivered_at is not None and period.has(case.delivered_at):
            groups.setdefault((provider_of(case), case.kind or NOT_STATED), []).append(case)
    return [_row(provider, kind, group) for (provider, kind), group in sorted(groups.items())]


def _row(provider: str, kind: str, cases: list[CaseClocks]) -> YearlyRow:
    withdrawn = sum(not case.is_raised for case in cases)
    removed = [case for case in cases if case.is_removed]
    after = sum(case.time_to_removal(Start.DELIVERED) is not None for case in removed)
    return YearlyRow(
        provider=provider,
        kind=kind,
        notices=len(cases),
        removed=after,
        gone_before=len(removed) - after,
        no_action=len(cases) - withdrawn - len(removed),
        withdrawn=withdrawn,
    )
