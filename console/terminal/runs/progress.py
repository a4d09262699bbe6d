"""Shows progress: on a terminal live, with a row for each running host; elsewhere a plain line from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType

from orbweaver.console.terminal.runs.eta import Eta, Work
from orbweaver.console.text import safe, size
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.runs.verify_result import HostProgress, VerifyProgress
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

# The pauses between plain lines: short at first, then longer and longer.
FIRST_LINE_SECONDS = 5.0
LONGEST_LINE_SECONDS = 60.0
HOST_ROWS = 12
# Lines of the terminal that are not rows: the bar, two lines of sums, the headings, "and 5 more", the prompt.
OTHER_LINES = 7
BAR_COLUMNS = 40


def describe(progress: VerifyProgress, left: str = "") -> str:
    """Return the progress in one line; `left` is the estimate of the time that the run still takes."""
    tally = progress.tally
    parts = [
        f"hosts {progress.hosts_done}/{progress.hosts}",
        f"pages {tally.pages}",
        f"files {tally.files}",
        size(tally.bytes_read),
        f"matches {progress.matches}",
        f"unknown {progress.unknown}",
        f"failures {tally.failures}",
        f"waiting {tally.queued + progress.waiting}",
        *([phase] if (phase := phase_of(progress)) else []),
        *([left] if left else []),
    ]
    return "  ".join(parts)


def phase_of(progress: VerifyProgress) -> str:
    """Return the phase of a run after its hosts are done, empty before."""
    if progress.is_rematching:
        return "asking again"
    is_crawled = progress.hosts_done == progress.hosts
    return "asking about the last files" if is_crawled and progress.waiting else ""


def share_done(progress: VerifyProgress) -> float | None:
    """Return the share of hosts that are done; None when no host waits any more.

    Nobody knows how much the last hosts still have, so the bar then shows no share, only that the run goes on.
    """
    is_waiting = any(map(_waits_to_begin, progress.each))
    return progress.hosts_done / progress.hosts if is_waiting and progress.hosts else None


class ProgressDisplay:
    """Shows each progress given to `show`: on a terminal in place, elsewhere as a line from time to time.

    `clock` returns monotonic seconds.
    """

    def __init__(self, console: Console, *, prefix: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._prefix = prefix
        self._clock = clock
        can_move = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, transient=True, refresh_per_second=8) if can_move else None
        self._eta = Eta(clock())
        self._last_line = ""
        self._last_time = clock()
        self._pause = FIRST_LINE_SECONDS
        self._share = 0.0
        self._told: set[tuple[str, datetime | None]] = set()

    def __enter__(self) -> ProgressDisplay:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, progress: VerifyProgress) -> None:
        """Show the state of the run; each outage of a matching service is told once."""
        for health in progress.unhealthy:
            if (health.service, health.unhealthy_since) not in self._told:
                self._told.add((health.service, health.unhealthy_since))
                warning = f"warning: matching service {safe(health.complaint)}; the files for it wait"
                self._console.print(warning, highlight=False, markup=False)
        left = self._eta.say(_work(progress, self._clock()))
        if self._live is not None:
            self._live.update(self._picture(progress, left))
        else:
            self._print_line(progress, left)

    def _picture(self, progress: VerifyProgress, left: str) -> RenderableType:
        share = share_done(progress)
        if share is not None:
            self._share = max(self._share, share)  # a host that is tried again does not move the bar back
        columns = min(BAR_COLUMNS, self._console.width)
        bar = ProgressBar(total=None if share is None else 1, completed=self._share, width=columns, pulse=share is None)
        return Group(bar, Text(self._prefix + describe(progress, left)), *_host_rows(progress, self._console))

    def _print_line(self, progress: VerifyProgress, left: str) -> None:
        line = self._prefix + describe(progress)
        is_over = progress.hosts_done == progress.hosts and not (progress.waiting or progress.is_rematching)
        is_first = not self._last_line
        is_due = self._clock() - self._last_time >= self._pause
        if line == self._last_line or not (is_due or is_over or is_first):
            return
        self._console.print(f"{line}  {left}".rstrip(), highlight=False, markup=False)
        if is_due:
            self._pause = min(2 * self._pause, LONGEST_LINE_SECONDS)
        self._last_line = line
        self._last_time = self._clock()


def _work(progress: VerifyProgress, seconds: float) -> Work:
    tally = progress.tally
    return Work(
        seconds=seconds,
        hosts=progress.hosts,
        hosts_done=progress.hosts_done,
        hosts_waiting=sum(map(_waits_to_begin, progress.each)),
        visited=tally.pages + tally.files + tally.skipped,
        waiting=tally.queued,
    )


def _waits_to_begin(host: HostProgress) -> bool:
    """Whether a host is still to be begun, and does not only wait for its next slice."""
    return host.state is RecrawlState.QUEUED and not host.slices


def _host_rows(progress: VerifyProgress, console: Console) -> list[RenderableType]:
    """Return a table of the running hosts, as many as the terminal has room for."""
    running = [host for host in progress.each if host.state is RecrawlState.RUNNING]
    room = max(1, min(HOST_ROWS, console.height - OTHER_LINES))
    if not running:
        return []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("host", ratio=1, no_wrap=True, overflow="ellipsis")
    for heading in ("pages", "files", "waiting", "failures"):
        table.add_column(heading, justify="right", no_wrap=True)
    for host in running[:room]:
        tally = host.tally
        counts = (tally.pages, tally.files, tally.queued, tally.failures)
        table.add_row(Text(safe(host.name.replace(".", "[.]"))), *(f"{count:,}" for count in counts))
    more = len(running) - room
    return [table, *([Text(f"and {more} more hosts")] if more > 0 else [])]
