"""`orbweaver hosts list` and `show`: how the hosts stand, and why each is, or is not, being crawled."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from orbweaver.console import visit_preview
from orbweaver.console.terminal.hosts import choice
from orbweaver.console.terminal.hosts.choice import Filter
from orbweaver.console.terminal.runs import report_list
from orbweaver.console.text import count, report_console, safe, size
from orbweaver.model import RobotsControl, format_time
from orbweaver.queue.hosts import changes, host_store
from orbweaver.queue.hosts.host_store import KnownHost, VisitRecord
from orbweaver.queue.hosts.shown.situation import Situation, moment_in_words
from orbweaver.queue.records.report_outcomes import ReportResult
from orbweaver.queue.runs import verify_result
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.store.opening import open_existing
from rich.console import Console
from rich.table import Table

# A person reads so many; --json has them all.
HOSTS_SHOWN = 200


def show_list(settings: Settings, chosen: Filter, *, is_json: bool) -> None:
    """Print the hosts by name; raises StoreError, NoStore among them."""
    with open_existing(settings) as store:
        found = choice.hosts(store, settings, chosen)
        if is_json:
            for host, told in found:
                sys.stdout.write(json.dumps(as_json(host, told), ensure_ascii=False) + "\n")
            return
        table = Table(box=None, pad_edge=False)
        for heading in ("host", "state", "because of", "due", "last visit", "outcome", "visits", "weight"):
            table.add_column(heading, overflow="fold")
        number = 0
        for number, (host, told) in enumerate(found, start=1):
            if number <= HOSTS_SHOWN:
                table.add_row(*_row(host, told))
        console = report_console(markup=False)
        if number:
            console.print(table)
        if number > HOSTS_SHOWN:
            console.print(f"{count(number - HOSTS_SHOWN, 'more host')}, see --json")
        console.print(count(number, "host"))


def show_one(settings: Settings, name: str, *, is_json: bool) -> None:
    """Print all that is known of a host, and why it is, or is not, being crawled; raises HostUnknown, StoreError."""
    with open_existing(settings) as store:
        name = choice.name_of(name)
        changes.require_known(store, [name])
        [(host, told)] = list(choice.hosts(store, settings, Filter(names=(name,))))
        visits = host_store.visits(store, name)
        reports = _reports_of_last_visit(store, visits)
    if is_json:
        shown = [json.loads(one.model_dump_json(exclude_defaults=True)) for one in visits]
        record = (
            None
            if host.record is None
            else json.loads(
                host.record.model_dump_json(exclude={"scope": {"access"}, "reports": {"__all__": {"cookies"}}})
            )
        )
        told_all = {
            **as_json(host, told),
            "record": record,
            "last_visits": shown,
            "reports": [report_list.as_json(one) for one in reports],
        }
        sys.stdout.write(json.dumps(told_all, ensure_ascii=False) + "\n")
        return
    console = report_console(markup=False)
    _show_host(console, host, told, visits)
    report_list.show(console, reports, heading="Reports, at the last visit", all_are_in="--json")
    if visits and not reports:
        console.print("The outcomes of its reports at the last visit are kept no longer.")


def _reports_of_last_visit(store: Store, visits: Sequence[VisitRecord]) -> tuple[ReportResult, ...]:
    last = visits[0] if visits else None
    return () if last is None or last.run_id is None else verify_result.reports_of(store, last.run_id)


def as_json(host: KnownHost, told: Situation) -> dict[str, Any]:
    """Return how a host stands as values for JSON."""
    clock = host.clock
    return {
        "host": host.name,
        "state": told.state.value,
        "cause": told.cause,
        "due_at": moment_in_words(told.due_at),
        "why": list(told.reasons),
        "weight": clock.weight,
        "cost": clock.cost,
        "rate_a_day": told.rate,
        "visits": clock.visits,
        "failures_in_a_row": clock.failures,
        "last_visit_at": _time(clock.last_visit),
        "last_outcome": clock.outcome,
        "last_case_at": _time(clock.last_case),
        "asked_at": _time(clock.asked_at),
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else format_time(datetime.fromtimestamp(seconds).astimezone())


def _row(host: KnownHost, told: Situation) -> tuple[str, ...]:
    clock = host.clock
    return (
        safe(host.name),
        told.state.value,
        told.cause,
        _short(moment_in_words(told.due_at)),
        _short(_time(clock.last_visit)),
        clock.outcome or "-",
        str(clock.visits),
        f"{clock.weight:.3g}",
    )


def _short(moment: str | None) -> str:
    return "-" if moment is None else f"{moment[:10]} {moment[11:16]}"


def _show_host(console: Console, host: KnownHost, told: Situation, visits: Sequence[VisitRecord]) -> None:
    clock, record = host.clock, host.record
    console.print(f"{safe(host.name)}: {told.state.value}, due {_short(moment_in_words(told.due_at))} (UTC)")
    for reason in told.reasons:
        console.print(f"  {safe(reason)}", soft_wrap=True)
    if record is not None:
        scope = record.scope
        console.print(f"  scope: {scope.kind}; {visit_preview.authority_in_words(scope)}", soft_wrap=True)
        weight = "the operator's" if record.weight is not None else f"by {count(len(record.reports), 'report')}"
        console.print(f"  weight: {clock.weight:.3g}, {weight}; cost of a visit: {clock.cost:.3g}")
        if record.reports_left_out:
            console.print(f"  {count(record.reports_left_out, 'older report')} not kept")
        if record.quiet_hours:
            console.print(f"  quiet hours: {record.quiet_hours}")
        obeys = "obeyed" if scope.access.robots is RobotsControl.OBEY else "recorded only"
        console.print(f"  robots.txt: {obeys}; limits: {visit_preview.limits_in_words(scope.limits)}", soft_wrap=True)
    if told.rate is not None:
        console.print(f"  rate: {told.rate:.3g} new files a day, from {count(clock.visits, 'visit')}")
    for visit in visits:
        reason = "" if visit.reason is None else f": {visit.reason}"
        outcome = f"{visit.outcome} in {visit.slices} slices" if visit.slices > 1 else visit.outcome
        console.print(
            f"  {_short(format_time(visit.ended_at))} {outcome}{safe(reason)}; {count(visit.pages, 'page')}, "
            f"{count(visit.files, 'file')}, {size(visit.bytes_read)}, {count(visit.cases, 'case')} "
            f"({visit.new_cases} new), {visit.unknown} unknown{', slowed by 429 or 503' if visit.is_slowed else ''}"
        )
