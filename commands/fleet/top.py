"""`orbweaver top`: watch the recrawls that are under way."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import StateDir, read_settings

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n  orbweaver top\n\n  orbweaver top --once\n\n"
    "  orbweaver top --json | jq '.recrawls[] | [.host, .waits_for, .seconds_left]'\n\n"
    "Exit status: 0 shown, or ended by Ctrl-C; 1 the store failed; 2 bad usage, or there is no store."
)
def top(
    is_once: Annotated[bool, typer.Option("--once", help="Show it once (the default without a terminal).")] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Print it once, as JSON.")] = False,
    state: StateDir = None,
) -> None:
    """Watch the recrawls under way: a row a host, with its pace, what it waits for, and how much time is left."""
    from orbweaver.console.terminal.fleet import top as command

    command.run(read_settings(state), is_once=is_once, is_json=is_json)
