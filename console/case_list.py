"""`orbweaver cases list`: the cases of a store, as a table for people or as JSON lines for scripts."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from pathlib import Path

from orbweaver.console.evidence import evidence
from orbweaver.console.text import for_people, report_console
from orbweaver.model import Case, CaseState
from orbweaver.settings import Settings
from orbweaver.store import embedded
from orbweaver.store.opening import open_store
from orbweaver.takedown import cases
from rich.console import Console
from rich.table import Table

# A person reads this many; --json has them all.
CASES_SHOWN = 200


def run(settings: Settings, state_dir: Path | None, state: CaseState | None, *, is_json: bool) -> None:
    """Print the cases of a state, or all, oldest first; raises StoreError."""
    prepared = embedded.prepare_state_dir(state_dir or settings.state_dir)
    with open_store(settings, prepared) as (store, _):
        found = cases.all_cases(store, state)
        if is_json:
            for case in found:
                sys.stdout.write(case.model_dump_json() + "\n")
        else:
            show(report_console(), found)


def show(console: Console, found: Iterable[Case]) -> None:
    """Print a table of cases: state and why, URL (defanged), evidence; and how many there are."""
    remaining = iter(found)
    shown = list(itertools.islice(remaining, CASES_SHOWN))
    more = sum(1 for _ in remaining)
    if shown:
        table = Table(show_lines=True)
        table.add_column("Case", min_width=8)
        table.add_column("URL (defanged)", overflow="fold", ratio=1)
        table.add_column("Evidence", overflow="fold", min_width=26)
        for case in shown:
            table.add_row(f"{str(case.case_id)[:8]}\n{case.state}", for_people(case.url), "\n".join(evidence(case)))
        console.print(table)
    if more:
        console.print(f"{more} more cases, see --json", highlight=False)
    console.print(f"{len(shown) + more} cases", highlight=False)
