"""Shows the rows read and the time taken while a hash list is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def show_rows(notes: Console) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the number of rows read so far and shows it, if there is a terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as progress:
        task = progress.add_task("reading, then sorting the hash list", total=None)
        yield lambda rows: progress.update(task, completed=rows)
