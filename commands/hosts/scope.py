"""`orbweaver scope`: explain what a recrawl may fetch."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from orbweaver.commands.options import ScopeOfReports
from orbweaver.model import Embeds, ScopeKind

app = typer.Typer(help="Explain what a recrawl may fetch.", no_args_is_help=True)


@app.command(
    "test",
    epilog="Examples:\n\n"
    "  orbweaver scope test https://www.example.com/logout https://cdn.example.com/a.jpg "
    "--reported https://www.example.com/board/\n\n"
    "  orbweaver scope test https://cdn.example.com/a.jpg --reported https://www.example.com/ --kind embed "
    "--embeds same-site --explain\n\n"
    "Exit status: 0 every URL is accepted; 1 some are rejected; 2 bad usage.",
)
def scope_test(
    urls: Annotated[list[str], typer.Argument(metavar="URL", help="URLs to test; defanged URLs are accepted.")],
    reported: Annotated[
        list[str], typer.Option(metavar="URL", help="A reported URL, which makes the scope; may be repeated.")
    ],
    scope: ScopeOfReports = ScopeKind.HOST,
    embeds: Annotated[
        Embeds, typer.Option(help="Which files of other hosts to fetch, if a page shows them.")
    ] = Embeds.OFF,
    kind: Annotated[
        Literal["page", "file", "embed"],
        typer.Option(help="How the page refers to them: embed is a file that the page shows."),
    ] = "page",
    referrer: Annotated[
        str | None, typer.Option(metavar="URL", help="The page that refers to them (default: the first reported URL).")
    ] = None,
    depth: Annotated[int, typer.Option(min=0, help="Links from a reported URL.")] = 1,
    explain: Annotated[bool, typer.Option("--explain", help="Also show the rules that did not decide.")] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Print the decisions as JSON.")] = False,
) -> None:
    """Show whether URLs would be fetched, and which rule decides; makes no connection."""
    from orbweaver.console.terminal import scope_explanation as command
    from orbweaver.console.url_explanation import ReferenceKind

    options = command.ScopeTestOptions(
        urls=urls,
        reported=reported,
        kind=scope,
        embeds=embeds,
        met=ReferenceKind(kind),
        referrer=referrer,
        depth=depth,
        is_explained=explain,
        is_json=is_json,
    )
    raise typer.Exit(command.run(options))
