"""How cases are grouped in statistics: by host, provider, country or route, and how a group is called."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from orbweaver.takedown.statistics.clocks import CaseClocks

ALL = "all"
UNKNOWN = "unknown"


class GroupedBy(StrEnum):
    """The fact by which cases are put together."""

    HOST = "host"
    PROVIDER = "provider"
    COUNTRY = "country"
    ROUTE = "route"


def name_of(case: CaseClocks, by: GroupedBy) -> str:
    """Return the name of the group of a case."""
    if by is GroupedBy.HOST:
        return case.host
    if by is GroupedBy.PROVIDER:
        return provider_of(case)
    if by is GroupedBy.COUNTRY:
        return "behind a CDN" if case.is_cdn else case.country or UNKNOWN
    return case.route or "none"


def provider_of(case: CaseClocks) -> str:
    """Return the provider of a case: number and name of its network, as far as they are known.

    The number goes first: names are written differently from one database to the next. A CDN is said to be one.
    """
    number = None if case.asn is None else f"AS{case.asn}"
    name = " ".join(part for part in (number, case.provider) if part) or UNKNOWN
    return f"{name} (CDN)" if case.is_cdn else name


def grouped(cases: Iterable[CaseClocks], by: GroupedBy) -> dict[str, list[CaseClocks]]:
    """Return the cases of each group, by its name."""
    groups: dict[str, list[CaseClocks]] = {}
    for case in cases:
        groups.setdefault(name_of(case, by), []).append(case)
    return groups
