"""Reports in: pasted or as a file, then what would be fetched and what not, and only then the schedule."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from orbweaver.console import access, visit_preview
from orbweaver.console.errors import FormUnusable, NothingThere
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.pages.hosts.report_drafts import MOST_REPORTS, EnteredHost, ReportDraft, ReportDrafts
from orbweaver.model import Embeds, Limits, ScopeKind
from orbweaver.queue.errors import AuthorityMissing, HostUnreadable, ReportsUnreadable, TooManyReports
from orbweaver.queue.hosts import changes, counting
from orbweaver.queue.intake.handing_in import HandedIn
from orbweaver.queue.intake.orders import Terms

HOSTS_SHOWN: Final = 100
URLS_SHOWN: Final = 20
LINES_SHOWN: Final = 200
_LIMITS: Final = {"max_pages": 10**9, "max_files": 10**9, "max_seconds": 30 * 24 * 3600}


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of the form."""
    router = APIRouter()
    drafts = ReportDrafts()
    store = console.store

    @router.get("/recrawls/new")
    def form(request: Request, caller: Caller = guard.may(Right.CHANGE_HOSTS)) -> Response:
        return console.templates.page(
            request,
            "report_form.html",
            caller.session,
            scopes=list(ScopeKind),
            embeds=list(Embeds),
            limits=Limits(),
            most_reports=MOST_REPORTS,
            is_authority_required=console.settings.authority_required,
        )

    @router.post("/recrawls/drafts")
    def check(caller: Caller = guard.may(Right.CHANGE_HOSTS)) -> Response:
        draft = _draft_of(caller)
        _read(draft)
        return RedirectResponse(f"/recrawls/drafts/{drafts.put(draft)}", 303)

    @router.get("/recrawls/drafts/{draft_id}")
    def preview(request: Request, draft_id: str, caller: Caller = guard.may(Right.CHANGE_HOSTS)) -> Response:
        draft = _existing(draft_id, caller)
        if draft.entered is not None:
            return console.templates.page(
                request,
                "reports_entered.html",
                caller.session,
                entered=draft.entered,
                hosts_shown=HOSTS_SHOWN,
                is_now=draft.is_now,
            )
        handed_in = _read(draft)
        visits = visit_preview.of_import(store, console.settings, handed_in.orders)
        refused = [line for line in handed_in.lines if line.refused_because]
        return console.templates.page(
            request,
            "report_preview.html",
            caller.session,
            draft_id=draft_id,
            draft=draft,
            handed_in=handed_in,
            visits=visits,
            would_fetch=sum(len(one.first) for one in visits),
            would_not_fetch=sum(len(one.refused) for one in visits),
            refused=refused,
            noted=[line for line in handed_in.lines if line.notes],
            hosts_shown=HOSTS_SHOWN,
            urls_shown=URLS_SHOWN,
            lines_shown=LINES_SHOWN,
        )

    @router.post("/recrawls/drafts/{draft_id}/schedule")
    def schedule(draft_id: str, caller: Caller = guard.may(Right.CHANGE_HOSTS)) -> Response:
        draft = _existing(draft_id, caller)
        if draft.entered is None:
            handed_in = _read(draft)
            names = [order.scope.name for order in handed_in.orders]
            access.note(store, caller.actor, f"page /recrawls/new ({handed_in.reports} reports)", names)
            plan = counting.plan_of(console.settings)
            try:
                entered = changes.enter_all(store, plan, handed_in.orders, is_now=draft.is_now)
            except HostUnreadable as error:
                raise FormUnusable(str(error)) from None
            hosts = tuple(map(EnteredHost.of, entered))
            drafts.put(dataclasses.replace(draft, body=b"", entered=hosts), draft_id)
        return RedirectResponse(f"/recrawls/drafts/{draft_id}", 303)

    def _existing(draft_id: str, caller: Caller) -> ReportDraft:
        draft = drafts.get(draft_id, caller.account.name)
        if draft is None:
            raise NothingThere("what was handed in is kept for half an hour, and no longer: hand it in again")
        return draft

    def _read(draft: ReportDraft) -> HandedIn:
        try:
            handed_in = draft.read()
            for order in handed_in.orders:
                changes.require_authority(order, is_required=console.settings.authority_required)
        except (ReportsUnreadable, TooManyReports, AuthorityMissing) as error:
            raise FormUnusable(str(error)) from None
        if not handed_in.orders:
            reasons = [f"line {line.line}: {reason}" for line in handed_in.lines for reason in line.refused_because]
            raise FormUnusable("; ".join(["no report can be used", *reasons[:5]]))
        return handed_in

    return router


def _draft_of(caller: Caller) -> ReportDraft:
    """Return what a person handed in. Raises FormUnusable."""
    pasted, uploaded = caller.field("reports").encode(errors="replace"), caller.upload("file")
    if bool(pasted) == bool(uploaded):
        raise FormUnusable("paste reports, or choose a file: one of the two")
    scope, embeds = caller.field("scope"), caller.field("embeds")
    if scope not in set(ScopeKind) or embeds not in set(Embeds):
        raise FormUnusable("choose how far from a reported URL to go, and which files of other hosts to fetch")
    authority = caller.field("authority")
    if not authority.isprintable() or len(authority) > 200:
        raise FormUnusable("the authority is a name, in printable characters")
    return ReportDraft(
        owner=caller.account.name,
        body=pasted or uploaded,
        encoding=(caller.field("encoding") or None) if uploaded else None,
        scope=ScopeKind(scope),
        terms=Terms(authority=authority or None, expires_at=_expiry_of(caller), embeds=Embeds(embeds)),
        limits=Limits.model_validate({name: _number_of(caller, name, most) for name, most in _LIMITS.items()}),
        is_now=bool(caller.field("is_now")),
    )


def _expiry_of(caller: Caller) -> datetime | None:
    text = caller.field("expires")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        raise FormUnusable("the expiry is a day and a time in UTC, such as 2027-01-01T00:00") from None


def _number_of(caller: Caller, name: str, most: int) -> int:
    text = caller.field(name)
    if not text:
        return int(getattr(Limits(), name))
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 1 <= int(text) <= most):
        raise FormUnusable(f"a limit is a whole number from 1 to {most:,}")
    return int(text)
