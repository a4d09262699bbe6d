"""`orbweaver hosts add, pause, resume, retire, set`, `recrawl` and `reports import`: what changes the hosts."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from orbweaver.console import visit_preview
from orbweaver.console.terminal import dry_run
from orbweaver.console.terminal.hosts import choice
from orbweaver.console.terminal.hosts.choice import Filter
from orbweaver.console.terminal.runs import verify
from orbweaver.console.terminal.runs.verify import RunOptions
from orbweaver.console.text import count, report_console, safe
from orbweaver.model import Limits, Report, ScopeKind, format_time, now
from orbweaver.queue.errors import HostKeptBack
from orbweaver.queue.hosts import changes, counting, due, host_waits
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.host_record import HostRecord
from orbweaver.queue.hosts.shown.situation import HostState
from orbweaver.queue.intake.orders import Order, Terms, plan
from orbweaver.queue.intake.reports import BadLine
from orbweaver.settings import Settings
from orbweaver.store import embedded
from orbweaver.store.connection import Store
from orbweaver.store.opening import open_existing, open_store
from rich.console import Console

SOURCE = "operator"
# What keeps a host from every visit, whoever asks for it.
KEPT_BACK = frozenset({HostState.PAUSED, HostState.RETIRED, HostState.EXPIRED, HostState.UNREADABLE})
# Hosts with a remark that a person reads; --json has them all.
REMARKS_SHOWN = 20


def import_reports(options: RunOptions, settings: Settings, *, is_now: bool, is_dry_run: bool) -> None:
    """Add the hosts of a reports file, or strengthen them; prints what came of each, or would."""
    notes = Console(stderr=True, soft_wrap=True)
    terms = verify.terms_of(options)
    reports, bad_lines = verify.read_reports_file(options, notes)
    orders = plan(reports, options.scope, options.limits, terms)
    if is_dry_run:
        _explain_import(settings, orders, bad_lines, is_json=options.is_json)
        return
    _enter(settings, orders, is_now=is_now, is_json=options.is_json, bad_lines=len(bad_lines))


def add(
    settings: Settings, texts: Sequence[str], kind: ScopeKind, limits: Limits, terms: Terms, *, is_json: bool
) -> None:
    """Add hosts by their names or URLs, each with that URL, or its root, as what is looked at first."""
    reports = [Report(url=choice.url_of(text), source=SOURCE) for text in texts]
    _enter(settings, plan(reports, kind, limits, terms), is_now=False, is_json=is_json, bad_lines=0)


def change(
    settings: Settings,
    chosen: Filter,
    act: Callable[[Operator, str], HostRecord],
    done: str,
    *,
    is_yes: bool,
    is_json: bool,
) -> None:
    """Change the chosen hosts one by one, after the count was shown where a filter chose them; raises QueueError."""
    with open_existing(settings) as store:
        names = choice.names_to_change(store, settings, chosen, is_yes=is_yes, done=done)
        operator = Operator(store, counting.plan_of(settings))
        for name in names:
            act(operator, name)
    if is_json:
        _say({"hosts": names, "done": done})
    else:
        report_console(markup=False).print(f"{count(len(names), 'host')} {done}")


def ask(settings: Settings, chosen: Filter, at: datetime | None, *, is_yes: bool, is_json: bool) -> bool:
    """Ask for a visit of the chosen hosts, now or at a time; False when some will not be visited: it is said why."""
    done = "asked for" if at is None else f"asked for at {at:%Y-%m-%d %H:%M} UTC"
    asked, refused, replaced = [], {}, {}
    with open_existing(settings) as store:
        operator = Operator(store, counting.plan_of(settings))
        for name in choice.names_to_change(store, settings, chosen, is_yes=is_yes, done=done):
            try:
                before = operator.ask(name, at or operator.at, is_authority_required=settings.authority_required)
            except HostKeptBack as error:
                refused[name] = str(error)
                continue
            asked.append(name)
            if before is not None:
                replaced[name] = format_time(before)
        waits = host_waits.of_hosts(store, asked, operator.at)
    if is_json:
        reasons = [{"host": name, "reason": reason} for name, reason in refused.items()]
        left_alone = {name: format_time(until) for name, until in waits.items()}
        said = {"hosts": asked, "done": done, "refused": reasons, "replaced": replaced, "asked_to_wait": left_alone}
        _say(said)
        return not refused
    if asked:
        report_console(markup=False).print(f"{count(len(asked), 'host')} {done}")
    _remark([f"{name}: the visit that was asked for at {before} is not made" for name, before in replaced.items()])
    _remark(
        [
            f"{name}: asked to wait (429 or 503) until {until:%Y-%m-%d %H:%M} UTC: not before"
            for name, until in waits.items()
        ]
    )
    _remark(list(refused.values()))
    return not refused


def explain_visit(settings: Settings, chosen: Filter, *, is_json: bool) -> None:
    """Print what a visit of the chosen hosts would fetch and what not, without any connection to them."""
    with open_existing(settings) as store:
        choice.names_to_change(store, settings, chosen, is_yes=True, done="shown")
        at = due.server_time(store)
        runs = [
            visit_preview.of_unreadable(host.name, told.state.value, told.reasons)
            if host.record is None
            else visit_preview.of_order(
                host.record.order,
                at,
                state=told.state.value,
                why=told.reasons,
                kept_back=told.reasons[-1] if told.state in KEPT_BACK else None,
            )
            for host, told in choice.hosts(store, settings, chosen)
        ]
    dry_run.show(runs, is_json=is_json)


def _explain_import(
    settings: Settings, orders: Sequence[Order], bad_lines: Sequence[BadLine], *, is_json: bool
) -> None:
    """Print what visits of these orders would fetch, with what the store knows of their hosts, if there is a store."""
    for order in orders:
        changes.require_authority(order, is_required=settings.authority_required)
    if settings.store_url is not None or embedded.has_store(settings.state_dir):
        with open_existing(settings) as store:
            runs = visit_preview.of_import(store, settings, orders)
    else:
        runs = [visit_preview.of_new_host(order, now()) for order in orders]
    dry_run.show(runs, bad_lines, is_json=is_json)


def _enter(settings: Settings, orders: Sequence[Order], *, is_now: bool, is_json: bool, bad_lines: int) -> None:
    for order in orders:
        changes.require_authority(order, is_required=settings.authority_required)
    with _opened(settings) as store:
        entered = changes.enter_all(store, counting.plan_of(settings), orders, is_now=is_now)
    new = sum(one.is_new for one in entered)
    left_out = sum(one.record.reports_left_out for one in entered)
    if is_json:
        hosts = [
            {"host": one.name, "is_new": one.is_new, "new_reports": one.new_reports, "kept_back": one.kept_back}
            for one in entered
        ]
        _say({"hosts": hosts, "bad_lines": bad_lines, "reports_left_out": left_out})
        return
    console = report_console(markup=False)
    added = sum(one.new_reports for one in entered)
    console.print(
        f"{count(new, 'host')} added, {count(len(entered) - new, 'host')} strengthened, by {count(added, 'report')}"
    )
    if left_out:
        console.print(f"{count(left_out, 'report')} not kept: a host keeps its newest 1,000")
    _remark([f"{one.name} is not visited: {one.kept_back}" for one in entered if one.kept_back is not None])


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    with open_store(settings, embedded.prepare_state_dir(settings.state_dir)) as (store, _):
        yield store


def _remark(lines: Sequence[str]) -> None:
    for line in lines[:REMARKS_SHOWN]:
        print(f"orbweaver: {safe(line)}", file=sys.stderr)
    if len(lines) > REMARKS_SHOWN:
        print(f"orbweaver: {count(len(lines) - REMARKS_SHOWN, 'more host')}, see --json", file=sys.stderr)


def _say(value: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
