"""`orbweaver hashlist`: build hash lists, inspect them, keep them up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from orbweaver.commands.options import CategoryTableFile

app = typer.Typer(help="Build hash lists, inspect them, and keep them up to date.", no_args_is_help=True)

BuiltList = Annotated[Path, typer.Argument(metavar="LIST", help="A built list.")]


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver hashlist build list.csv -o list.hashes\n\n"
    "  sha256sum files/* > digests.txt; orbweaver hashlist build digests.txt -o list.hashes\n\n"
    "  orbweaver hashlist build list.csv -o list.hashes --canary hotline-a\n\n"
    "  orbweaver hashlist build news.json --update --list national -o list.hashes\n\n"
    "  orbweaver hashlist build export.json --category-table uk.toml -o list.hashes"
)
def build(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN", help="VICS or TCAP JSON, NCMEC XML, CSV, digests, what hashing programs print; also gzipped."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="The file to write.")],
    canary: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Add a synthetic entry that clients look up to see that the list is loaded."),
    ] = None,
    is_update: Annotated[
        bool, typer.Option("--update", help="Keep the entries of OUT that the input does not replace or withdraw.")
    ] = False,
    list_name: Annotated[
        str | None,
        typer.Option(
            "--list", metavar="NAME", help="The name of the list (default: that of the file, or of its format)."
        ),
    ] = None,
    category_table: CategoryTableFile = None,
    is_benign: Annotated[
        bool, typer.Option("--benign", help="The input lists files that are known to be harmless.")
    ] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Build a sorted, memory-mapped hash list from lists in other formats, or update one."""
    from orbweaver.console.terminal.lists import building
    from orbweaver.matcher_client.lists.canary import canary_label

    if canary is not None:
        try:
            canary_label(canary)
        except ValueError as error:
            raise typer.BadParameter(f"--canary: {error}") from None
    building.run(
        inputs,
        output,
        is_update=is_update,
        list_name=list_name or None,
        canary=canary,
        category_table=category_table,
        is_benign=is_benign,
        is_json=is_json,
    )


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver hashlist info list.hashes\n\n"
    "  orbweaver hashlist info list.hashes --json | jq .labels"
)
def info(
    built: BuiltList,
    is_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Verify a built list, and show its version, entries, digests, lists, categories and canary."""
    from orbweaver.console.terminal.lists import info

    info.run(built, is_json=is_json)


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver hashlist diff yesterday.hashes today.hashes\n\n"
    "  orbweaver hashlist diff yesterday.hashes today.hashes --entries --json\n\n"
    "Exit status: 0 the lists do not differ; 1 they differ; 2 one of them cannot be read."
)
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A built list.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The list that replaces it.")],
    has_entries: Annotated[
        bool, typer.Option("--entries", help="Also show each changed entry that has an entry id.")
    ] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what a new list adds, removes, withdraws, disputes, reinstates or changes."""
    from orbweaver.console.terminal.lists import diff

    raise typer.Exit(diff.run(old, new, has_entries=has_entries, is_json=is_json))


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver hashlist lookup list.hashes 0cc175b9c0f1b6a831c399e269772661\n\n"
    "  sha256sum files/* | cut -c 1-64 | orbweaver hashlist lookup list.hashes - --json\n\n"
    "Exit status: 0 every digest is on the list, with any status; 1 some are not; 2 bad usage."
)
def lookup(
    built: BuiltList,
    digests: Annotated[
        list[str], typer.Argument(metavar="DIGEST", help="MD5, SHA-1 or SHA-256 in hex; - for lines of input.")
    ],
    is_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show the entries of a built list for digests: list, entry, category, nature, status."""
    from orbweaver.console.terminal.lists import lookup

    raise typer.Exit(lookup.run(built, digests, is_json=is_json))


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver hashlist sync 'ncmec://hashsharing.ncmec.org/npo?username=env:NCMEC_USER"
    "&password=file:/run/secrets/ncmec' -o ncmec.hashes\n\n"
    "Exit status: 0 the list is up to date; 1 the download was incomplete, and nothing was changed; 2 bad usage."
)
def sync(
    source: Annotated[str, typer.Argument(metavar="URL", help="ncmec://HOST/PATH?username=...&password=...")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="The built list to keep up to date.")],
    category_table: CategoryTableFile = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Bring a built hash list up to date with NCMEC Hash Sharing: all changes since the last time, deletions, too."""
    from orbweaver.console.terminal.lists import sync

    sync.run(source, output, category_table=category_table, is_json=is_json)
