"""`orbweaver top`: the recrawls under way, live in a terminal, or once for a script."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from typing import Any

from orbweaver.console import recrawl_wording
from orbweaver.console.terminal.termination import stopped_by_signals
from orbweaver.console.text import count, report_console, safe, size
from orbweaver.model import format_time
from orbweaver.queue.fleet.shown import under_way
from orbweaver.queue.fleet.shown.job_list import JobState
from orbweaver.queue.fleet.shown.pace import Pace, PaceMeter
from orbweaver.queue.fleet.shown.under_way import FleetSeen, RecrawlSeen
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.store.opening import open_existing
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

LOOK_SECONDS = 1.0
# Lines of the terminal that are not rows: three lines of sums, the headings, "and 5 more", the prompt.
OTHER_LINES = 7


def run(settings: Settings, *, is_once: bool, is_json: bool) -> None:
    """Show the fleet every second until Ctrl-C; without a terminal, or with an option that says so, once."""
    console = report_console(markup=False)
    with open_existing(settings) as store:
        if is_once or is_json or not console.is_terminal or console.is_dumb_terminal:
            seen = under_way.look(store)
            paces = PaceMeter().take(seen)
            if is_json:
                sys.stdout.write(json.dumps(as_json(seen, paces), ensure_ascii=False) + "\n")
            else:
                console.print(picture(seen, paces, rows=len(seen.recrawls)))
            return
        with stopped_by_signals() as stop:
            watch(store, console, stop)


def watch(store: Store, console: Console, stop: threading.Event) -> None:
    """Show the fleet again and again until `stop` is set; while the store is away, say so."""
    meter = PaceMeter()
    shown: RenderableType = Text("looking ...")
    with Live(shown, console=console, auto_refresh=False, transient=True) as live:
        while not stop.is_set():
            try:
                seen = under_way.look(store)
                shown = picture(seen, meter.take(seen), rows=max(1, console.height - OTHER_LINES))
                live.update(shown, refresh=True)
            except (RedisConnectionError, RedisTimeoutError):
                live.update(
                    Group(Text("the store does not answer; this is the last that it said"), shown), refresh=True
                )
            stop.wait(LOOK_SECONDS)
    console.print(shown)


def picture(seen: FleetSeen, paces: Mapping[str, Pace], *, rows: int) -> RenderableType:
    """Return sums, and a row for each of so many recrawls, those that are under way for longest first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("host", ratio=1, no_wrap=True, overflow="ellipsis")
    for heading in ("pages", "files", "read", "a second", "known", "failures", "waits for", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in seen.recrawls[:rows]:
        table.add_row(*_row(one, seen, paces.get(one.recrawl_id)))
    more = len(seen.recrawls) - rows
    return Group(
        *(Text(line) for line in _sums(seen, paces)),
        *([table] if seen.recrawls else []),
        *([Text(f"and {count(more, 'more host')}")] if more > 0 else []),
    )


def _sums(seen: FleetSeen, paces: Mapping[str, Pace]) -> list[str]:
    requests = sum(one.requests for one in paces.values())
    read = sum(one.bytes_read for one in paces.values())
    lines = [
        f"{format_time(seen.at)[:19]}Z  {count(len(seen.recrawls), 'recrawl')} under way of {seen.places:,} at once, "
        f"{requests:,.1f} requests and {size(round(read))} a second",
        f"hosts: {seen.hosts.ready:,} due, {seen.hosts.leased:,} under way by the schedule, "
        f"{seen.hosts.waiting:,} later, {seen.hosts.never:,} not due",
        "jobs: "
        + ", ".join(
            f"{name} {jobs[JobState.QUEUED] + jobs[JobState.TAKEN]:,} queued and {jobs[JobState.FAILED]:,} parked"
            for name, jobs in seen.jobs.items()
        ),
    ]
    if not seen.places:
        lines.append("no recrawl worker takes jobs: `orbweaver workers` says why")
    if seen.silence is not None and seen.hosts.hosts:
        lines.append(seen.silence)
    return lines


def _row(one: RecrawlSeen, seen: FleetSeen, pace: Pace | None) -> tuple[Text | str, ...]:
    tally = one.tally
    return (
        Text(safe(one.host.replace(".", "[.]"))),
        f"{tally.pages:,}",
        f"{tally.files:,}",
        size(tally.bytes_read),
        "-" if pace is None else f"{pace.requests:.1f}, {size(round(pace.bytes_read))}",
        f"{tally.queued:,}",
        f"{tally.failures:,}",
        tally.waits_for or "-",
        recrawl_wording.left(one, seen.at),
    )


def as_json(seen: FleetSeen, paces: Mapping[str, Pace]) -> dict[str, Any]:
    """Return the fleet as values for JSON."""
    return {
        "at": format_time(seen.at),
        "recrawls_at_once": seen.places,
        "workers": seen.workers,
        "no_scheduler": seen.silence,
        "hosts": seen.hosts._asdict(),
        "jobs": {name.value: {state.value: jobs[state] for state in JobState} for name, jobs in seen.jobs.items()},
        "recrawls": [_recrawl_json(one, seen, paces.get(one.recrawl_id)) for one in seen.recrawls],
    }


def _recrawl_json(one: RecrawlSeen, seen: FleetSeen, pace: Pace | None) -> dict[str, Any]:
    tally = one.tally
    return {
        "host": one.host,
        "recrawl_id": one.recrawl_id,
        "worker": one.worker,
        "began_at": None if one.began_at is None else format_time(one.began_at),
        "attempt": one.attempt,
        "pages": tally.pages,
        "files": tally.files,
        "bytes_read": tally.bytes_read,
        "failures": tally.failures,
        "skipped": tally.skipped,
        "known": tally.queued,
        "waits_for": None if tally.waits_for is None else tally.waits_for.value,
        "requests_a_second": None if pace is None else round(pace.requests, 3),
        "bytes_a_second": None if pace is None else round(pace.bytes_read),
        "seconds_left": one.seconds_left(seen.at),
        "limits": None if one.limits is None else one.limits.model_dump(),
    }
