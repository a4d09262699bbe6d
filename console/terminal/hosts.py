"""`orbweaver hosts`, `recrawl` and `reports import`: the hosts that are revisited, shown and changed."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orbweaver.console.errors import NothingToDo
from orbweaver.console.terminal import verify
from orbweaver.console.terminal.verify import RunOptions
from orbweaver.console.text import count, for_people, report_console, safe, size
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules import url_rules, urls
from orbweaver.crawler.rules.url_rules import ReachedUrl
from orbweaver.model import Limits, Report, RobotsControl, ScopeKind, format_time
from orbweaver.queue.hosts import changes, counting, due, host_store, situation
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.host_record import HostRecord
from orbweaver.queue.hosts.host_store import KnownHost, VisitRecord
from orbweaver.queue.hosts.situation import HostState, Situation, moment_in_words
from orbweaver.queue.intake.orders import Order, Terms, plan
from orbweaver.settings import Settings
from orbweaver.store import embedded
from orbweaver.store.connection import Store
from orbweaver.store.opening import open_existing, open_store
from rich.console import Console
from rich.table import Table

# A person reads so many; --json has them all.
HOSTS_SHOWN = 200
SOURCE = "operator"


@dataclass(frozen=True)
class Filter:
    """Which hosts a command is for: those that are named, or all that match the filter."""

    names: tuple[str, ...] = ()
    glob: str | None = None
    state: HostState | None = None
    is_all: bool = False

    @property
    def is_filter(self) -> bool:
        """Whether hosts are chosen by something else than their names."""
        return self.glob is not None or self.state is not None or self.is_all


def show_list(settings: Settings, chosen: Filter, *, is_json: bool) -> None:
    """Print the hosts by name; raises StoreError, NoStore among them."""
    with open_existing(settings) as store:
        found = _chosen(store, settings, chosen)
        if is_json:
            for host, told in found:
                sys.stdout.write(_line(_host_json(host, told)))
            return
        table = Table(box=None, pad_edge=False)
        for heading in ("host", "state", "due", "last visit", "outcome", "visits", "weight"):
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
        name = name_of(name)
        changes.require_known(store, [name])
        [(host, told)] = list(_chosen(store, settings, Filter(names=(name,))))
        visits = host_store.visits(store, name)
    if is_json:
        shown = [json.loads(one.model_dump_json(exclude_defaults=True)) for one in visits]
        record = (
            None
            if host.record is None
            else json.loads(
                host.record.model_dump_json(exclude={"scope": {"access"}, "reports": {"__all__": {"cookies"}}})
            )
        )
        sys.stdout.write(_line({**_host_json(host, told), "record": record, "last_visits": shown}))
        return
    _show_host(report_console(markup=False), host, told, visits)


def import_reports(options: RunOptions, settings: Settings, *, is_now: bool) -> None:
    """Add the hosts of a reports file, or strengthen them; prints what came of each."""
    notes = Console(stderr=True, soft_wrap=True)
    terms = verify.terms_of(options)
    reports, bad_lines = verify.read_reports_file(options, notes)
    orders = plan(reports, options.scope, options.limits, terms)
    _enter(settings, orders, is_now=is_now, is_json=options.is_json, bad_lines=len(bad_lines))


def add(
    settings: Settings, texts: Sequence[str], kind: ScopeKind, limits: Limits, terms: Terms, *, is_json: bool
) -> None:
    """Add hosts by their names or URLs, each with that URL, or its root, as what is looked at first."""
    reports = [Report(url=_url_of(text), source=SOURCE) for text in texts]
    _enter(settings, plan(reports, kind, limits, terms), is_now=False, is_json=is_json, bad_lines=0)


def _enter(settings: Settings, orders: Sequence[Order], *, is_now: bool, is_json: bool, bad_lines: int) -> None:
    for order in orders:
        changes.require_authority(order, is_required=settings.authority_required)
    with _opened(settings) as store:
        operator = _operator(store, settings)
        entered = [operator.enter(order, asked_at=operator.at if is_now else None) for order in orders]
    new = sum(one.is_new for one in entered)
    left_out = sum(one.record.reports_left_out for one in entered)
    if is_json:
        hosts = [{"host": one.name, "is_new": one.is_new, "new_reports": one.new_reports} for one in entered]
        sys.stdout.write(_line({"hosts": hosts, "bad_lines": bad_lines, "reports_left_out": left_out}))
        return
    console = report_console(markup=False)
    added = sum(one.new_reports for one in entered)
    console.print(
        f"{count(new, 'host')} added, {count(len(entered) - new, 'host')} strengthened, by {count(added, 'report')}"
    )
    if left_out:
        console.print(f"{count(left_out, 'report')} not kept: a host keeps its newest 1,000")


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
        names = _names(store, settings, chosen, is_yes=is_yes, what=done)
        operator = _operator(store, settings)
        for name in names:
            act(operator, name)
    _say(names, done, is_json=is_json)


def explain_visit(settings: Settings, chosen: Filter, *, is_json: bool) -> None:
    """Print what a visit of the chosen hosts would fetch and what not, without any connection to them."""
    with open_existing(settings) as store:
        if chosen.names:
            changes.require_known(store, chosen.names)
        at = due.server_time(store)
        for host, told in _chosen(store, settings, chosen):
            shown = _dry_run(host, told, at)
            if is_json:
                sys.stdout.write(_line(shown))
            else:
                _show_dry_run(report_console(markup=False), shown)


def name_of(text: str) -> str:
    """Return the name of a host that is written as a name or as a URL; raises NothingToDo."""
    try:
        url = urls.canonicalise(urls.refang(text if "://" in text else f"http://{text}/"))
    except UrlRefused as error:
        raise NothingToDo(f"{for_people(text)}: {error.reason}: give host names or URLs") from None
    return urls.host_of(url)


def _url_of(text: str) -> str:
    name_of(text)  # it is a URL or a name, or this has raised
    return urls.canonicalise(urls.refang(text if "://" in text else f"http://{text}/"))


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    with open_store(settings, embedded.prepare_state_dir(settings.state_dir)) as (store, _):
        yield store


def _operator(store: Store, settings: Settings) -> Operator:
    return Operator(store, counting.plan_of(settings))


def _chosen(store: Store, settings: Settings, chosen: Filter) -> Iterator[tuple[KnownHost, Situation]]:
    """Yield the chosen hosts with their situations, by name."""
    budget, at = counting.plan_of(settings), due.server_time(store)
    shares = counting.read(store, budget) or counting.provisional(budget.policy, due.counts(store).hosts)
    names = list(chosen.names) or host_store.names(store)
    if chosen.glob is not None:
        names = fnmatch.filter(names, chosen.glob)
    for start in range(0, len(names), host_store.READ_AT_ONCE):
        hosts = host_store.read_hosts(store, names[start : start + host_store.READ_AT_ONCE])
        for host, told in zip(hosts, situation.situations(store, hosts, budget, shares, at), strict=True):
            if chosen.state in {None, told.state}:
                yield host, told


def _names(store: Store, settings: Settings, chosen: Filter, *, is_yes: bool, what: str) -> list[str]:
    if not chosen.is_filter:
        names = [name_of(text) for text in chosen.names]
        if not names:
            raise NothingToDo("give host names, or choose hosts with --match, --host-state or --all")
        changes.require_known(store, names)
        return names
    names = [host.name for host, _ in _chosen(store, settings, chosen)]
    if names and not is_yes:
        print(f"orbweaver: {count(len(names), 'host')} would be {what}, e.g. {names[0]}", file=sys.stderr)
        if not sys.stdin.isatty() or input("Go on? [y/N] ").strip().lower() not in {"y", "yes"}:
            raise NothingToDo("nothing was changed: give --yes to change them")
    return names


def _say(names: Sequence[str], done: str, *, is_json: bool) -> None:
    if is_json:
        sys.stdout.write(_line({"hosts": list(names), "done": done}))
    else:
        report_console(markup=False).print(f"{count(len(names), 'host')} {done}")


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _host_json(host: KnownHost, told: Situation) -> dict[str, Any]:
    clock = host.clock
    return {
        "host": host.name,
        "state": told.state.value,
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
        console.print(f"  {safe(reason)}")
    if record is not None:
        scope = record.scope
        expiry = "no expiry" if scope.expires_at is None else f"until {format_time(scope.expires_at)}"
        console.print(f"  scope: {scope.kind}; authority: {safe(scope.authority or 'none')}, {expiry}")
        weight = "the operator's" if record.weight is not None else f"by {count(len(record.reports), 'report')}"
        console.print(f"  weight: {clock.weight:.3g}, {weight}; cost of a visit: {clock.cost:.3g}")
        if record.reports_left_out:
            console.print(f"  {count(record.reports_left_out, 'older report')} not kept")
        if record.quiet_hours:
            console.print(f"  quiet hours: {record.quiet_hours}")
        obeys = "obeyed" if scope.access.robots is RobotsControl.OBEY else "recorded only"
        console.print(f"  robots.txt: {obeys}; limits: {_limits(scope.limits)}")
    if told.rate is not None:
        console.print(f"  rate: {told.rate:.3g} new files a day, from {count(clock.visits, 'visit')}")
    for visit in visits:
        reason = "" if visit.reason is None else f": {visit.reason}"
        console.print(
            f"  {_short(format_time(visit.ended_at))} {visit.outcome}{safe(reason)}; {count(visit.pages, 'page')}, "
            f"{count(visit.files, 'file')}, {size(visit.bytes_read)}, {count(visit.cases, 'case')} "
            f"({visit.new_cases} new), {visit.unknown} unknown"
        )


def _limits(limits: Limits) -> str:
    return ", ".join(f"{name} {getattr(limits, name):g}" for name in Limits.model_fields)


def _dry_run(host: KnownHost, told: Situation, at: datetime) -> dict[str, Any]:
    fetched, refused = [], []
    record = host.record
    for report in () if record is None else record.reports:
        assert record is not None
        decision = url_rules.decide(record.scope, ReachedUrl(report.url, LinkKind.PAGE, is_reported=True), now=at)
        if decision.is_allowed:
            fetched.append(report.url)
        else:
            refused.append({"url": report.url, "rule": decision.rule, "reason": decision.reason})
    scope = None if record is None else record.scope.model_dump(mode="json", exclude={"access"})
    robots = None if record is None else record.scope.access.robots.value
    return {**_host_json(host, told), "first": fetched, "refused": refused, "scope": scope, "robots": robots}


def _show_dry_run(console: Console, shown: Mapping[str, Any]) -> None:
    console.print(f"{safe(shown['host'])}: {shown['state']}")
    for reason in shown["why"]:
        console.print(f"  {safe(reason)}")
    if shown["scope"] is not None:
        robots = (
            "what robots.txt refuses is not fetched" if shown["robots"] == "obey" else "robots.txt is recorded only"
        )
        console.print(f"  then all that is linked within the {shown['scope']['kind']}, up to its limits; {robots}")
    for url in shown["first"][:HOSTS_SHOWN]:
        console.print(f"  would fetch {for_people(url)}")
    for one in shown["refused"][:HOSTS_SHOWN]:
        console.print(f"  would not fetch {for_people(one['url'])}: {one['rule']}: {safe(one['reason'])}")
    more = len(shown["first"][HOSTS_SHOWN:]) + len(shown["refused"][HOSTS_SHOWN:])
    if more:
        console.print(f"  {count(more, 'more URL')}, see --json")
