"""`orbweaver cases list`: the cases of a store, as a table for people or as JSON lines for scripts."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable

from orbweaver.console.terminal.cases import access, case_blocks
from orbweaver.console.text import count, report_console
from orbweaver.model import Case, CaseState, now
from orbweaver.settings import Settings
from orbweaver.store.opening import open_existing
from orbweaver.takedown.cases import case_store, held_queue
from rich.console import Console

# A person reads so many; --json has them all.
CASES_SHOWN = 200


def run(settings: Settings, state: CaseState | None, *, is_json: bool) -> None:
    """Print the cases of a state, or all, oldest first, held ones by what it costs to wait; raises StoreError."""
    with open_existing(settings) as store:
        access.note(store, "cases list" if state is None else f"cases list --case-state {state.value}")
        is_held = state is CaseState.HELD
        cases = held_queue.held_cases(store, now()) if is_held else case_store.all_cases(store, state)
        if is_json:
            for case in cases:
                sys.stdout.write(case.model_dump_json() + "\n")
        else:
            show(report_console(), cases)


def show(console: Console, cases: Iterable[Case]) -> None:
    """Print the cases by file, with evidence and places, and their number."""
    remaining = iter(cases)
    shown = list(itertools.islice(remaining, CASES_SHOWN))
    more = sum(1 for _ in remaining)
    if shown:
        case_blocks.show(console, shown)
    if more:
        console.print(f"{count(more, 'more case')}, see --json", highlight=False)
    console.print(count(len(shown) + more, "case"), highlight=False)
