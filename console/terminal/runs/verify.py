"""`orbweaver verify`: reads reports and a hash list, and prints a hit report."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from orbweaver.console import visit_preview
from orbweaver.console.errors import NothingToDo
from orbweaver.console.terminal import dry_run
from orbweaver.console.terminal.cases import access
from orbweaver.console.terminal.lists.raw_list import RawList, open_raw
from orbweaver.console.terminal.runs import event_places_shown, hit_report, output_files
from orbweaver.console.terminal.runs.progress import ProgressDisplay
from orbweaver.console.terminal.termination import unwound_when_terminated
from orbweaver.console.text import count, report_console, safe
from orbweaver.model import AccessProfile, Embeds, Limits, Report, ScopeKind, now
from orbweaver.queue.fleet import capacity, stop_signals
from orbweaver.queue.intake.access_profiles import read_profile
from orbweaver.queue.intake.orders import Terms, plan
from orbweaver.queue.intake.reports import BadLine, read_reports
from orbweaver.queue.runs import preparation as prepare
from orbweaver.queue.runs import verification
from orbweaver.queue.runs.run_lock import Claim
from orbweaver.queue.runs.verify_result import VerifyResult
from orbweaver.settings import SANDBOX_OFF, Settings
from orbweaver.store.connection import Store
from redis.exceptions import RedisError
from rich.console import Console

BAD_LINES_SHOWN = 20
ALLOWED_HERE = (
    "--allow-address counts for the workers of this run; workers that run elsewhere on this store take no recrawl "
    "unless their ALLOW_ADDRESSES is the same"
)


@dataclass(frozen=True)
class RunOptions:
    """The options of a verify or a rematch; `hashes` (a file) and `matchers` (URLs) together, else MATCHER_URL.

    `category_table` and `list_name` are the table and the name of the list in `hashes`.
    """

    reports: str
    encoding: str | None = None
    hashes: Path | None = None
    list_name: str | None = None
    category_table: Path | None = None
    matchers: tuple[str, ...] = ()
    scope: ScopeKind = ScopeKind.HOST
    limits: Limits = field(default_factory=Limits)
    access: Path | None = None
    authority: str | None = None
    embeds: Embeds = Embeds.OFF
    expires_at: datetime | None = None
    out: Path | None = None
    is_json: bool = False
    allow_addresses: tuple[str, ...] = ()
    is_waiting: bool = False
    state_dir: Path | None = None


@dataclass(frozen=True)
class FinishedRun:
    """The result of a verification, and the status to exit with."""

    result: VerifyResult
    exit_status: int


def verify(options: RunOptions, settings: Settings) -> FinishedRun:
    """Do the main job; prints the hit report to standard output and everything else to standard error.

    Raises the errors of the packages underneath, each with one clear line.
    """
    notes = Console(stderr=True, soft_wrap=True)
    terms = terms_of(options)
    reports, bad_lines = read_reports_file(options, notes)
    preparation = prepare.begin(settings, state_dir=options.state_dir, allow_addresses=options.allow_addresses)
    hashes = open_list(options, preparation.state_dir, notes)
    preparation = prepare.with_services(preparation, service_urls(options, hashes))
    out = output_files.prepare(options.out) if options.out is not None else None
    if options.allow_addresses and settings.store_url is not None:
        notes.print(ALLOWED_HERE, markup=False, highlight=False)
    orders = plan(reports, options.scope, options.limits, terms)
    with (
        unwound_when_terminated(),
        prepare.opened(preparation, out=out) as opened,
        stop_on_interrupt() as stop,
        ProgressDisplay(notes, prefix=SANDBOX_OFF if settings.sandbox == "off" else "") as display,
    ):
        event_places_shown.show(notes, opened.places, out)
        if out is not None and opened.places.has(out):
            output_files.begin_events(out)
        result = verification.verify(
            opened.store,
            orders,
            recrawls_at_once=capacity.of_this_machine(preparation.settings).recrawls_at_once,
            environment=opened.environment,
            log_file=opened.log_file,
            on_progress=display.show,
            stop=stop,
            claim=claim_of("verify", options, settings, notes),
            places=opened.places,
        )
        _note_access(opened.store, result, notes)
    summary = hit_report.summary(result, usable_reports=len(reports), bad_lines=bad_lines, hashes=hashes)
    hand_over(result, summary, is_json=options.is_json, out=out)
    return FinishedRun(result, hit_report.exit_status(result))


def _note_access(store: Store, result: VerifyResult, notes: Console) -> None:
    """Note in the audit log who is shown the cases of a run; what was found is shown even if that is not possible."""
    try:
        if result.cases:
            access.note(store, "verify", [str(case.case_id) for case in result.cases])
    except RedisError as error:
        notes.print(f"the audit log does not have that these cases were shown: {error}", markup=False, highlight=False)


def explain(options: RunOptions) -> None:
    """Print what a verification of these reports would fetch and what not, without store, workers or connection.

    Raises NothingToDo, ReportsUnreadable, AccessUnreadable, AuthorityMissing.
    """
    notes = Console(stderr=True, soft_wrap=True)
    terms = terms_of(options)
    reports, bad_lines = read_reports_file(options, notes)
    orders = plan(reports, options.scope, options.limits, terms)
    dry_run.show(
        [visit_preview.of_order(order, now(), state="reported") for order in orders], bad_lines, is_json=options.is_json
    )


def hand_over(result: VerifyResult, summary: dict[str, Any], *, is_json: bool, out: Path | None) -> None:
    """Print the result of a run, and write it into `out`: a failure of one does not lose the other. Raises OSError."""
    try:
        if is_json:
            cases = [json.loads(case.model_dump_json()) for case in result.cases]
            sys.stdout.write(json.dumps({**summary, "cases": cases}, ensure_ascii=False) + "\n")
        else:
            hit_report.show(report_console(), result)
        sys.stdout.flush()
    finally:  # after printing, so that a full disk does not lose the report; and also when `| head` closed the pipe
        if out is not None:
            output_files.write(out, result, summary)


def terms_of(options: RunOptions) -> Terms:
    """Return the terms that the options set for every scope; raises AccessUnreadable."""
    access = AccessProfile() if options.access is None else read_profile(options.access, os.environ)
    return Terms(authority=options.authority, expires_at=options.expires_at, embeds=options.embeds, access=access)


def read_reports_file(options: RunOptions, notes: Console) -> tuple[list[Report], list[BadLine]]:
    """Read the reports of a run, and say on `notes` which lines are none; raises NothingToDo, ReportsUnreadable."""
    if options.reports == "-":
        lines = read_reports(sys.stdin.buffer, name="standard input", encoding=options.encoding)
    else:
        lines = read_reports(Path(options.reports), name=options.reports, encoding=options.encoding)
    reports: list[Report] = []
    bad_lines: list[BadLine] = []
    for line in lines:
        if isinstance(line, Report):
            reports.append(line)
            continue
        bad_lines.append(line)
        if len(bad_lines) <= BAD_LINES_SHOWN:
            kept = " (its URL is still used)" if line.is_report_kept and not line.is_of_file else ""
            excerpt = f": {safe(line.excerpt)}" if line.excerpt else ""
            notes.print(f"{options.reports}:{line.line}: {safe(line.reason)}{kept}{excerpt}", markup=False)
    if len(bad_lines) > BAD_LINES_SHOWN:
        where = _where_lines_are(options)
        notes.print(f"{options.reports}: {len(bad_lines) - BAD_LINES_SHOWN} more lines, {where}", markup=False)
    if not reports:
        raise NothingToDo(
            f"{options.reports}: no usable report ({count(len(bad_lines), 'line')} refused): "
            "give URLs, one a line, or a CSV"
        )
    return reports, bad_lines


def _where_lines_are(options: RunOptions) -> str:
    if options.out is not None:
        return "see summary.json"
    return "see the JSON on standard output" if options.is_json else "give --out DIR to have them all in summary.json"


def open_list(options: RunOptions, state_dir: Path, notes: Console) -> RawList | None:
    """Return the list of `--hashes`, built into the state directory if need be; None without the option."""
    if options.hashes is None:
        return None
    return open_raw(
        options.hashes, state_dir, notes, category_table=options.category_table, list_name=options.list_name
    )


def service_urls(options: RunOptions, hashes: RawList | None) -> list[str]:
    """Return the URLs of the matching services that the options name, the list of `--hashes` first."""
    return [*([] if hashes is None else [hashes.url]), *options.matchers]


def claim_of(command: str, options: RunOptions, settings: Settings, notes: Console) -> Claim:
    """Return how a command asks for the store: what its user can do while another run has it, and how it waits."""
    instead = "give this one" if settings.store_url is None else "unset STORE_URL for this one and give it"
    return Claim(
        command,
        advice=f", or {instead} a store of its own with --state DIR, which has its own cases",
        say_waiting=(lambda line: notes.print(safe(line), highlight=False, markup=False))
        if options.is_waiting
        else None,
    )


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, SIGTERM or SIGHUP sets; a second Ctrl-C interrupts at once."""
    stop = threading.Event()

    def request(_signum: int, _frame: object) -> None:
        stop_signals.tell(stop)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    # SIGHUP: the terminal was closed, or the connection to it was lost.
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, request) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
