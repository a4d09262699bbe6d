"""Changes hosts as people ask: the page that asks before many are changed, the change, and its undoing."""

from __future__ import annotations

from itertools import islice
from math import isfinite
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from orbweaver.console import access
from orbweaver.console.errors import FormUnusable, NothingThere
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.pages.hosts.host_list import filter_of
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.hosts import undoing
from orbweaver.queue.hosts.shown import listing
from orbweaver.queue.hosts.undoing import MOST_AT_ONCE, HostAct, HostChanges

_EXAMPLES: Final = 5
_REASON_CHARACTERS: Final = 300


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of the changes."""
    router = APIRouter()

    @router.get("/hosts/change")
    def ask(
        request: Request,
        act: str = "",
        match: str = "",
        state: str = "",
        caller: Caller = guard.may(Right.CHANGE_HOSTS),
    ) -> Response:
        meant = _act_of(act)
        found = listing.found(console.store, console.settings, filter_of(match, state))
        names = [host.name for host, _ in islice(found, MOST_AT_ONCE + 1)]
        return console.templates.page(
            request,
            "hosts_change.html",
            caller.session,
            act=meant.value,
            names=names[:MOST_AT_ONCE],
            are_too_many=len(names) > MOST_AT_ONCE,
            examples=names[:_EXAMPLES],
            query=urlencode({"match": match, "state": state}),
        )

    @router.post("/hosts/change")
    def change(caller: Caller = guard.may(Right.CHANGE_HOSTS)) -> Response:
        act, names = _act_of(caller.field("act")), caller.field("hosts").split()
        if not names:
            raise FormUnusable("no host is chosen")
        if len(names) > MOST_AT_ONCE:
            raise FormUnusable(f"at most {MOST_AT_ONCE:,} hosts are changed at once: choose fewer")
        weight = _weight_of(caller.field("weight")) if act is HostAct.WEIGHT else None
        access.note(console.store, caller.actor, f"page /hosts/change {act.value}", names)
        try:
            made = undoing.change(
                console.store,
                console.settings,
                act,
                names,
                by=caller.account.name,
                reason=caller.field("reason")[:_REASON_CHARACTERS],
                weight=weight,
            )
        except ScheduleRefused as error:
            raise FormUnusable(str(error)) from None
        return _shown(made)

    @router.get("/hosts/changes/{change_id}")
    def show(request: Request, change_id: str, caller: Caller = guard.may(Right.SEE_HOSTS)) -> Response:
        return console.templates.page(
            request,
            "hosts_changes.html",
            caller.session,
            made=_existing(change_id),
            may_change=caller.account.may(Right.CHANGE_HOSTS),
        )

    @router.post("/hosts/changes/{change_id}/undo")
    def undo(change_id: str, caller: Caller = guard.may(Right.CHANGE_HOSTS)) -> Response:
        made = _existing(change_id)
        access.note(console.store, caller.actor, f"page /hosts/changes undo {made.act.value}", made.changed)
        return _shown(undoing.undo(console.store, console.settings, made))

    def _existing(change_id: str) -> HostChanges:
        made = undoing.read(console.store, change_id)
        if made is None:
            raise NothingThere("there is no such change, or it was made more than a day ago")
        return made

    return router


def _shown(made: HostChanges) -> Response:
    return RedirectResponse(f"/hosts/changes/{made.change_id}", 303)


def _act_of(text: str) -> HostAct:
    if text not in set(HostAct):
        raise FormUnusable("choose what is to be done with the hosts")
    return HostAct(text)


def _weight_of(text: str) -> float | None:
    """Return a weight; None for an empty field, which takes back the operator's. Raises FormUnusable."""
    if not text:
        return None
    try:
        weight = float(text.replace(",", "."))
    except ValueError:
        weight = -1.0
    if not isfinite(weight) or weight < 0:
        raise FormUnusable("the weight is a number: 0 (visited only when asked for) or more")
    return weight
