"""`orbweaver recrawl`: ask for a visit of hosts that are revisited."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from orbweaver.commands.options import AsJson, StateDir, read_moment, read_settings

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n  orbweaver recrawl www.example.org img.example.org\n\n"
    "  orbweaver recrawl www.example.org --at 2026-12-31T22:00:00Z\n\n"
    "  orbweaver recrawl www.example.org --dry-run\n\n"
    "Exit status: 0 asked for, or shown; 1 the store failed; 2 bad usage, an unknown host, or there is no store."
)
def recrawl(
    hosts: Annotated[list[str], typer.Argument(metavar="HOST", help="Host names or URLs.")],
    is_now: Annotated[bool, typer.Option("--now", help="As soon as a worker is free (the default).")] = False,
    at: Annotated[
        datetime | None, typer.Option(metavar="TIME", parser=read_moment, help="RFC 3339 time; not before it.")
    ] = None,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be fetched and what not; no connection is made.")
    ] = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Ask for a visit of hosts, whatever the schedule and the budget say. Pauses, expiries and quiet hours hold."""
    from orbweaver.console.terminal import hosts as command

    if is_now and at is not None:
        raise typer.BadParameter("give --now or --at TIME, not both")
    chosen = command.Filter(tuple(command.name_of(one) for one in hosts))
    settings = read_settings(state)
    if is_dry_run:
        command.explain_visit(settings, chosen, is_json=is_json)
        return
    done = "asked for" if at is None else f"asked for at {at:%Y-%m-%d %H:%M} UTC"
    command.change(
        settings,
        chosen,
        lambda operator, name: operator.ask(name, operator.at if at is None else at),
        done,
        is_yes=True,
        is_json=is_json,
    )
