"""`orbweaver scope test`: what the rules say to URLs, and why, without a connection to anybody."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orbweaver.console.text import for_people, safe
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules import scope as scopes
from orbweaver.crawler.rules import url_rules, urls
from orbweaver.crawler.rules.url_rules import Candidate, UrlDecision
from orbweaver.model import Embeds, Limits, Outcome, Scope, ScopeKind, now
from rich.console import Console
from rich.table import Table

REJECTED = 1


class NoScope(Exception):
    """The reported URLs make no one scope; the message says why."""


class Met(StrEnum):
    """How a page refers to a URL."""

    PAGE = "page"
    FILE = "file"
    EMBED = "embed"


@dataclass(frozen=True)
class Options:
    """What the user asked; `depth` and `referrer` are those of a link, reported URLs have neither."""

    urls: Sequence[str]
    reported: Sequence[str]
    kind: ScopeKind = ScopeKind.HOST
    embeds: Embeds = Embeds.OFF
    met: Met = Met.PAGE
    referrer: str | None = None
    depth: int = 1
    is_explained: bool = False
    is_json: bool = False


@dataclass(frozen=True)
class Answer:
    """What the rules said to one URL: the decision, and the rules that abstained before it."""

    url: str
    decision: UrlDecision
    abstained: tuple[str, ...]


def run(options: Options) -> int:
    """Print the decisions and return the exit status: 0 when every URL is accepted, else 1. Raises NoScope."""
    reported = [_canonical(text) for text in options.reported]
    scope = _scope_of(reported, options)
    referrer = reported[0] if options.referrer is None else _canonical(options.referrer)
    answers = [_judge(text, scope, set(reported), referrer, options) for text in options.urls]
    if options.is_json:
        sys.stdout.write(json.dumps(_as_json(scope, answers), ensure_ascii=False) + "\n")
    else:
        _show(answers, is_explained=options.is_explained)
    return 0 if all(answer.decision.is_allowed for answer in answers) else REJECTED


def _canonical(text: str) -> str:
    try:
        return urls.canonicalise(urls.refang(text))
    except UrlRefused as error:
        raise NoScope(f"{for_people(text)}: {error.reason}") from None


def _scope_of(reported: Sequence[str], options: Options) -> Scope:
    found = [scopes.scope_for(options.kind, url, Limits()) for url in reported]
    if len({scope.name for scope in found}) > 1:
        raise NoScope(f"these reports make {len(found)} scopes: give --reported for one {options.kind} at a time")
    return scopes.merge(scope.model_copy(update={"embeds": options.embeds}) for scope in found)


def _judge(text: str, scope: Scope, reported: set[str], referrer: str, options: Options) -> Answer:
    try:
        url = urls.canonicalise(urls.refang(text))
    except UrlRefused as error:
        return Answer(text, UrlDecision(False, "url", error.reason, Outcome.REFUSED_URL), ())
    candidate = Candidate(
        url,
        LinkKind.PAGE if options.met is Met.PAGE else LinkKind.FILE,
        referrer=referrer,
        depth=options.depth,
        is_embed=options.met is Met.EMBED,
    )
    if url in reported:
        candidate = Candidate(url, LinkKind.PAGE, is_reported=True)
    said = list(url_rules.explain(scope, candidate, now=now()))
    decision = said[-1][1]
    assert decision is not None  # the last rule takes every URL
    return Answer(url, decision, tuple(name for name, _ in said[:-1]))


def _as_json(scope: Scope, answers: Sequence[Answer]) -> dict[str, Any]:
    return {
        "scope": scope.model_dump(mode="json", include={"kind", "name", "prefixes", "ports", "embeds"}),
        "urls": [
            {
                "url": answer.url,
                "is_allowed": answer.decision.is_allowed,
                "rule": answer.decision.rule,
                "reason": answer.decision.reason,
                "outcome": None if answer.decision.is_allowed else answer.decision.outcome.value,
                "cost": answer.decision.cost if answer.decision.is_allowed else None,
                "abstained": list(answer.abstained),
            }
            for answer in answers
        ],
    }


def _show(answers: Sequence[Answer], *, is_explained: bool) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("URL", "decision", "rule", "reason", *(["abstained before"] if is_explained else [])):
        table.add_column(heading, overflow="fold")
    for answer in answers:
        decision = answer.decision
        said = "rejected" if not decision.is_allowed else "accepted"
        if decision.is_allowed and decision.cost > url_rules.COST:
            said = f"accepted, cost {decision.cost}"
        abstained = [", ".join(answer.abstained)] if is_explained else []
        table.add_row(for_people(answer.url), said, decision.rule, safe(decision.reason), *abstained)
    console = Console(highlight=False, markup=False)
    (console if console.is_terminal else Console(highlight=False, markup=False, width=200)).print(table)
