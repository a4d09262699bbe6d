"""The ordered rules that every URL passes before it is fetched: links, files, redirect targets and reports alike.

Each rule accepts, rejects or abstains; the first that does not abstain decides, and the decision carries its name.
The rules read only the scope, the reached URL and the clock. Checks that depend on what a recrawl did before (budgets,
pages seen again, robots.txt) are made elsewhere. docs/operators.md has the rules as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.rules import acting_links, image_services, traps
from orbweaver.crawler.rules import scope as scopes
from orbweaver.crawler.rules.inner_urls import inner_urls
from orbweaver.crawler.rules.urls import DEFAULT_PORTS, MAX_URL_LENGTH
from orbweaver.model import Outcome, Scope, format_time

# Scrapy and Heritrix follow no longer URLs of pages. A file's signed URL may be longer, up to MAX_URL_LENGTH.
MAX_PAGE_URL_LENGTH: Final = 2_083
COST: Final = 1
# For pages that are probably endless: a budget has room for a fifth as many of them, and they are visited last.
ENDLESS_COST: Final = 5


class ReachedUrl(NamedTuple):
    """A URL that a recrawl could fetch, and how it was found; `url` and `referrer` are canonical.

    `kind` is what is expected. With `is_embed` a page shows it (an image, a film) and does not only link to it. With
    `is_redirect` another URL, perhaps the reported one, redirected to it. `source` says how certain the reference was.
    With `is_way_in` the button of a gate leads to it (crawler/visiting/gates/gate_pages.py).
    """

    url: str
    kind: LinkKind
    referrer: str | None = None
    depth: int = 0
    is_reported: bool = False
    is_embed: bool = False
    is_redirect: bool = False
    source: LinkSource = LinkSource.LINK
    is_way_in: bool = False


@dataclass(frozen=True, slots=True)
class UrlDecision:
    """Whether a URL may be fetched; `rule` decided, and `reason` says why without the URL.

    `outcome` is recorded for a refused URL; `cost` is what an allowed one takes from its host's budget.
    """

    is_allowed: bool
    rule: str
    reason: str
    outcome: Outcome = Outcome.OUT_OF_SCOPE
    cost: int = COST


class Rule(NamedTuple):
    """One rule; `judge` returns None to abstain."""

    name: str
    judge: Callable[[Scope, ReachedUrl, datetime], UrlDecision | None]


def decide(scope: Scope, reached: ReachedUrl, *, now: datetime) -> UrlDecision:
    """Return the decision of the first rule that does not abstain; `now` is a UTC moment."""
    for _, judge in RULES:
        decision = judge(scope, reached, now)
        if decision is not None:
            return decision
    raise AssertionError("the last rule takes every URL")


def explain(scope: Scope, reached: ReachedUrl, *, now: datetime) -> Iterator[tuple[str, UrlDecision | None]]:
    """Yield the name and the answer (None: abstained) of each rule that was asked, in order."""
    for name, judge in RULES:
        decision = judge(scope, reached, now)
        yield name, decision
        if decision is not None:
            return


def _scheme(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    if reached.url.partition("://")[0] in DEFAULT_PORTS:
        return None
    return UrlDecision(is_allowed=False, rule="scheme", reason="scheme is not http or https")


def _authority(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    # model.scopes.Scope itself makes sure that robots.txt is overridden only under a named authority.
    if scope.expires_at is None or now < scope.expires_at:
        return None
    return UrlDecision(is_allowed=False, rule="scope.expired", reason=f"allowed until {format_time(scope.expires_at)}")


def _scope(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    refusal = scopes.refusal_of(scope, reached.url)
    if refusal is None or reached.is_embed:
        return None  # in scope, or the next rule decides
    return UrlDecision(is_allowed=False, rule=f"scope.{refusal.rule}", reason=refusal.reason)


def _embeds(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    if not reached.is_embed or scopes.refusal_of(scope, reached.url) is None:
        return None
    refusal = scopes.embed_refusal_of(scope, reached.url, reached.referrer)
    if refusal is None:
        return None
    return UrlDecision(is_allowed=False, rule=f"embeds.{refusal.rule}", reason=refusal.reason)


def _reported(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    # A hotline asked for this very URL, but not for the one that it redirects to.
    return _IS_REPORTED if reached.is_reported and not reached.is_redirect else None


def _length(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    most = MAX_PAGE_URL_LENGTH if reached.kind is LinkKind.PAGE else MAX_URL_LENGTH
    if len(reached.url) <= most:
        return None
    return _trap("length", f"longer than {most} characters")


def _hops(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    if reached.depth <= scope.limits.max_depth:
        return None
    return UrlDecision(
        is_allowed=False, rule="limit.max_depth", reason=f"{reached.depth} links deep", outcome=Outcome.LIMIT
    )


def _repeated_segments(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    if not traps.repeats_segments(reached.url):
        return None
    return _trap("repeated-segments", "folders repeat in the path")


def _segments(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    if not traps.has_too_many_segments(reached.url):
        return None
    return _trap("segments", f"more than {traps.MOST_SEGMENTS} segments in the path")


def _acting(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    name = acting_links.find(reached.url)
    if image_services.is_hosts_own(reached.url):
        # A page of the host shows its pictures so, and to fetch one is what every visitor does.
        if name in _IMAGE_SERVICES and scopes.is_own_site(scope, reached.url):
            name = acting_links.find(reached.url, is_own_image_service=True)
        name = name or _acting_inside(reached.url)
    if name is None or (reached.is_way_in and name in _MAY_LEAD_IN):
        return None
    return UrlDecision(
        is_allowed=False,
        rule=f"acting.{name}",
        reason="fetching it could make the host do something",
        outcome=Outcome.ACTING_LINK,
    )


def _acting_inside(url: str) -> str | None:
    """Return the name of what acts when an image service asks for what its URL names: it would do that for us."""
    for inner in (*image_services.originals(url, url), *inner_urls(url)):
        name = acting_links.find(inner)
        if name is not None and name not in _IMAGE_SERVICES:
            return name
    return None


def _endless(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    if reached.kind is not LinkKind.PAGE:
        return None
    space = traps.endless_space_of(reached.url)
    return None if space is None else _IN_ENDLESS[space]


def _candidate(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    return _IS_CANDIDATE.get(reached.source)


def _accept(scope: Scope, reached: ReachedUrl, now: datetime) -> UrlDecision | None:  # noqa: ARG001
    return _IS_ACCEPTED


def _trap(name: str, reason: str) -> UrlDecision:
    return UrlDecision(is_allowed=False, rule=f"trap.{name}", reason=reason, outcome=Outcome.TRAP)


_IMAGE_SERVICES: Final = frozenset({acting_links.EMBEDDED_URL, acting_links.THUMBNAILER})
# Names of what a gate's button does; all else that acts, acts behind a gate's words, too.
_MAY_LEAD_IN: Final = frozenset({"confirm", "submit"})
# Made once: nearly every decision is one of them.
_IS_REPORTED: Final = UrlDecision(is_allowed=True, rule="reported", reason="reported, and in scope")
_IN_ENDLESS: Final = {
    space: UrlDecision(is_allowed=True, rule=f"cost.{space}", reason=reason, cost=ENDLESS_COST)
    for space, reason in {
        traps.EndlessSpace.CALENDAR: "looks like a calendar without end",
        traps.EndlessSpace.FACETS: "looks like one of many sort orders of the same list",
    }.items()
}
_IS_CANDIDATE: Final = {
    source: UrlDecision(is_allowed=True, rule=f"candidate.{source}", reason=reason)
    for source, reason in {
        LinkSource.ATTRIBUTE: "may be a reference: it stands in an attribute that only scripts read",
        LinkSource.FORM: "a form leads there that is sent by GET and asks for nothing",
        LinkSource.KNOWN: "a file was there at an earlier visit",
        LinkSource.SCRIPT: "may be a reference: it stands in a script, a comment or a text",
    }.items()
}
_IS_ACCEPTED: Final = UrlDecision(is_allowed=True, rule="accept", reason="no rule refuses it")

RULES: Final = (
    Rule("scheme", _scheme),
    Rule("authority", _authority),
    Rule("scope", _scope),
    Rule("embeds", _embeds),
    Rule("reported", _reported),
    Rule("length", _length),
    Rule("hops", _hops),
    Rule("repeated-segments", _repeated_segments),
    Rule("segments", _segments),
    Rule("acting", _acting),
    Rule("endless", _endless),
    Rule("candidate", _candidate),
    Rule("accept", _accept),
)
