"""`orbweaver cases`: show the cases of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from orbweaver.commands.options import read_settings
from orbweaver.model import CaseState

app = typer.Typer(help="Show cases.", no_args_is_help=True)


@app.command(
    "list",
    epilog="Examples:\n\n  orbweaver cases list --state held\n\n  orbweaver cases list --json > cases.jsonl\n\n"
    "Exit status: 0 shown; 1 the store failed; 2 bad usage, or there is no store.",
)
def list_cases(
    state: Annotated[CaseState | None, typer.Option(help="Only cases in this state.")] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print one case per line as JSON, with exact URLs.")] = False,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", metavar="DIR", help="State directory (default: STATE_DIR).")
    ] = None,
) -> None:
    """Show the cases of the store, oldest first: state, evidence, and why they are held."""
    from orbweaver.console.terminal import case_list

    case_list.run(read_settings(state_dir), state, is_json=is_json)
