"""Groups reports into recrawls: one per host or site, with every reported URL and the scope that they open."""

from __future__ import annotations

from collections.abc import Iterable

from orbweaver.crawler import scope as scopes
from orbweaver.model import Limits, Noun, Report, Scope, ScopeKind


class Order(Noun):
    """What one recrawl job is to do."""

    scope: Scope
    reports: tuple[Report, ...]


def plan(reports: Iterable[Report], kind: ScopeKind, limits: Limits) -> list[Order]:
    """Return one order per host (or site), in the order in which the hosts were first reported."""
    groups: dict[str, list[tuple[Scope, Report]]] = {}
    for report in reports:
        scope = scopes.scope_for(kind, report.url, limits)
        groups.setdefault(scope.name, []).append((scope, report))
    return [
        Order(scope=scopes.merge([scope for scope, _ in group]), reports=tuple(report for _, report in group))
        for group in groups.values()
    ]
