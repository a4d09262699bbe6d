"""`orbweaver demo`: the whole way of a file, shown on a synthetic host."""

from __future__ import annotations

import typer
from orbweaver.commands.options import read_settings

app = typer.Typer()


@app.command()
def demo() -> None:
    """Recrawl a synthetic host of random bytes, and show which files made a case."""
    from orbweaver.console.terminal.runs import demonstration

    raise typer.Exit(demonstration.run(read_settings()))
