"""`orbweaver hashlist sync`: syncs a list; shows the pages as they come, then the changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from orbweaver.console.terminal.lists.building import ROWS_SHOWN
from orbweaver.console.terminal.termination import unwound_when_terminated
from orbweaver.console.text import safe
from orbweaver.matcher_client.lists.category_table import read_category_table
from orbweaver.matcher_client.lists.ncmec_client import read_source
from orbweaver.matcher_client.lists.ncmec_sync import SyncReport, sync
from orbweaver.model import format_time
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


def run(source: str, output: Path, *, category_table: Path | None = None, is_json: bool) -> None:
    """Sync the list; raises MatcherError when that is not possible, and then nothing was changed."""
    table = None if category_table is None else read_category_table(category_table)
    address = read_source(source)
    notes = Console(stderr=True, soft_wrap=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        unwound_when_terminated(),
        Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as progress,
    ):
        task = progress.add_task("asking NCMEC", total=None)
        report = sync(
            address,
            output,
            category_table=table,
            on_page=lambda pages, entries: progress.update(
                task, description=f"fetching: {pages:,} pages, {entries:,} entries"
            ),
            on_row=lambda rows: progress.update(task, description=f"building: {rows:,} rows"),
        )
    if report.distrusted is not None:
        notes.print(
            f"the last sync has the time {format_time(report.distrusted)}, which is later than now: "
            "the clock was wrong then or is now. Everything is fetched again: check the clock.",
            highlight=False,
        )
    if report.built is not None:
        for row in report.built.refused[:ROWS_SHOWN]:
            notes.print(f"{Path(row.file).stem}, {row.place}: {safe(row.reason)}", markup=False, highlight=False)
        if report.built.refused_count > ROWS_SHOWN:
            notes.print(f"{report.built.refused_count - ROWS_SHOWN:,} more entries refused", highlight=False)
    _say(report, output, is_json=is_json)


def _say(report: SyncReport, output: Path, *, is_json: bool) -> None:
    built = report.built
    changes = built.update if built else None
    if is_json:
        facts = {
            "output": str(output),
            "since": format_time(report.since),
            "until": format_time(report.until),
            "clock_was_wrong": report.distrusted is not None,
            "pages": report.pages,
            "changed": report.entries,
            "withdrawn": changes.withdrawn if changes else 0,
            "refused": built.refused_count if built else 0,
            "list_version": built.list_version if built else None,
        }
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    line = f"{report.entries:,} entries changed from {format_time(report.since)} to {format_time(report.until)}"
    if changes is not None:
        line += f", {changes.withdrawn:,} withdrawn"
    if built is not None:
        line += f", {built.refused_count:,} refused; list version {built.list_version[:12]}"
    sys.stdout.write(f"{safe(str(output))}: {line}\n")
