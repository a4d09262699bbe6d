"""Hosts that are revisited: a list by name, one with its visits, and what may be done with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from orbweaver.console import access
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api.paging import Cursor, Items, Limit, read_cursor, write_cursor
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.model import Limits, Moment, Report, ScopeKind
from orbweaver.queue.errors import HostUnknown
from orbweaver.queue.hosts import counting, host_store, host_waits
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.host_store import KnownHost, VisitRecord
from orbweaver.queue.hosts.shown import listing, situation
from orbweaver.queue.hosts.shown.listing import HostFilter, HostOrder
from orbweaver.queue.hosts.shown.situation import HostState, Situation
from orbweaver.store.connection import Store
from pydantic import BaseModel, Field, StringConstraints

HostName = Annotated[str, Path(min_length=1, max_length=300, description="Its name, as the list has it.")]


class HostItem(BaseModel):
    """How a host stands."""

    host: str = Field(description="The host, with its port when that is not the default; or the site.")
    state: HostState
    cause: str = Field(description="The rule that set the due time, or what keeps the host from being visited.")
    due_at: Moment | None
    why: list[str] = Field(description="The reasons, in words.")
    weight: float = Field(description="What an hour of exposure there is worth, compared with others.")
    cost: float = Field(description="Of a visit, in the unit of the budget.")
    rate_a_day: float | None = Field(description="How many new files a day it is believed to get.")
    visits: int
    failures_in_a_row: int
    last_visit_at: Moment | None
    last_outcome: str | None
    last_case_at: Moment | None
    asked_at: Moment | None = Field(description="From when on somebody wants a visit.")


class HostTerms(BaseModel):
    """A decision about a host, as it was written."""

    kind: ScopeKind = Field(description="How far from a reported URL its visits go.")
    authority: str | None
    expires_at: Moment | None
    limits: Limits = Field(description="Of a visit.")
    weight: float | None = Field(description="The operator's, in the place of its reports'.")
    quiet_hours: str | None
    pause: str | None = Field(description="Why it is paused; null: it is not.")
    retired_at: Moment | None


class HostWhole(HostItem):
    """All that is known of a host. `terms` are null where its record cannot be read."""

    terms: HostTerms | None
    reports: list[Report] = Field(description="The newest 200 of its reports, without their cookies.")
    last_visits: list[VisitRecord] = Field(description="The last ten, the newest first.")


class PauseWords(BaseModel):
    """Why a host is paused."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class VisitWish(BaseModel):
    """When a visit is wanted."""

    at: Moment | None = Field(default=None, description="From this time on; null: now.")


class VisitAsked(BaseModel):
    """That a visit was asked for."""

    host: str
    at: Moment
    replaced: Moment | None = Field(description="The later wish that it takes the place of.")
    not_before: Moment | None = Field(description="Until then the host asked to be left alone (429 or 503).")


def endpoints(console: Console, guard: TokenGuard, router: APIRouter) -> None:
    """Add the endpoints to a router."""
    store, settings = console.store, console.settings

    @router.get("/hosts", summary="Hosts by name")
    def list_hosts(
        state: Annotated[HostState | None, Query(description="Only hosts in this state.")] = None,
        match: Annotated[
            str | None, Query(max_length=300, description="Only hosts whose name matches, such as `*.example`.")
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        _caller: ApiCaller = guard.may(Right.SEE_HOSTS),
    ) -> Items[HostItem]:
        """Return the hosts by name; those of a state by due time, which is by name where they have none."""
        place = read_cursor(cursor, str)
        page = listing.page(
            store,
            settings,
            HostFilter(match.lower() if match else None, state),
            HostOrder.NAME,
            after=None if place is None else str(place[0]),
            size=limit,
        )
        items = [HostItem.model_validate(_values(host, told)) for host, told in page.hosts]
        return Items(items=items, next=None if page.after is None else write_cursor(page.after))

    @router.get("/hosts/{host}", summary="One host")
    def read_host(host: HostName, caller: ApiCaller = guard.may(Right.SEE_HOSTS)) -> HostWhole:
        _known(store, host)
        access.note(store, caller.actor, "api host", [host])  # with the exact URLs of its reports
        return _whole(host)

    @router.post("/hosts/{host}/pause", summary="Pause a host")
    def pause(host: HostName, words: PauseWords, caller: ApiCaller = guard.may(Right.CHANGE_HOSTS)) -> HostWhole:
        """Have no visit of a host begin until it is resumed; one that is under way goes on."""
        operator = _operator(host)
        access.note(store, caller.actor, "api host pause", [host])
        operator.pause(host, words.reason)
        return _whole(host)

    @router.post("/hosts/{host}/resume", summary="Resume a host")
    def resume(host: HostName, caller: ApiCaller = guard.may(Right.CHANGE_HOSTS)) -> HostWhole:
        """End a pause, or bring back a host that was retired."""
        operator = _operator(host)
        access.note(store, caller.actor, "api host resume", [host])
        operator.resume(host)
        return _whole(host)

    @router.post("/hosts/{host}/visit", summary="Ask for a visit of a host")
    def visit(
        host: HostName, wish: VisitWish | None = None, caller: ApiCaller = guard.may(Right.CHANGE_HOSTS)
    ) -> VisitAsked:
        """Ask for one more visit, whatever the schedule and the budget say. Pauses, expiries and quiet hours hold."""
        operator = _operator(host)
        at = operator.at if wish is None or wish.at is None else wish.at
        access.note(store, caller.actor, "api host visit", [host])
        replaced = operator.ask(host, at, is_authority_required=settings.authority_required)
        waits = host_waits.of_hosts(store, [host], operator.at)
        return VisitAsked(host=host, at=at, replaced=replaced, not_before=waits.get(host))

    def _operator(host: str) -> Operator:
        _known(store, host)
        return Operator(store, counting.plan_of(settings))

    def _whole(host: str) -> HostWhole:
        known = _known(store, host)
        [told] = situation.look(store, settings).situations([known])
        record = known.record
        terms = record and HostTerms(
            kind=record.scope.kind,
            authority=record.scope.authority,
            expires_at=record.scope.expires_at,
            limits=record.scope.limits,
            weight=record.weight,
            quiet_hours=record.quiet_hours,
            pause=record.pause,
            retired_at=record.retired_at,
        )
        reports = [] if record is None else record.reports[-200:]
        return HostWhole.model_validate(
            _values(known, told)
            | {
                "terms": terms,
                "reports": [one.model_copy(update={"cookies": None}) for one in reports],
                "last_visits": host_store.visits(store, host),
            }
        )


def _known(store: Store, host: str) -> KnownHost:
    """Return a host; raises HostUnknown."""
    known = host_store.read_hosts(store, [host])
    if not known:
        raise HostUnknown("no host of this name is revisited: hand in a report of it")
    return known[0]


def _values(host: KnownHost, told: Situation) -> dict[str, object]:
    clock = host.clock
    return {
        "host": host.name,
        "state": told.state,
        "cause": told.cause,
        "due_at": told.due_at,
        "why": list(told.reasons),
        "weight": clock.weight,
        "cost": clock.cost,
        "rate_a_day": told.rate,
        "visits": clock.visits,
        "failures_in_a_row": clock.failures,
        "last_visit_at": _moment(clock.last_visit),
        "last_outcome": clock.outcome,
        "last_case_at": _moment(clock.last_case),
        "asked_at": _moment(clock.asked_at),
    }


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
