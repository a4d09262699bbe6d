"""`--dry-run` of `verify`, `reports import` and `recrawl`: what would be fetched and what not, in the same words."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orbweaver.console.text import count, for_people, report_console, safe
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules import url_rules
from orbweaver.crawler.rules.url_rules import ReachedUrl
from orbweaver.model import Limits, RobotsControl, Scope, format_time
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.intake.reports import BadLine
from rich.console import Console

# A person reads so many URLs of a host; --json has them all.
URLS_SHOWN = 200


@dataclass(frozen=True)
class RefusedUrl:
    """A reported URL that would not be fetched: the rule that says so, and its reason."""

    url: str
    rule: str
    reason: str


@dataclass(frozen=True)
class DryRun:
    """A visit of one host that is not made. `state` and `why` say how the host stands; `scope` is None where unread."""

    host: str
    state: str
    why: tuple[str, ...]
    scope: Scope | None
    first: tuple[str, ...]
    refused: tuple[RefusedUrl, ...]


def of_order(
    order: Order, at: datetime, *, state: str, why: Sequence[str] = (), kept_back: str | None = None
) -> DryRun:
    """Return what a recrawl of an order would fetch at a moment; with `kept_back`, a reason, it would fetch nothing."""
    first, refused = [], []
    for url in dict.fromkeys(report.url for report in order.reports):
        decision = url_rules.decide(order.scope, ReachedUrl(url, LinkKind.PAGE, is_reported=True), now=at)
        if not decision.is_allowed:
            refused.append(RefusedUrl(url, decision.rule, decision.reason))
        elif kept_back is not None:
            refused.append(RefusedUrl(url, f"host.{state}", kept_back))
        else:
            first.append(url)
    return DryRun(order.scope.name, state, tuple(why), order.scope, tuple(first), tuple(refused))


def of_unreadable(host: str, state: str, why: Sequence[str]) -> DryRun:
    """Return that nothing can be said of a host whose record cannot be read."""
    return DryRun(host, state, tuple(why), None, (), ())


def show(runs: Sequence[DryRun], bad_lines: Sequence[BadLine] = (), *, is_json: bool) -> None:
    """Print what would be fetched of each host, then the lines of a reports file that are none."""
    if is_json:
        for one in runs:
            sys.stdout.write(json.dumps(_as_json(one), ensure_ascii=False) + "\n")
        for line in bad_lines:
            told = {"line": line.line, "reason": line.reason, "is_used": line.is_report_kept}
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return
    console = report_console(markup=False)
    for one in runs:
        _show(console, one)
    refused = sum(not line.is_report_kept for line in bad_lines)
    lines = f"; {count(refused, 'line')} could not be read" if refused else ""
    urls = f"{count(sum(len(one.first) for one in runs), 'URL')} would be fetched first"
    console.print(
        f"{count(len(runs), 'host')}, {urls}, {sum(len(one.refused) for one in runs):,} not{lines}. "
        "No connection was made, nothing was changed."
    )


def limits_in_words(limits: Limits) -> str:
    """Return the limits of a recrawl by their names."""
    return ", ".join(f"{name} {getattr(limits, name):,.12g}" for name in Limits.model_fields)


def _robots_in_words(scope: Scope) -> str:
    """Return what the access profile says of robots.txt."""
    if scope.access.robots is RobotsControl.OBEY:
        return "what robots.txt refuses is not fetched"
    return "robots.txt is recorded only"


def authority_in_words(scope: Scope) -> str:
    """Return who allowed the recrawl, and until when."""
    expiry = "no expiry" if scope.expires_at is None else f"until {format_time(scope.expires_at)}"
    return f"authority: {safe(scope.authority or 'none')}, {expiry}"


def _show(console: Console, one: DryRun) -> None:
    console.print(f"{safe(one.host)}: {one.state}", soft_wrap=True)
    for reason in one.why:
        console.print(f"  {safe(reason)}", soft_wrap=True)
    for url in one.first[:URLS_SHOWN]:
        console.print(f"  would fetch {for_people(url)}", soft_wrap=True)
    for refused in one.refused[:URLS_SHOWN]:
        reason = f"{refused.rule}: {safe(refused.reason)}"
        console.print(f"  would not fetch {for_people(refused.url)}: {reason}", soft_wrap=True)
    more = len(one.first[URLS_SHOWN:]) + len(one.refused[URLS_SHOWN:])
    if more:
        console.print(f"  {count(more, 'more URL')}, see --json")
    if one.scope is not None and one.first:
        kind = one.scope.kind
        console.print(f"  then all that is linked within the {kind}, up to its limits; {_robots_in_words(one.scope)}")
        console.print(f"  {limits_in_words(one.scope.limits)}; {authority_in_words(one.scope)}", soft_wrap=True)


def _as_json(one: DryRun) -> dict[str, Any]:
    scope = one.scope
    return {
        "host": one.host,
        "state": one.state,
        "why": list(one.why),
        "would_fetch": bool(one.first),
        "first": list(one.first),
        "refused": [{"url": refused.url, "rule": refused.rule, "reason": refused.reason} for refused in one.refused],
        "scope": None if scope is None else scope.model_dump(mode="json", exclude={"access"}),
        "robots": None if scope is None else scope.access.robots.value,
    }
