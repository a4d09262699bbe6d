"""The first page: how hosts, cases, services and workers stand."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of the first page."""
    router = APIRouter()

    @router.get("/")
    def show(request: Request, caller: Caller = guard.may(Right.SEE_OVERVIEW)) -> Response:
        return console.templates.page(request, "overview.html", caller.session)

    return router
