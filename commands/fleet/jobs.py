"""`orbweaver jobs`: what waits, what is under way and by whom, and what is parked and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from orbweaver.commands.options import AsJson, StateDir, read_settings

app = typer.Typer(invoke_without_command=True)


class QueueChoice(StrEnum):
    """The queues that can be chosen."""

    RECRAWL = "recrawl"
    MATCH = "match"
    TAKEDOWN = "takedown"


class StateChoice(StrEnum):
    """The states of jobs that can be chosen."""

    QUEUED = "queued"
    TAKEN = "taken"
    STARTED = "started"
    SCHEDULED = "scheduled"
    FAILED = "failed"


@app.callback(
    epilog="Examples:\n\n  orbweaver jobs\n\n  orbweaver jobs --queue takedown --job-state failed\n\n"
    "  orbweaver jobs --json | jq 'select(.state == \"failed\") | .reason'\n\n"
    "  orbweaver jobs discard --all\n\n"
    "What failed is tried again by itself: `jobs discard` is for jobs that Orbweaver did not make.\n\n"
    "Exit status: 0 shown; 1 the store failed; 2 bad usage, or there is no store."
)
def jobs(
    context: typer.Context,
    queue: Annotated[list[QueueChoice] | None, typer.Option(help="Only this queue; may be repeated.")] = None,
    job_state: Annotated[
        list[StateChoice] | None,
        typer.Option("--job-state", help="Only jobs in this state; failed: parked. May be repeated."),
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print one job a line as JSON.")] = False,
    state: StateDir = None,
) -> None:
    """Show the jobs: what waits, what is under way by which worker, what is parked and why."""
    if context.invoked_subcommand is not None:
        return
    from orbweaver.console.terminal.fleet import job_table
    from orbweaver.queue.fleet.shown.job_list import JobState
    from orbweaver.queue.queues import QueueName

    names = [QueueName(one) for one in queue or QueueName]
    states = [JobState(one) for one in job_state or JobState]
    job_table.show(read_settings(state), names, states, is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver jobs discard recrawl-www_2e_example_2e_org\n\n"
    "  orbweaver jobs discard --all --yes\n\n"
    "Exit status: 0 discarded; 1 the store failed; 2 bad usage, a job that is not parked, or there is no store."
)
def discard(
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="JOB", help="Parked jobs, by their ids.", show_default=False)
    ] = None,
    is_all: Annotated[bool, typer.Option("--all", help="All parked jobs that Orbweaver did not make.")] = False,
    is_yes: Annotated[bool, typer.Option("--yes", help="Do not ask before jobs are discarded with --all.")] = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Remove parked jobs. No case and no event is lost: what they were for gets another job by itself."""
    from orbweaver.console.terminal.fleet import job_table

    if jobs and is_all:
        raise typer.BadParameter("give jobs, or --all: not both")
    job_table.discard(read_settings(state), jobs or [], is_all=is_all, is_yes=is_yes, is_json=is_json)
