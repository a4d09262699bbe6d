"""`orbweaver retention`: what is over its time limit, and what is left of it after that."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import StateDir, read_settings

app = typer.Typer(
    help="Show what is over its time limit, and pseudonymise it now; workers do so once a day.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(
    epilog="Examples:\n\n  orbweaver retention preview\n\n  CASE_RETENTION=365d orbweaver retention preview --json\n\n"
    "Exit status: 0 shown; 1 the store failed; 2 bad usage, or no store."
)
def preview(is_json: AsJson = False, state: StateDir = None) -> None:
    """Say what is due by CASE_RETENTION and ACCESS_RETENTION, and what waits and why. Nothing is changed."""
    from orbweaver.console.terminal import retention as command

    command.preview(read_settings(state), is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver retention run\n\n  orbweaver retention run --json\n\n"
    "Exit status: 0 all that was due is done, or waits for its delivery; 1 the store failed, or a case cannot be read; "
    "2 bad usage, or no store."
)
def run(is_json: AsJson = False, state: StateDir = None) -> None:
    """Pseudonymise the cases that are over their limit, and take old records of accesses out of the audit log.

    It cannot be taken back. It may be interrupted at any time; the next run goes on.
    """
    from orbweaver.console.terminal import retention as command

    command.run(read_settings(state), is_json=is_json)
