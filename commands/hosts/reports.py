"""`orbweaver reports`: take reports in, so that their hosts are revisited."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import (
    AccessFile,
    AsJson,
    Authority,
    DryRun,
    Expires,
    ScopeOfReports,
    StateDir,
    read_authority,
    read_settings,
)
from orbweaver.model import Embeds, Limits, ScopeKind

app = typer.Typer(help="Take reports in.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command(
    "import",
    epilog="Examples:\n\n  orbweaver reports import reports.csv --authority 'J. Doe' --expires 2027-01-01\n\n"
    "  cat urls.txt | orbweaver reports import - --scope site --now --json\n\n"
    "  orbweaver reports import reports.csv --dry-run\n\n"
    "Exit status: 0 all hosts are entered; 1 the store failed; 2 bad usage, no usable report, or no authority where "
    "AUTHORITY_REQUIRED asks for one.",
)
def import_reports(
    reports: Annotated[str, typer.Argument(metavar="FILE", help="As for verify; - for standard input.")],
    scope: ScopeOfReports = ScopeKind.HOST,
    embeds: Annotated[Embeds, typer.Option(help="Which files of other hosts to fetch.")] = Embeds.OFF,
    max_pages: Annotated[int, typer.Option(min=1, help="Pages a visit.")] = Limits().max_pages,
    max_files: Annotated[int, typer.Option(min=1, help="Files a visit.")] = Limits().max_files,
    max_seconds: Annotated[
        float, typer.Option(min=1, max=30 * 24 * 3600, help="Seconds a visit.")
    ] = Limits().max_seconds,
    authority: Authority = None,
    expires: Expires = None,
    access: AccessFile = None,
    encoding: Annotated[str | None, typer.Option(metavar="NAME", help="Encoding of the reports.")] = None,
    is_now: Annotated[bool, typer.Option("--now", help="Also ask for a visit of each host now.")] = False,
    is_dry_run: DryRun = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Add the hosts of reports, or strengthen those that are there: many, new and grave reports weigh more."""
    from orbweaver.console.terminal.hosts import host_changes as command
    from orbweaver.console.terminal.runs.verify import RunOptions

    options = RunOptions(
        reports=reports,
        encoding=encoding,
        scope=scope,
        limits=Limits(max_pages=max_pages, max_files=max_files, max_seconds=max_seconds),
        access=access,
        authority=read_authority(authority),
        embeds=embeds,
        expires_at=expires,
        is_json=is_json,
        state_dir=state,
    )
    command.import_reports(options, read_settings(state), is_now=is_now, is_dry_run=is_dry_run)
