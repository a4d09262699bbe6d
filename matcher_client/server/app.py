"""The reference server of Orbweaver's own batch protocol: a built hash list over HTTP, for a hotline's workers.

All use of the list is in the event loop's thread, between two awaits. Only a new list is verified in another thread.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.server.list_follower import ListFollower
from orbweaver.matcher_client.services.local_list import ListAnswers
from orbweaver.matcher_client.services.orbweaver_protocol import (
    HEALTH_PATH,
    LISTS_PATH,
    LOOKUP_PATH,
    AskedDigests,
    DigestsAnswer,
    FoundListing,
    HealthAnswer,
    ListsAnswer,
    ListState,
    LookupAnswer,
    LookupRequest,
    Refusal,
)
from orbweaver.matcher_client.verdicts import abridge
from orbweaver.model import Listing
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# 1,000 digest sets take 200 KB; the rest is room for white space.
BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30.0
_FIELDS = {*LookupRequest.model_fields, *AskedDigests.model_fields}

log = logging.getLogger("orbweaver.matcher_server")
router = APIRouter()
_bearer = HTTPBearer(auto_error=False, description="the token that the server was started with, if it has one")


def create_app(follower: ListFollower, *, token: str | None) -> FastAPI:
    """Return the ASGI application that answers from the followed list, to clients that show the token."""
    app = FastAPI(
        title="Orbweaver's batch protocol for hash matching",
        version="1",
        lifespan=_follow_while_serving,
        docs_url=None,  # it would load scripts from other hosts
        redoc_url=None,
    )
    app.state.follower = follower
    app.state.token = token
    app.include_router(router, dependencies=[Depends(_check_token)])
    app.add_exception_handler(Unavailable, _say_unavailable)
    app.add_middleware(_AccessLog)
    app.openapi = lambda: openapi_document(app)  # type: ignore[method-assign]
    return app


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the model of the request body, which `_read_request` reads without FastAPI."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    _, models = models_json_schema([(LookupRequest, "validation")], ref_template="#/components/schemas/{model}")
    document["components"]["schemas"].update(models["$defs"])
    return document


async def _check_token(
    request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    token: str | None = request.app.state.token
    if token is None:
        return
    # A header is bytes, which the framework decodes as Latin-1.
    if shown is None or not hmac.compare_digest(shown.credentials.encode("latin-1"), token.encode()):
        raise HTTPException(401, "show the token: Authorization: Bearer ...", {"WWW-Authenticate": "Bearer"})


async def _read_request(request: Request) -> LookupRequest:
    """Read the question, within bounds; an error says what is wrong with it, without quoting it."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES:
                    raise HTTPException(413, f"a question may have at most {BODY_BYTES:,} bytes")
    except TimeoutError:
        raise HTTPException(408, f"the question did not arrive within {BODY_SECONDS:.0f} s") from None
    try:
        return LookupRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # An unknown field may have any name, so it is not shown.
        place = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in _FIELDS)
        raise HTTPException(422, f"{place or 'the question'}: {first['msg']}") from None


_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Refusal, "description": "The token is missing or wrong."},
    503: {"model": Refusal, "description": "There is no list to answer from; ask again later."},
}


@router.post(
    LOOKUP_PATH,
    summary="Say which of up to 1,000 digest sets are listed",
    response_model=LookupAnswer,
    responses={
        **_REFUSALS,
        408: {"model": Refusal, "description": "The question came too slowly."},
        413: {"model": Refusal, "description": "The question is too large."},
        422: {"model": Refusal, "description": "The question cannot be read."},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/LookupRequest"}}},
        }
    },
)
async def lookup(request: Request, asked: Annotated[LookupRequest, Depends(_read_request)]) -> Response:
    """Answer about every digest set, in order, from one state of the list; or about none, with status 503."""
    request.scope["digest_sets"] = len(asked.digest_sets)
    hash_list = request.app.state.follower.current()
    answers = ListAnswers(hash_list, "")
    return _response_of(
        LookupAnswer(
            list_version=hash_list.list_version,
            built_to=hash_list.built_at,
            answers=[
                _answer(digests, listings)
                for digests, listings in zip(asked.digest_sets, answers.find(asked.digest_sets), strict=True)
            ],
        )
    )


@router.get(LISTS_PATH, summary="Say which lists a lookup asks", response_model=ListsAnswer, responses=_REFUSALS)
async def lists(request: Request) -> Response:
    """Answer with the name, version, time and number of entries of the list."""
    hash_list = request.app.state.follower.current()
    state = ListState(
        name=hash_list.path.name,
        list_version=hash_list.list_version,
        built_to=hash_list.built_at,
        entries=hash_list.entry_count,
    )
    return _response_of(ListsAnswer(lists=[state]))


@router.get(
    HEALTH_PATH,
    summary="Say whether a lookup would be answered",
    response_model=HealthAnswer,
    responses={401: _REFUSALS[401], 503: {"model": HealthAnswer, "description": "It would not, and why."}},
)
async def health(request: Request) -> Response:
    """Answer 200 when a lookup would be answered now, else 503."""
    try:
        hash_list = request.app.state.follower.current()
    except Unavailable as error:
        return _response_of(HealthAnswer(is_healthy=False, reason=str(error)), 503)
    return _response_of(
        HealthAnswer(
            is_healthy=True,
            list_version=hash_list.list_version,
            built_to=hash_list.built_at,
            entries=hash_list.entry_count,
        )
    )


def _answer(digests: AskedDigests, listings: Sequence[Listing]) -> DigestsAnswer:
    return DigestsAnswer(
        md5=digests.md5,
        sha1=digests.sha1,
        sha256=digests.sha256,
        size=digests.size,
        listings=tuple(map(FoundListing.of, abridge(listings, digests.size))),
    )


def _response_of(answer: BaseModel, status: int = 200) -> Response:
    return Response(answer.model_dump_json(exclude_none=True), status, media_type="application/json")


async def _say_unavailable(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 503)


@asynccontextmanager
async def _follow_while_serving(app: FastAPI) -> AsyncIterator[None]:
    following = asyncio.create_task(app.state.follower.follow())
    yield
    following.cancel()
    app.state.follower.close()


class _AccessLog:
    """Logs one line a request, without its query and without an unknown path: both may hold a digest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            path = scope["path"] if scope["path"] in {LOOKUP_PATH, LISTS_PATH, HEALTH_PATH} else "(another path)"
            log.info(
                "%s %s %s %d, %d digest sets, %.1f ms",
                (scope.get("client") or ("-",))[0],
                scope["method"],
                path,
                status,
                scope.get("digest_sets", 0),
                (time.perf_counter() - began) * 1000,
            )
