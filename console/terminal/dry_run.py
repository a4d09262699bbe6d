"""`--dry-run` of `verify`, `reports import` and `recrawl`: prints what would be fetched and what not."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from orbweaver.console.text import count, for_people, report_console, safe
from orbweaver.console.visit_preview import DryRun, authority_in_words, limits_in_words
from orbweaver.model import RobotsControl, Scope
from orbweaver.queue.intake.reports import BadLine
from rich.console import Console

# A person reads so many URLs of a host; --json has them all.
URLS_SHOWN = 200


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


def _robots_in_words(scope: Scope) -> str:
    """Return what the access profile says of robots.txt."""
    if scope.access.robots is RobotsControl.OBEY:
        return "what robots.txt refuses is not fetched"
    return "robots.txt is recorded only"


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
