"""`orbweaver scope test`: shows which rule decides about a URL and why, without any connection."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orbweaver.console import url_explanation
from orbweaver.console.errors import NoScope
from orbweaver.console.text import for_people, report_console, safe
from orbweaver.console.url_explanation import Reference, ReferenceKind, UrlExplanation
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules import scope as scopes
from orbweaver.crawler.rules import url_rules, urls
from orbweaver.model import Embeds, Limits, Scope, ScopeKind, now
from rich.table import Table

REJECTED = 1


@dataclass(frozen=True)
class ScopeTestOptions:
    """The options of the user; `depth` and `referrer` are those of a link, reported URLs have neither."""

    urls: Sequence[str]
    reported: Sequence[str]
    kind: ScopeKind = ScopeKind.HOST
    embeds: Embeds = Embeds.OFF
    met: ReferenceKind = ReferenceKind.PAGE
    referrer: str | None = None
    depth: int = 1
    is_explained: bool = False
    is_json: bool = False


def run(options: ScopeTestOptions) -> int:
    """Print the decisions and return the exit status: 0 when every URL is accepted, else 1. Raises NoScope."""
    reported = [_canonical(text) for text in options.reported]
    scope = _scope_of(reported, options)
    referrer = reported[0] if options.referrer is None else _canonical(options.referrer)
    reference = Reference(options.met, referrer, options.depth)
    explanations = [url_explanation.explain(text, scope, reported, reference, now()) for text in options.urls]
    if options.is_json:
        sys.stdout.write(json.dumps(_as_json(scope, explanations), ensure_ascii=False) + "\n")
    else:
        _show(explanations, is_explained=options.is_explained)
    return 0 if all(explanation.decision.is_allowed for explanation in explanations) else REJECTED


def _canonical(text: str) -> str:
    try:
        return urls.canonicalise(urls.refang(text))
    except UrlRefused as error:
        raise NoScope(f"{for_people(text)}: {error.reason}") from None


def _scope_of(reported: Sequence[str], options: ScopeTestOptions) -> Scope:
    scopes_of_reports = [scopes.scope_for(options.kind, url, Limits()) for url in reported]
    names = {scope.name for scope in scopes_of_reports}
    if len(names) > 1:
        raise NoScope(f"these reports make {len(names)} scopes: give --reported for one {options.kind} at a time")
    return scopes.merge(scope.model_copy(update={"embeds": options.embeds}) for scope in scopes_of_reports)


def _as_json(scope: Scope, explanations: Sequence[UrlExplanation]) -> dict[str, Any]:
    return {
        "scope": scope.model_dump(mode="json", include={"kind", "name", "prefixes", "ports", "embeds"}),
        "urls": [
            {
                "url": explanation.url,
                "is_allowed": explanation.decision.is_allowed,
                "rule": explanation.decision.rule,
                "reason": explanation.decision.reason,
                "outcome": None if explanation.decision.is_allowed else explanation.decision.outcome.value,
                "cost": explanation.decision.cost if explanation.decision.is_allowed else None,
                "abstained": list(explanation.abstained),
            }
            for explanation in explanations
        ],
    }


def _show(explanations: Sequence[UrlExplanation], *, is_explained: bool) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("URL", "decision", "rule", "reason", *(["abstained before"] if is_explained else [])):
        table.add_column(heading, overflow="fold")
    for explanation in explanations:
        decision = explanation.decision
        in_words = "rejected" if not decision.is_allowed else "accepted"
        if decision.is_allowed and decision.cost > url_rules.COST:
            in_words = f"accepted, cost {decision.cost}"
        abstained = [", ".join(explanation.abstained)] if is_explained else []
        table.add_row(for_people(explanation.url), in_words, decision.rule, safe(decision.reason), *abstained)
    report_console(width=200, markup=False).print(table)
