"""`orbweaver recrawl`: ask for a visit of hosts that are revisited."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from orbweaver.commands.exit_status import FAILED
from orbweaver.commands.hosts.hosts import All, InState, Match, Names, Yes, filter_of
from orbweaver.commands.options import AsJson, DryRun, StateDir, read_moment, read_settings

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n  orbweaver recrawl www.example.org img.example.org\n\n"
    "  orbweaver recrawl www.example.org --at 2026-12-31T22:00:00Z\n\n"
    "  orbweaver recrawl --match '*.example' --yes\n\n"
    "  orbweaver recrawl www.example.org --dry-run\n\n"
    "Exit status: 0 asked for, or shown; 1 a host will not be visited, and it is said why, or the store failed; 2 bad "
    "usage, an unknown host, or there is no store."
)
def recrawl(
    hosts: Names = None,
    is_now: Annotated[bool, typer.Option("--now", help="As soon as a worker is free (the default).")] = False,
    at: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=read_moment, help="RFC 3339 time; a visit more, and none is delayed."),
    ] = None,
    match: Match = None,
    host_state: InState = None,
    is_all: All = False,
    is_yes: Yes = False,
    is_dry_run: DryRun = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Ask for a visit of hosts, whatever the schedule and the budget say. Pauses, expiries and quiet hours hold."""
    from orbweaver.console.terminal.hosts import host_changes as command

    if is_now and at is not None:
        raise typer.BadParameter("give --now or --at TIME, not both")
    chosen = filter_of(hosts, match, host_state, is_all=is_all)
    settings = read_settings(state)
    if is_dry_run:
        command.explain_visit(settings, chosen, is_json=is_json)
        return
    if not command.ask(settings, chosen, at, is_yes=is_yes, is_json=is_json):
        raise typer.Exit(FAILED)
