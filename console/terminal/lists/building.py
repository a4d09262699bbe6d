"""`orbweaver hashlist build`: shows the work, then what was read of each file, what was left out and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orbweaver.console.terminal.lists.categories import say_held
from orbweaver.console.terminal.lists.progress import show_rows
from orbweaver.console.terminal.termination import unwound_when_terminated
from orbweaver.console.text import safe
from orbweaver.matcher_client.errors import HashListDamaged, HashListUnreadable
from orbweaver.matcher_client.lists import build
from orbweaver.matcher_client.lists.build import BuildReport, FileReport
from orbweaver.matcher_client.lists.canary import CANARY_LIST, canary_names, canary_text
from orbweaver.matcher_client.lists.category_table import CategoryTable, read_category_table
from orbweaver.matcher_client.lists.file_format import HashList
from orbweaver.matcher_client.lists.update import UpdateTally
from orbweaver.model import format_time
from rich.console import Console

ROWS_SHOWN = 20


def run(
    inputs: Sequence[Path],
    output: Path,
    *,
    is_update: bool = False,
    list_name: str | None = None,
    canary: str | None = None,
    category_table: Path | None = None,
    is_json: bool,
) -> None:
    """Build or update the list, with a canary of that name and a category table; raises MatcherError."""
    table = None if category_table is None else read_category_table(category_table)
    notes = Console(stderr=True, soft_wrap=True)
    where = safe(str(output))
    canaries_before, table_before = _said_before(output)
    with unwound_when_terminated(), show_rows(notes) as show:
        said = build.build(
            inputs,
            output,
            is_update=is_update,
            list_name=list_name,
            canary=canary,
            category_table=table,
            progress=show,
        )
    for row in said.refused[:ROWS_SHOWN]:
        notes.print(f"{safe(row.file)}: {row.place}: {safe(row.reason)}", markup=False, highlight=False)
    if said.refused_count > ROWS_SHOWN:
        notes.print(f"{said.refused_count - ROWS_SHOWN:,} more rows refused", highlight=False)
    for name in sorted(canaries_before.difference(_said_before(output)[0]) if canaries_before else ()):
        notes.print(
            f'{where} had the canary "{safe(name)}" and no longer has it: clients that look it up will call the '
            "service unhealthy. Build it again with the same --canary, or change their matcher URL.",
            markup=False,
            highlight=False,
        )
    if table_before is not None and said.category_table is None:
        notes.print(
            f'{where} had the category table "{safe(table_before.name)}" and no longer has it. Build it again with the '
            "same --category-table to keep it.",
            markup=False,
            highlight=False,
        )
    for file in said.files:
        for line in say_held(file, said.category_table):
            notes.print(line, markup=False, highlight=False)
    if said.update is not None and said.update.new_lists:
        notes.print(_say_new_lists(where, said.update), markup=False, highlight=False)
    if is_json:
        sys.stdout.write(json.dumps(_facts(said, canary)) + "\n")
        return
    for file in said.files:
        sys.stdout.write(f"{_say_file(file)}\n")
    counts = ", ".join(f"{count:,} {name}" for name, count in said.digests.items())
    sys.stdout.write(
        f"{where}: {said.entries:,} entries ({counts}) from {said.rows:,} rows; {said.duplicates:,} duplicates, "
        f"{said.degenerate:,} degenerate, {said.refused_count:,} refused; list version {said.list_version[:12]}\n"
    )
    if said.update is not None:
        sys.stdout.write(
            f"update: {said.update.added:,} added, {said.update.given_again:,} given again, "
            f"{said.update.withdrawn:,} withdrawn, {said.update.unknown_deletions:,} deletions of entries not listed\n"
        )
    if canary is not None:
        sys.stdout.write(f"for the clients' matcher URL: canary={canary_text(canary)}\n")


def _say_new_lists(where: str, update: UpdateTally) -> str:
    """Say that entries of another list were added, not replaced: often the file was only called otherwise."""
    had = (name for name in update.lists if name != CANARY_LIST)
    new_names, old_names = (", ".join(f'"{safe(name)}"' for name in names) for names in (update.new_lists, had))
    return (
        f"{where} had no list {new_names}, only {old_names}: the input was added as another list, and no entry of "
        "{old_names} was replaced or withdrawn. To update that list, give its name with --list NAME."
    )


def _say_file(file: FileReport) -> str:
    parts = [f"{file.rows:,} rows", f"{file.used:,} used"]
    parts += [
        f"{count:,} {what}"
        for count, what in (
            (file.benign, f"of them known benign ({_say_signs(file)})"),
            (file.deletions, "of them deletions"),
            (file.stripped, "of them without their placeholder digest"),
            (file.refused, "refused"),
        )
        if count
    ]
    parts += [f"{count:,} left out: {safe(reason)}" for reason, count in sorted(file.left_out.items())]
    return f"{safe(file.file)} ({file.format}): {', '.join(parts)}"


def _say_signs(file: FileReport) -> str:
    """Say by what rows were taken as harmless: a list of abuse that has any wants a look."""
    return ", ".join(f"{safe(sign)}: {count:,}" for sign, count in sorted(file.benign_signs.items()))


def _facts(said: BuildReport, canary: str | None) -> dict[str, Any]:
    return {
        "output": str(said.output),
        "list_version": said.list_version,
        "built_at": format_time(said.built_at),
        "rows": said.rows,
        "entries": said.entries,
        "duplicates": said.duplicates,
        "superseded": said.superseded,
        "degenerate": said.degenerate,
        "refused": said.refused_count,
        "digests": dict(said.digests),
        "bytes": said.output.stat().st_size,
        "canary": None if canary is None else canary_text(canary),
        "category_table": None if said.category_table is None else said.category_table.as_json(),
        "files": [asdict(file) for file in said.files],
        "update": None if said.update is None else asdict(said.update),
    }


def _said_before(path: Path) -> tuple[set[str], CategoryTable | None]:
    """Return the canaries and the category table of a built list; none of what is not there or not whole."""
    if not build.is_built(path):
        return set(), None
    try:
        hash_list = HashList(path)
    except (HashListUnreadable, HashListDamaged):
        return set(), None  # nobody could have asked it: there is no client to warn about
    names, table = set(canary_names(hash_list)), hash_list.category_table
    hash_list.close()
    return names, table
