"""`orbweaver backup` and `orbweaver restore`: the whole store in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from orbweaver.commands.options import StateDir, read_settings

app = typer.Typer()

AsJson = Annotated[bool, typer.Option("--json", help="Print the first line of the backup: numbers, time, checksum.")]


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver backup /srv/backups/orbweaver-2026-03-01\n\n"
    "  STORE_URL=sentinel://s1,s2,s3/mymaster orbweaver backup store.backup --force\n\n"
    "Exit status: 0 the file is whole and on the disk; 1 the store or the disk failed, and no file was written; "
    "2 bad usage, the file exists, or there is no store."
)
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Write the store as it is at one moment into a file. Everything else works on meanwhile."""
    from orbweaver.console.terminal import backup as command

    command.back_up(read_settings(state), file, is_forced=force, is_json=is_json)


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver restore /srv/backups/orbweaver-2026-03-01 --state /var/lib/orbweaver/state\n\n"
    "Exit status: 0 everything is there again, counted; 1 the store failed or is in use; 2 bad usage, the file is no "
    "whole backup, or the store is not empty."
)
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `orbweaver backup` wrote.", show_default=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Delete what the store has first.")] = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Write a backup into an empty store that nobody uses. Stop workers and runs before."""
    from orbweaver.console.terminal import backup as command

    command.restore(read_settings(state), file, is_replacing=replace, is_json=is_json)
