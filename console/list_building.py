"""`orbweaver hashlist build`: shows the work, then what was read, left out and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from orbweaver.console.text import safe
from orbweaver.matcher_client import list_build
from orbweaver.model import format_time
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

ROWS_SHOWN = 20


def run(inputs: Sequence[Path], output: Path, *, is_json: bool) -> None:
    """Build the list; raises MatcherError when there is nothing to build from."""
    notes = Console(stderr=True, soft_wrap=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as progress:
        task = progress.add_task("reading", total=None)
        said = list_build.build(inputs, output, progress=lambda rows: progress.update(task, completed=rows))
    for row in said.refused[:ROWS_SHOWN]:
        notes.print(f"{row.file}: {row.place}: {safe(row.reason)}", markup=False, highlight=False)
    if said.refused_count > ROWS_SHOWN:
        notes.print(f"{said.refused_count - ROWS_SHOWN:,} more rows refused", highlight=False)
    facts = {
        "output": str(said.output),
        "list_version": said.list_version,
        "built_at": format_time(said.built_at),
        "rows": said.rows,
        "entries": said.entries,
        "duplicates": said.duplicates,
        "degenerate": said.degenerate,
        "refused": said.refused_count,
        "digests": dict(said.digests),
        "bytes": output.stat().st_size,
    }
    if is_json:
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in said.digests.items())
    sys.stdout.write(
        f"{output}: {said.entries:,} entries ({counts}) from {said.rows:,} rows; {said.duplicates:,} duplicates, "
        f"{said.degenerate:,} degenerate, {said.refused_count:,} refused; list version {said.list_version[:12]}\n"
    )
