"""What a rematch came to, for people and for scripts."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from orbweaver.console.terminal import case_list
from orbweaver.queue.matching.rematch_result import RematchResult
from rich.console import Console


def as_json(rematched: RematchResult) -> dict[str, Any]:
    """Return what a rematch came to as JSON-ready values."""
    said = {name: value for name, value in dataclasses.asdict(rematched).items() if name != "cases"}
    return {**said, "cases": [json.loads(case.model_dump_json()) for case in rematched.cases]}


def show(console: Console, rematched: RematchResult, *, end: str = ".") -> None:
    """Print the cases of a rematch, one line that sums it up, and what is left."""
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
        said = f"undelivered: {rematched.undelivered} events: the next run delivers them"
        console.print(said, highlight=False)
    if not rematched.is_finished:
        console.print("not finished: the next run continues", highlight=False)
