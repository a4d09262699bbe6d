"""The application of the API, beside that of the pages: other callers, other answers, and nothing that it shares."""

from __future__ import annotations

from functools import cache
from typing import Final

from fastapi import APIRouter, FastAPI
from orbweaver.console.web.api import description, exchange, problems
from orbweaver.console.web.api.endpoints import (
    assessments,
    cases,
    events,
    health,
    hosts,
    recrawls,
    reports,
    sightings,
    statistics,
)
from orbweaver.console.web.api.token_guard import TokenGuard
from orbweaver.console.web.console import Console

ENDPOINTS: Final = (health, cases, events, assessments, sightings, hosts, recrawls, reports, statistics)


def create_api(console: Console, guard: TokenGuard) -> FastAPI:
    """Return the ASGI application of the API, which stands at `description.PATH`."""
    app = FastAPI(
        title=description.TITLE,
        version=description.VERSION,
        docs_url=None,  # it would load scripts from other hosts
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.include_router(all_endpoints(console, guard))
    problems.answer_problems(app)
    # Made once: it takes a fifth of a second, and whoever comes may ask for it.
    app.openapi = cache(lambda: description.openapi_document(app))  # type: ignore[method-assign]
    return app


def all_endpoints(console: Console, guard: TokenGuard) -> APIRouter:
    """Return the routes of the API, each with the right that it asks for."""
    router = APIRouter(route_class=exchange.route_class(console.store, guard))
    for module in ENDPOINTS:
        module.endpoints(console, guard, router)
    return router
