"""The application: every page with its guard, and an answer in plain words for whatever goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from orbweaver.console import errors
from orbweaver.console.web.api import problems
from orbweaver.console.web.api.application import create_api
from orbweaver.console.web.api.description import PATH as API_PATH
from orbweaver.console.web.api.token_guard import TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import READING, AccessGuard
from orbweaver.console.web.monitoring.probes import probes
from orbweaver.console.web.pages import audit, overview, signing_in, statistics, system
from orbweaver.console.web.pages.cases import case_actions, case_exports, case_list, case_page
from orbweaver.console.web.pages.fleet import jobs_and_workers, recrawls
from orbweaver.console.web.pages.hosts import host_changes, host_detail, host_list, report_form
from orbweaver.console.web.protection import Protection
from orbweaver.console.web.translation import to_translate
from orbweaver.store.errors import StoreUnfit
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

log = logging.getLogger("orbweaver.console")
STATIC: Final = Path(__file__).parent / "static"
PAGES: Final = (
    signing_in,
    overview,
    host_list,
    host_detail,
    host_changes,
    case_list,
    case_page,
    case_actions,
    case_exports,
    jobs_and_workers,
    statistics,
    audit,
    system,
    recrawls,
    report_form,
)
_NO_STORE: Final = to_translate("The store does not answer. Nothing was changed by this page; try again.")
_NOT_CONFIRMED: Final = to_translate("The store did not confirm that this is on its disk. Look whether it was done.")
_STATUS_OF: Final[dict[type[Exception], int]] = {
    errors.NotAllowed: 403,
    errors.FormNotOurs: 403,
    errors.FormUnusable: 422,
    errors.NothingThere: 404,
    errors.RequestTooLarge: 413,
    errors.RequestTooSlow: 408,
}
_TITLES: Final = {
    400: to_translate("This cannot be read"),
    403: to_translate("This is not for you"),
    404: to_translate("Nothing is here"),
    405: to_translate("This is done otherwise"),
    408: to_translate("This took too long"),
    413: to_translate("This is too large"),
    422: to_translate("This cannot be used"),
    503: to_translate("The store does not answer"),
}


def create_app(console: Console, *, hosts: Collection[str]) -> ASGIApp:
    """Return the ASGI application of the console; it answers requests that name one of `hosts`."""
    app = FastAPI(title="Orbweaver's console", docs_url=None, redoc_url=None, openapi_url=None)
    guard = AccessGuard(console)
    for module in PAGES:
        app.include_router(module.pages(console, guard))
    tokens = TokenGuard(console.store)
    app.include_router(probes(console, tokens))
    app.mount(API_PATH, create_api(console, tokens), name="api")
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _answer_errors(app, console, guard)
    # Around it, because the framework answers a fault outside of all that is added to it.
    return Protection(app, hosts=hosts, is_encrypted=console.is_encrypted)


def _answer_errors(app: FastAPI, console: Console, guard: AccessGuard) -> None:
    def page(request: Request, status: int, reason: str) -> Response:
        if request.url.path.startswith(API_PATH):  # a path with a line end in it does not come as far as the API
            return problems.answer(status, reason)
        try:
            session = guard.session_of(request)
        except RedisError:
            session = None
        title = _TITLES.get(status, to_translate("This did not work"))
        return console.templates.page(request, "error.html", session, status, title=title, reason=reason)

    @app.exception_handler(errors.NotSignedIn)
    def to_sign_in(request: Request, _error: Exception) -> Response:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        leads_back = request.method in READING and wanted != "/"
        return RedirectResponse(signing_in.PATH + (f"?next={quote(wanted, safe='')}" if leads_back else ""), 303)

    @app.exception_handler(errors.PageRefused)
    def of_page(request: Request, error: Exception) -> Response:
        return page(request, _STATUS_OF[type(error)], str(error))

    @app.exception_handler(HTTPException)
    def of_framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return page(request, error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    def of_parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        fields = sorted({str(one["loc"][-1]) for one in error.errors()})
        return page(request, 400, f"a value cannot be read: {', '.join(fields)}")

    @app.exception_handler(RedisError)
    def of_store(request: Request, error: Exception) -> Response:
        log.warning("the store does not answer: %s", type(error).__name__)  # its words may quote what was written
        return page(request, 503, _NO_STORE)

    @app.exception_handler(StoreUnfit)
    def of_disk(request: Request, error: Exception) -> Response:
        log.error("the store does not confirm a write: %s", error)
        return page(request, 503, _NOT_CONFIRMED)

    @app.exception_handler(Exception)
    def of_ours(request: Request, error: Exception) -> Response:
        problems.log_fault(request.method, request.url.path, error)
        return page(request, 500, to_translate("A fault of Orbweaver's own. Its log says more."))
