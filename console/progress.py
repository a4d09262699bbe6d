"""A live progress display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from datetime import datetime
from types import TracebackType

from orbweaver.console.text import safe, size
from orbweaver.queue.verification import Progress
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar

LINE_SECONDS = 5.0


def describe(progress: Progress) -> str:
    """Return the progress in one line."""
    tally = progress.tally
    return (
        f"hosts {progress.hosts_done}/{progress.hosts}  pages {tally.pages}  files {tally.files}  "
        f"{size(tally.bytes_read)}  matches {progress.matches}  unknown {progress.unknown}  "
        f"failures {tally.failures}  waiting {tally.queued + progress.waiting}"
        f"{'  asking again' if progress.is_rematching else ''}"
    )


class ProgressDisplay:
    """Shows each progress given to `show`; on a terminal in place, elsewhere as a line every few seconds."""

    def __init__(self, console: Console, *, prefix: str = "") -> None:
        self._console = console
        self._prefix = prefix
        can_move = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, transient=True, refresh_per_second=8) if can_move else None
        self._last_line = ""
        self._told: set[tuple[str, datetime | None]] = set()
        self._last_time = time.monotonic()

    def __enter__(self) -> ProgressDisplay:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show the state of the run; each outage of a matching service is said once."""
        for one in progress.unhealthy:
            if (one.service, one.unhealthy_since) not in self._told:
                self._told.add((one.service, one.unhealthy_since))
                said = f"warning: matching service {safe(one.complaint)}; what it is asked about waits"
                self._console.print(said, highlight=False, markup=False)
        line = self._prefix + describe(progress)
        if self._live is not None:
            known = progress.tally.pages + progress.tally.files
            total = known + progress.tally.queued + progress.waiting
            self._live.update(Group(ProgressBar(total=max(total, 1), completed=known, width=40), line))
            return
        is_over = progress.hosts_done == progress.hosts and not (progress.waiting or progress.is_rematching)
        is_due = time.monotonic() - self._last_time >= LINE_SECONDS
        if line != self._last_line and (is_due or is_over or not self._last_line):
            self._console.print(line, highlight=False)
            self._last_line = line
            self._last_time = time.monotonic()
