"""`orbweaver cases`: show the cases of the store, decide about them, and export them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from orbweaver.commands.cases import decide, export
from orbweaver.commands.options import StateDir, read_settings
from orbweaver.model import CaseState

app = typer.Typer(help="Show, decide and export cases.", no_args_is_help=True)
decide.register(app)
app.command("export", epilog=export.EPILOG)(export.export_cases)


@app.command(
    "list",
    epilog="Examples:\n\n  orbweaver cases list --case-state held\n\n  orbweaver cases list --json > cases.jsonl\n\n"
    "Exit status: 0 shown; 1 the store failed; 2 bad usage, or there is no store.",
)
def list_cases(
    case_state: Annotated[CaseState | None, typer.Option("--case-state", help="Only cases in this state.")] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print one case per line as JSON, with exact URLs.")] = False,
    state: StateDir = None,
    state_by_its_old_name: Annotated[Path | None, typer.Option("--state-dir", hidden=True)] = None,
) -> None:
    """Show the cases of the store, oldest first, held ones by what it costs to wait: state, evidence, why held."""
    if state_by_its_old_name is not None:
        print("orbweaver: --state-dir is now called --state; the old name still works", file=sys.stderr)
    _refuse_case_state(state)
    from orbweaver.console.terminal.cases import case_list

    case_list.run(read_settings(state or state_by_its_old_name), case_state, is_json=is_json)


def _refuse_case_state(state: Path | None) -> None:
    """Raise NoStore for the state of cases in the place of the directory: `--state` was its option before."""
    if state is None or str(state) not in set(CaseState) or state.is_dir():
        return
    from orbweaver.store.errors import NoStore

    raise NoStore(
        f"--state is the state directory, and there is no directory {state}: "
        f"write --case-state {state} for cases in that state"
    )
