"""`orbweaver doctor`: check whether this machine can do the work."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.exit_status import FAILED
from orbweaver.commands.options import StateDir, read_settings

app = typer.Typer()


@app.command(epilog="Exit status: 0 nothing failed; 1 a check failed.")
def doctor(
    matcher: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Check this matching service in place of MATCHER_URL; may be repeated."),
    ] = None,
    state: StateDir = None,
) -> None:
    """Check kernel, store, matching service and settings, one line each."""
    from orbweaver.console.terminal.doctor.examination import examine

    settings = read_settings(state)
    if matcher:
        settings = settings.model_copy(update={"matcher_url": "\n".join(matcher)})
    has_failed = False
    for check in examine(settings):
        print(f"{check.state:4}  {check.subject}: {check.finding}")
        has_failed = has_failed or check.state == "fail"
    raise typer.Exit(FAILED if has_failed else 0)
