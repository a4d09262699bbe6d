"""Whether the console lives and can answer, for whoever asks; and the metrics, for a program with a token."""

from __future__ import annotations

import logging
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api import problems
from orbweaver.console.web.api.token_guard import TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.console.web.monitoring.collecting import StoreCollector
from prometheus_client import CollectorRegistry, exposition
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

METRICS_RIGHT: Final = Right.SEE_FLEET
log = logging.getLogger("orbweaver.console")


def probes(console: Console, guard: TokenGuard) -> APIRouter:
    """Return the routes: /healthz and /readyz say one word and nothing of what is in the store."""
    router = APIRouter()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector(console.store, console.settings))

    @router.get("/healthz")
    def is_alive() -> Response:
        return PlainTextResponse("alive\n")

    @router.get("/readyz")
    def is_ready() -> Response:
        try:
            console.store.ping()
        except RedisError as error:
            log.warning("the store does not answer: %s", type(error).__name__)
            return PlainTextResponse("the store does not answer\n", 503)
        return PlainTextResponse("ready\n")

    @router.get("/metrics")
    def tell_metrics(request: Request) -> Response:
        try:
            guard.admit(request, METRICS_RIGHT)
        except HTTPException as refused:
            return problems.answer(refused.status_code, refused.detail, headers=refused.headers)
        body, headers = exposition.choose_encoder(request.headers.get("accept", ""))
        return Response(body(registry), headers={"Content-Type": headers})

    return router
