"""Shows the result of a rematch, to people and to scripts."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from orbweaver.console.terminal.cases import case_list
from orbweaver.queue.matching.rematch_result import RematchResult
from rich.console import Console


def as_json(rematched: RematchResult) -> dict[str, Any]:
    """Return the result of a rematch as values for JSON."""
    counts = {name: value for name, value in dataclasses.asdict(rematched).items() if name != "cases"}
    return {**counts, "cases": [json.loads(case.model_dump_json()) for case in rematched.cases]}


def show(console: Console, rematched: RematchResult, *, end: str = ".") -> None:
    """Print the cases of a rematch, one line with its counts, and what is left to do."""
    if rematched.cases:
        case_list.show(console, rematched.cases)
    console.print(
        f"{rematched.asked:,} retained files and {rematched.cases_asked:,} cases asked about, "
        f"{rematched.new_cases} new cases, {rematched.opened} held cases opened, "
        f"{rematched.corrected} cases corrected, {rematched.unknown:,} unknown{end}",
        highlight=False,
    )
    if rematched.unknown:
        console.print("unknown: they are kept and asked about again", highlight=False)
    if rematched.undelivered:
        console.print(
            f"undelivered: {rematched.undelivered} events: they are delivered later, at the latest by the next run",
            highlight=False,
        )
    if not rematched.is_finished:
        console.print("not finished: it goes on later, at the latest with the next run", highlight=False)
