"""Explains whether a URL would be fetched in a scope: the rule that decides, and those that did not. No connection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules import url_rules, urls
from orbweaver.crawler.rules.url_rules import ReachedUrl, UrlDecision
from orbweaver.model import Outcome, Scope


class ReferenceKind(StrEnum):
    """The ways in which a page refers to a URL."""

    PAGE = "page"
    FILE = "file"
    EMBED = "embed"


@dataclass(frozen=True)
class Reference:
    """How a URL is met: what the page `referrer` takes it for, and how many links that is from a reported URL."""

    kind: ReferenceKind = ReferenceKind.PAGE
    referrer: str | None = None
    depth: int = 1


@dataclass(frozen=True)
class UrlExplanation:
    """The decision about one URL, and the rules that abstained before the one that decided."""

    url: str
    decision: UrlDecision
    abstained: tuple[str, ...]


def explain(text: str, scope: Scope, reported: Collection[str], met: Reference, at: datetime) -> UrlExplanation:
    """Return what is decided about a URL, also a defanged one, that is met so at a moment; a reported one is not met.

    What is no URL is refused by the rule `url`.
    """
    try:
        url = urls.canonicalise(urls.refang(text))
    except UrlRefused as error:
        return UrlExplanation(text, UrlDecision(False, "url", error.reason, Outcome.REFUSED_URL), ())
    reached = ReachedUrl(
        url,
        LinkKind.PAGE if met.kind is ReferenceKind.PAGE else LinkKind.FILE,
        referrer=met.referrer,
        depth=met.depth,
        is_embed=met.kind is ReferenceKind.EMBED,
    )
    if url in reported:
        reached = ReachedUrl(url, LinkKind.PAGE, is_reported=True)
    steps = list(url_rules.explain(scope, reached, now=at))
    decision = steps[-1][1]
    assert decision is not None  # the last rule takes every URL
    return UrlExplanation(url, decision, tuple(name for name, _ in steps[:-1]))
