"""`orbweaver verify`: recrawl the hosts of reported URLs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from orbweaver.commands.options import (
    AccessFile,
    Authority,
    CategoryTableFile,
    DryRun,
    Expires,
    HashList,
    ListName,
    MatchingServices,
    ScopeOfReports,
    StateDir,
    WaitForOthers,
    read_authority,
    read_list_name,
    read_settings,
    require_hashes,
    require_list,
)
from orbweaver.model import Embeds, Limits, ScopeKind

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver verify reports.csv --hashes list.csv --out findings\n\n"
    "  orbweaver verify urls.txt --hashes list.hashes --scope site --max-pages 500\n\n"
    "  cat urls.txt | orbweaver verify - --matcher hashlist:/srv/list.hashes --json\n\n"
    "  orbweaver verify reports.csv --dry-run\n\n"
    "Exit status: 0 every host was recrawled, every report and file got its answer (a reported URL that is gone has "
    "none), every event was delivered; 1 a host, report or file could not be checked, or something stayed unknown or "
    "undelivered; 2 bad usage or no usable report."
)
def verify(
    reports: Annotated[str, typer.Argument(help="CSV, JSON Lines or one URL a line; - for standard input.")],
    hashes: HashList = None,
    list_name: ListName = None,
    category_table: CategoryTableFile = None,
    matcher: MatchingServices = None,
    scope: ScopeOfReports = ScopeKind.HOST,
    max_pages: Annotated[int, typer.Option(min=1, help="Pages per host.")] = Limits().max_pages,
    max_files: Annotated[int, typer.Option(min=1, help="Files per host.")] = Limits().max_files,
    max_depth: Annotated[int, typer.Option(min=0, help="Links from a reported URL.")] = Limits().max_depth,
    max_bytes: Annotated[int, typer.Option(min=1, help="Bytes received per host.")] = Limits().max_bytes,
    max_seconds: Annotated[
        float, typer.Option(min=1, max=30 * 24 * 3600, help="Seconds per host.")
    ] = Limits().max_seconds,
    access: AccessFile = None,
    authority: Authority = None,
    embeds: Annotated[
        Embeds, typer.Option(help="Which files of other hosts to fetch, if a page shows them.")
    ] = Embeds.OFF,
    expires: Expires = None,
    max_host_cost: Annotated[
        int, typer.Option(min=1, help="Requests per host; some requests count several times.")
    ] = Limits().max_host_cost,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write cases, events, skipped URLs and summary here.")
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print the summary and cases as JSON.")] = False,
    allow_address: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-address", metavar="CIDR", help="Also fetch from this range; may be repeated. For tests only."
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Encoding of the reports, e.g. windows-1252 (default: UTF-8, or its mark)."),
    ] = None,
    wait: WaitForOthers = False,
    is_dry_run: DryRun = False,
    state: StateDir = None,
) -> None:
    """Recrawl the hosts of reported URLs and report every known file."""
    from orbweaver.console.terminal.runs import verify as command

    settings = read_settings(state)
    if not is_dry_run:
        require_list(hashes, matcher, settings)
    require_hashes(hashes, category_table)
    options = command.RunOptions(
        reports=reports,
        encoding=encoding,
        hashes=hashes,
        list_name=read_list_name(list_name, hashes),
        category_table=category_table,
        matchers=tuple(matcher or ()),
        scope=scope,
        limits=Limits(
            max_pages=max_pages,
            max_files=max_files,
            max_depth=max_depth,
            max_bytes=max_bytes,
            max_seconds=max_seconds,
            max_host_cost=max_host_cost,
        ),
        access=access,
        authority=read_authority(authority),
        embeds=embeds,
        expires_at=expires,
        out=out,
        is_json=is_json,
        allow_addresses=tuple(allow_address or ()),
        is_waiting=wait,
        state_dir=state,
    )
    if is_dry_run:
        command.explain(options)
        return
    raise typer.Exit(command.verify(options, settings).exit_status)
