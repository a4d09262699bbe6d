"""`orbweaver workers`: the workers of a store."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import StateDir, read_settings

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n  orbweaver workers\n\n"
    "  orbweaver workers --json | jq '.workers[] | select(.takes_jobs | not)'\n\n"
    "Exit status: 0 shown; 1 the store failed; 2 bad usage, or there is no store."
)
def workers(
    is_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    state: StateDir = None,
) -> None:
    """Show the workers: where each is, what it has under way, why it takes no job, and which give no sign of life."""
    from orbweaver.console.terminal.fleet import worker_table

    worker_table.show(read_settings(state), is_json=is_json)
