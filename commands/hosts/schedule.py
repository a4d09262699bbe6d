"""`orbweaver schedule`: what becomes due in the next days, and what other settings would do."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import StateDir, read_settings

app = typer.Typer(help="Look ahead: what becomes due, and what other settings would do.", no_args_is_help=True)


@app.command(
    epilog="Examples:\n\n  orbweaver schedule show\n\n  orbweaver schedule show --json | jq .backlog\n\n"
    "Exit status: 0 shown; 1 the store failed; 2 bad usage, or there is no store.",
)
def show(
    is_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, with an entry an hour.")] = False,
    state: StateDir = None,
) -> None:
    """Show what becomes due in the next seven days, what waits, and how much of the budget that takes."""
    from orbweaver.console.terminal.hosts import schedule_outlook

    schedule_outlook.show(read_settings(state), is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver schedule simulate\n\n  SCHEDULE_BUDGET=5000 orbweaver schedule simulate --json\n\n"
    "Exit status: 0 shown; 1 the store failed; 2 bad usage, there is no store, or nothing to simulate.",
)
def simulate(
    is_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    state: StateDir = None,
) -> None:
    """Compare the policies on the hosts of this store: how soon each would find what is uploaded again."""
    from orbweaver.console.terminal.hosts import schedule_outlook

    schedule_outlook.simulate(read_settings(state), is_json=is_json)
