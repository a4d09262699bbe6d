"""`orbweaver rematch`: ask again about all files and cases in the store."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import (
    CategoryTableFile,
    HashList,
    ListName,
    MatchingServices,
    StateDir,
    WaitForOthers,
    read_list_name,
    read_settings,
    require_hashes,
    require_list,
)

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver rematch --hashes list.csv\n\n"
    "  orbweaver rematch --matcher hashlist:/srv/list.hashes --json\n\n"
    "Exit status: 0 everything was answered and delivered; 1 something stayed unknown or undelivered; 2 bad usage, "
    "or there is no store."
)
def rematch(
    hashes: HashList = None,
    list_name: ListName = None,
    category_table: CategoryTableFile = None,
    matcher: MatchingServices = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print the outcome and the cases as JSON.")] = False,
    wait: WaitForOthers = False,
    state: StateDir = None,
) -> None:
    """Ask again about every retained file and every case; nothing is fetched."""
    from orbweaver.console.terminal.runs import rematch as command
    from orbweaver.console.terminal.runs.verify import RunOptions

    settings = read_settings(state)
    require_list(hashes, matcher, settings)
    require_hashes(hashes, category_table)
    options = RunOptions(
        reports="",
        hashes=hashes,
        list_name=read_list_name(list_name, hashes),
        category_table=category_table,
        matchers=tuple(matcher or ()),
        is_json=is_json,
        is_waiting=wait,
        state_dir=state,
    )
    raise typer.Exit(command.run(options, settings))
