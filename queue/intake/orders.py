"""Groups reports into recrawls: one per host or site, with every reported URL and the scope that they open."""

from __future__ import annotations

from collections.abc import Iterable

from orbweaver.crawler.rules import scope as scopes
from orbweaver.model import AccessProfile, Embeds, Limits, Moment, Noun, Report, RobotsControl, Scope, ScopeKind
from orbweaver.queue.errors import AuthorityMissing
from pydantic import Field


class Terms(Noun):
    """On what terms every scope of a plan is recrawled: who allowed it, until when, and how its hosts are asked."""

    authority: str | None = None
    expires_at: Moment | None = None
    embeds: Embeds = Embeds.OFF
    access: AccessProfile = AccessProfile()


class RecheckPlan(Noun):
    """The part of an order that only a re-check of cases has: what is looked for, and what it is compared with.

    `cases` are the URLs at which the files of cases were seen, by case id, and `digests` the SHA-256 that are looked
    for at each URL. `root` is the front page of the host, None where the scope leaves it out. `randoms` are URLs that
    nobody has made, by the URL that each is compared with.
    """

    host: str
    cases: dict[str, str]
    digests: dict[str, tuple[str, ...]]
    root: str | None = None
    randoms: dict[str, str] = Field(default_factory=dict)

    def is_control(self, url: str) -> bool:
        """Whether a URL is one that nobody reported: what it gives is compared, and makes no case."""
        return url not in self.digests and (url == self.root or url in self.randoms.values())


class Order(Noun):
    """The order for one recrawl job: its scope and its reports; `recheck` is that of a re-check of cases."""

    scope: Scope
    reports: tuple[Report, ...]
    recheck: RecheckPlan | None = None


def plan(reports: Iterable[Report], kind: ScopeKind, limits: Limits, terms: Terms | None = None) -> list[Order]:
    """Return one order per host (or site), in the order in which the hosts were first reported.

    Raises AuthorityMissing when the terms pass over robots.txt in nobody's name.
    """
    terms = terms or Terms()
    if terms.access.robots is RobotsControl.RECORD and not terms.authority:
        raise AuthorityMissing('robots = "record" fetches what robots.txt refuses: say with --authority who allowed it')
    groups: dict[str, list[tuple[Scope, Report]]] = {}
    for report in reports:
        scope = scopes.scope_for(kind, report.url, limits)
        groups.setdefault(scope.name, []).append((scope, report))
    agreed = {name: getattr(terms, name) for name in Terms.model_fields}
    return [
        Order(
            scope=scopes.merge([scope for scope, _ in group]).model_copy(update=agreed),
            reports=tuple(report for _, report in group),
        )
        for group in groups.values()
    ]
