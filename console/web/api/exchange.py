"""One request and its answer: who sends it, how large and of which kind its body is, whether it was sent before.

The order is that of what it costs: a program without a right has no body of its read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from fastapi.responses import Response
from fastapi.routing import APIRoute
from orbweaver.console.errors import RequestTooLarge, RequestTooSlow
from orbweaver.console.web.api import idempotency
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard, right_of
from orbweaver.console.web.protection import MOST_BODY_BYTES
from orbweaver.store.connection import Store
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

# What is no file: a thousand of the largest reports fit in.
MOST_JSON_BYTES: Final = 4 * 1024 * 1024
JSON: Final = "application/json"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def route_class(store: Store, guard: TokenGuard) -> type[APIRoute]:
    """Return the class of the routes of the API, each of which asks for one right."""

    class ApiRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handler, right = super().get_route_handler(), right_of(self.dependant)
            if right is None:
                raise ValueError(f"{self.path} asks for no right")
            described = (self.openapi_extra or {}).get("requestBody", {}).get("content")
            kinds = frozenset(described or ([JSON] if self.body_field else []))
            parameters = _parameters_of(self.dependant)
            most = MOST_BODY_BYTES if kinds - {JSON} else MOST_JSON_BYTES

            async def exchange(request: Request) -> Response:
                caller = await run_in_threadpool(guard.admit, request, right)
                request.state.api_caller = caller
                _require_known(request, parameters)
                if request.method == "GET":
                    return _unless_known(request, await handler(request))
                _require_kind(request, kinds)
                bounded = Request(request.scope, _bounded(request.receive, most))
                return await _once(store, bounded, caller, handler)

            return exchange

    return ApiRoute


def _unless_known(request: Request, answer: Response) -> Response:
    """Return an answer with its entity tag, or that nothing has changed (RFC 9110, 13.1.2)."""
    tag = f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers={"ETag": tag})
    answer.headers["ETag"] = tag
    return answer


def _parameters_of(dependant: Dependant) -> frozenset[str]:
    """Return the names of the parameters that an endpoint reads of the query, by itself and by what it depends on."""
    own = frozenset(one.alias for one in dependant.query_params)
    return own.union(*map(_parameters_of, dependant.dependencies))


def _require_known(request: Request, parameters: frozenset[str]) -> None:
    """Refuse a parameter that is not read: a filter that is misspelt would give all. Raises HTTPException with 422."""
    if not parameters.issuperset(request.query_params):
        raise HTTPException(422, f"the query has a parameter that is not read here; known: {_words(parameters)}")


def _words(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _require_kind(request: Request, kinds: frozenset[str]) -> None:
    """Refuse a body of another kind than the endpoint reads; raises HTTPException with 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"
    if has_body and kinds and kind not in kinds:
        raise HTTPException(415, f"send it as {' or '.join(sorted(kinds))}", {"Accept-Post": ", ".join(sorted(kinds))})


def _bounded(receive: Receive, most: int) -> Receive:
    counted = 0

    async def receive_bounded() -> Message:
        nonlocal counted
        try:
            message = await receive()
        except RequestTooLarge as error:
            raise HTTPException(413, str(error)) from None
        except RequestTooSlow as error:
            raise HTTPException(408, str(error)) from None
        counted += len(message.get("body", b""))
        if counted > most:
            raise HTTPException(413, f"a request to this place has at most {most // 1024 // 1024} MiB")
        return message

    return receive_bounded


async def _once(store: Store, request: Request, caller: ApiCaller, handler: Handler) -> Response:
    """Handle a request, once for each key that it may have."""
    body = await request.body()
    key = request.headers.get(idempotency.HEADER)
    if key is None:
        return await handler(request)
    keyed = idempotency.keyed(
        caller.token,
        key,
        target=f"{request.method} {request.url.path}?{request.url.query}",
        content_type=request.headers.get("content-type", ""),
        body=body,
    )
    known = await run_in_threadpool(idempotency.begin, store, keyed)
    if known is not None:
        return known
    try:
        answer = await handler(request)
    except BaseException:
        await run_in_threadpool(idempotency.release, store, keyed)
        raise
    if answer.status_code < HTTPStatus.BAD_REQUEST:
        await run_in_threadpool(idempotency.keep, store, keyed, answer)
    else:
        await run_in_threadpool(idempotency.release, store, keyed)
    return answer
