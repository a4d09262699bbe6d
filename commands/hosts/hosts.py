"""`orbweaver hosts`: the hosts that are revisited by themselves."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from orbweaver.commands.options import (
    AccessFile,
    AsJson,
    Authority,
    Expires,
    ScopeOfReports,
    StateDir,
    read_authority,
    read_settings,
)
from orbweaver.model import Embeds, Limits, ScopeKind

app = typer.Typer(help="The hosts that are revisited by themselves.", no_args_is_help=True)


class Cleared(StrEnum):
    """The terms of a host that can be taken back."""

    WEIGHT = "weight"
    QUIET_HOURS = "quiet-hours"
    FLOOR = "floor"
    CEILING = "ceiling"
    EXPIRES = "expires"


HostState = Literal["under-way", "ready", "waiting", "paused", "retired", "expired", "not-due", "unreadable"]
Names = Annotated[list[str] | None, typer.Argument(metavar="HOST", help="Host names or URLs.", show_default=False)]
Match = Annotated[
    str | None, typer.Option("--match", metavar="GLOB", help="Hosts whose name matches, e.g. '*.example'.")
]
InState = Annotated[HostState | None, typer.Option("--host-state", help="Hosts in this state.")]
All = Annotated[bool, typer.Option("--all", help="All hosts.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before hosts that a filter chose are changed.")]
STATUS = "Exit status: 0 done; 1 the store failed; 2 bad usage, an unknown host, or there is no store."


@app.command(
    "list",
    epilog="Examples:\n\n  orbweaver hosts list --host-state expired\n\n  orbweaver hosts list --json > hosts.jsonl\n\n"
    + STATUS,
)
def list_hosts(
    match: Match = None, host_state: InState = None, is_json: AsJson = False, state: StateDir = None
) -> None:
    """Show the hosts: state, due time, last visit with its outcome, weight."""
    from orbweaver.console.terminal.hosts import host_list as command

    command.show_list(read_settings(state), filter_of(None, match, host_state, is_all=False), is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver hosts show www.example.org\n\n  orbweaver hosts show www.example.org --json\n\n"
    + STATUS
)
def show(
    host: Annotated[str, typer.Argument(metavar="HOST", help="A host name or URL.")],
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Show a host: why it is, or is not, being crawled; its terms; its last visits."""
    from orbweaver.console.terminal.hosts import host_list as command

    command.show_one(read_settings(state), host, is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver hosts add www.example.org https://img.example.org/board/ --authority 'J. Doe'\n\n"
    + STATUS
)
def add(
    hosts: Annotated[list[str], typer.Argument(metavar="HOST", help="Host names, or URLs to look at first.")],
    scope: ScopeOfReports = ScopeKind.HOST,
    embeds: Annotated[Embeds, typer.Option(help="Which files of other hosts to fetch.")] = Embeds.OFF,
    authority: Authority = None,
    expires: Expires = None,
    access: AccessFile = None,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Add hosts, or strengthen those that are there. The schedule visits a new host at once."""
    from orbweaver.console.terminal.hosts import host_changes as command
    from orbweaver.queue.intake.orders import Terms

    terms = Terms(authority=read_authority(authority), expires_at=expires, embeds=embeds, access=_access(access))
    command.add(read_settings(state), hosts, scope, Limits(), terms, is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver hosts pause www.example.org --reason 'asked by the police'\n\n"
    "  orbweaver hosts pause --match '*.example' --reason 'under investigation' --yes\n\n" + STATUS
)
def pause(
    hosts: Names = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why: `hosts show` says so.")] = "no reason given",
    match: Match = None,
    host_state: InState = None,
    is_all: All = False,
    is_yes: Yes = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Pause hosts: no visit begins until they are resumed. A visit that is under way goes on."""
    chosen = filter_of(hosts, match, host_state, is_all=is_all)
    _change(chosen, lambda operator, name: operator.pause(name, reason), "paused", is_yes, is_json, state)


@app.command(epilog="Examples:\n\n  orbweaver hosts resume www.example.org\n\n" + STATUS)
def resume(
    hosts: Names = None,
    match: Match = None,
    host_state: InState = None,
    is_all: All = False,
    is_yes: Yes = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Resume hosts that are paused, or bring back those that are retired."""
    chosen = filter_of(hosts, match, host_state, is_all=is_all)
    _change(chosen, lambda operator, name: operator.resume(name), "resumed", is_yes, is_json, state)


@app.command(epilog="Examples:\n\n  orbweaver hosts retire --host-state expired --yes\n\n" + STATUS)
def retire(
    hosts: Names = None,
    match: Match = None,
    host_state: InState = None,
    is_all: All = False,
    is_yes: Yes = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Retire hosts: they are kept with their history, and visited again only if reported or resumed."""
    chosen = filter_of(hosts, match, host_state, is_all=is_all)
    _change(chosen, lambda operator, name: operator.retire(name), "retired", is_yes, is_json, state)


@app.command(
    "set",
    epilog="Examples:\n\n  orbweaver hosts set example.org --weight 5 --quiet-hours '22:00-06:00 Europe/Stockholm'\n\n"
    "  orbweaver hosts set --host-state expired --authority 'J. Doe' --expires 2027-01-01 --yes\n\n"
    "  orbweaver hosts set www.example.org --floor 6h --ceiling 14d --clear weight\n\n" + STATUS,
)
def set_values(
    hosts: Names = None,
    weight: Annotated[
        float | None, typer.Option(min=0, help="In place of its reports'; 0: only when asked for.")
    ] = None,
    quiet_hours: Annotated[
        str | None, typer.Option(metavar="TEXT", help="No visit in these hours: '22:00-06:00 Europe/Stockholm'.")
    ] = None,
    floor: Annotated[str | None, typer.Option(metavar="DURATION", help="Not more often than this, e.g. 6h.")] = None,
    ceiling: Annotated[str | None, typer.Option(metavar="DURATION", help="At least this often, e.g. 14d.")] = None,
    authority: Authority = None,
    expires: Expires = None,
    access: AccessFile = None,
    max_pages: Annotated[int | None, typer.Option(min=1, help="Pages a visit.")] = None,
    max_files: Annotated[int | None, typer.Option(min=1, help="Files a visit.")] = None,
    max_seconds: Annotated[float | None, typer.Option(min=1, max=30 * 24 * 3600, help="Seconds a visit.")] = None,
    clear: Annotated[
        list[Cleared] | None,
        typer.Option(metavar="NAME", help="Take back weight, quiet-hours, floor, ceiling or expires; may be repeated."),
    ] = None,
    match: Match = None,
    host_state: InState = None,
    is_all: All = False,
    is_yes: Yes = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Set the weight, the hours, the bounds or the terms of hosts."""
    values: dict[str, Any] = {_FIELDS[name]: None for name in clear or ()}
    given = {
        "weight": weight,
        "quiet_hours": quiet_hours,
        "floor_days": _days("--floor", floor),
        "ceiling_days": _days("--ceiling", ceiling),
        "authority": read_authority(authority),
        "expires_at": expires,
        "access": None if access is None else _access(access),
        "max_pages": max_pages,
        "max_files": max_files,
        "max_seconds": max_seconds,
    }
    values |= {name: value for name, value in given.items() if value is not None}
    if not values:
        raise typer.BadParameter("nothing to set: give --weight, --quiet-hours or another option")
    chosen = filter_of(hosts, match, host_state, is_all=is_all)
    _change(chosen, lambda operator, name: operator.set(name, values), "changed", is_yes, is_json, state)


_FIELDS = {
    Cleared.WEIGHT: "weight",
    Cleared.QUIET_HOURS: "quiet_hours",
    Cleared.FLOOR: "floor_days",
    Cleared.CEILING: "ceiling_days",
    Cleared.EXPIRES: "expires_at",
}


def _change(chosen: Any, act: Any, done: str, is_yes: bool, is_json: bool, state: Path | None) -> None:
    from orbweaver.console.terminal.hosts import host_changes as command

    command.change(read_settings(state), chosen, act, done, is_yes=is_yes, is_json=is_json)


def filter_of(hosts: list[str] | None, match: str | None, host_state: HostState | None, *, is_all: bool) -> Any:
    """Return the choice of hosts that names or filters make; raises BadParameter for both at once."""
    from orbweaver.console.terminal.hosts.choice import Filter
    from orbweaver.queue.hosts.shown.situation import HostState as State

    if hosts and (match is not None or host_state is not None or is_all):
        raise typer.BadParameter("give host names, or choose hosts with --match, --host-state or --all: not both")
    return Filter(tuple(hosts or ()), match, None if host_state is None else State(host_state), is_all)


def _access(path: Path | None) -> Any:
    import os

    from orbweaver.model import AccessProfile
    from orbweaver.queue.intake.access_profiles import read_profile

    return AccessProfile() if path is None else read_profile(path, os.environ)


def _days(option: str, text: str | None) -> float | None:
    from orbweaver.setting_values import read_duration

    if text is None:
        return None
    try:
        return read_duration(text).total_seconds() / 86_400
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from None
