"""`orbweaver demo`: the whole way of a file, shown on a synthetic host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from orbweaver.commands.options import read_settings

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n  orbweaver demo\n\n  orbweaver demo --keep demo    # and look at it in the console\n\n"
    "Exit status: 0 the cases are those that were planted; 1 they are not, or the run failed; 2 bad usage."
)
def demo(
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the store here, to be looked at (default: keep nothing).")
    ] = None,
) -> None:
    """Recrawl a synthetic host of random bytes, and show which files made a case."""
    from orbweaver.console.terminal.runs import demonstration

    raise typer.Exit(demonstration.run(read_settings(), keep))
