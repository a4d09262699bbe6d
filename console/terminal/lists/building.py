"""`orbweaver hashlist build`: builds a list, and shows what was read of each file, what was left out, and why."""

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
    is_benign: bool = False,
    is_json: bool,
) -> None:
    """Build or update the list, with a canary of that name and a category table; raises MatcherError."""
    table = None if category_table is None else read_category_table(category_table)
    notes = Console(stderr=True, soft_wrap=True)
    where = safe(str(output))
    canaries_before, table_before = _before(output)
    with unwound_when_terminated(), show_rows(notes) as show:
        report = build.build(
            inputs,
            output,
            is_update=is_update,
            list_name=list_name,
            canary=canary,
            category_table=table,
            is_benign=is_benign,
            progress=show,
        )
    for row in report.refused[:ROWS_SHOWN]:
        notes.print(f"{safe(row.file)}: {row.place}: {safe(row.reason)}", markup=False, highlight=False)
    if report.refused_count > ROWS_SHOWN:
        notes.print(f"{report.refused_count - ROWS_SHOWN:,} more rows refused", highlight=False)
    for name in sorted(canaries_before.difference(_before(output)[0]) if canaries_before else ()):
        notes.print(
            f'{where} had the canary "{safe(name)}" and no longer has it: clients that look it up will call the '
            "service unhealthy. Build it again with the same --canary, or change their matcher URL.",
            markup=False,
            highlight=False,
        )
    if table_before is not None and report.category_table is None:
        notes.print(
            f'{where} had the category table "{safe(table_before.name)}" and no longer has it. Build it again with the '
            "same --category-table to keep it.",
            markup=False,
            highlight=False,
        )
    for file in report.files:
        for line in say_held(file, report.category_table):
            notes.print(line, markup=False, highlight=False)
    if report.update is not None and report.update.new_lists:
        notes.print(_say_new_lists(where, report.update), markup=False, highlight=False)
    if is_json:
        sys.stdout.write(json.dumps(_facts(report, canary)) + "\n")
        return
    for file in report.files:
        sys.stdout.write(f"{_say_file(file)}\n")
    counts = ", ".join(f"{count:,} {name}" for name, count in report.digests.items())
    sys.stdout.write(
        f"{where}: {report.entries:,} entries ({counts}) from {report.rows:,} rows; {report.duplicates:,} duplicates, "
        f"{report.degenerate:,} degenerate, {report.refused_count:,} refused; list version {report.list_version[:12]}\n"
    )
    if (update := report.update) is not None:
        sys.stdout.write(
            f"update: {update.added:,} added, {update.given_again:,} given again, {update.withdrawn:,} withdrawn, "
            f"{update.unknown_deletions:,} deletions of entries not listed\n"
        )
    if canary is not None:
        sys.stdout.write(f"for the clients' matcher URL: canary={canary_text(canary)}\n")


def _say_new_lists(where: str, update: UpdateTally) -> str:
    """Say that entries of another list were added, not replaced: often the file only has another name."""
    had = (name for name in update.lists if name != CANARY_LIST)
    new_names, old_names = (", ".join(f'"{safe(name)}"' for name in names) for names in (update.new_lists, had))
    return (
        f"{where} had no list {new_names}, only {old_names}: the input was added as another list, and no entry of "
        f"{old_names} was replaced or withdrawn. To update that list, give its name with --list NAME."
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
    parts += [f"{count:,} used without a digest: {safe(reason)}" for reason, count in sorted(file.spoilt.items())]
    parts += [f"{count:,} left out: {safe(reason)}" for reason, count in sorted(file.left_out.items())]
    return f"{safe(file.file)} ({file.format}): {', '.join(parts)}"


def _say_signs(file: FileReport) -> str:
    """Say which signs showed rows to be harmless: a list of abuse that has such rows needs a check."""
    return ", ".join(f"{safe(sign)}: {count:,}" for sign, count in sorted(file.benign_signs.items()))


def _facts(report: BuildReport, canary: str | None) -> dict[str, Any]:
    return {
        "output": str(report.output),
        "list_version": report.list_version,
        "built_at": format_time(report.built_at),
        "rows": report.rows,
        "entries": report.entries,
        "duplicates": report.duplicates,
        "superseded": report.superseded,
        "degenerate": report.degenerate,
        "refused": report.refused_count,
        "digests": dict(report.digests),
        "bytes": report.output.stat().st_size,
        "canary": None if canary is None else canary_text(canary),
        "category_table": None if report.category_table is None else report.category_table.as_json(),
        "files": [asdict(file) for file in report.files],
        "update": None if report.update is None else asdict(report.update),
    }


def _before(path: Path) -> tuple[set[str], CategoryTable | None]:
    """Return the canaries and the category table of a built list; none if it is missing or damaged."""
    if not build.is_built(path):
        return set(), None
    try:
        hash_list = HashList(path)
    except (HashListUnreadable, HashListDamaged):
        return set(), None  # nobody could use that list, so no client needs a warning
    names, table = set(canary_names(hash_list)), hash_list.category_table
    hash_list.close()
    return names, table
