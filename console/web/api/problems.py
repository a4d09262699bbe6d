"""Says what is wrong with a request in one form, problem details (RFC 9457), whatever went wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from traceback import format_tb
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from orbweaver.console import errors
from orbweaver.queue.errors import (
    AuthorityMissing,
    HostKeptBack,
    HostUnknown,
    QueueError,
    ReportsUnreadable,
    TooManyReports,
)
from orbweaver.store.errors import StoreError
from orbweaver.takedown.errors import AuditLogBroken, DecisionRefused, DeliveryUnknown, TakedownError
from pydantic import BaseModel, Field
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

log = logging.getLogger("orbweaver.console")
MEDIA_TYPE: Final = "application/problem+json"
# Whoever comes too early, or while the store is away, is told to come again after so many seconds.
RETRY_SECONDS: Final = 5
MOST_PLACES: Final = 20
_STATUS_OF: Final[Mapping[type[Exception], int]] = {
    errors.NotAllowed: 403,
    errors.NothingThere: 404,
    errors.RequestTooLarge: 413,
    errors.RequestTooSlow: 408,
    errors.FormUnusable: 422,
    HostUnknown: 404,
    HostKeptBack: 409,
    AuthorityMissing: 422,
    ReportsUnreadable: 422,
    TooManyReports: 413,
    QueueError: 409,
    DeliveryUnknown: 404,
    DecisionRefused: 409,
    AuditLogBroken: 503,
    TakedownError: 409,
}


class ProblemPlace(BaseModel):
    """One thing that is wrong with a request."""

    place: str = Field(description="Where: a parameter, or the way to a member of the body, such as `body.reason`.")
    reason: str = Field(description="What is wrong there, in words. The value is not repeated.")


class Problem(BaseModel):
    """A problem in the form of RFC 9457."""

    type: str = Field(default="about:blank", description="`about:blank`: the status says all that can be told apart.")
    title: str = Field(description="The name of the status.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="What is wrong, and what to do, in one line for people.")
    errors: list[ProblemPlace] = Field(default=[], description="The places that are wrong, at most 20.")


def answer(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, places: Sequence[ProblemPlace] = ()
) -> Response:
    """Return a problem as an answer."""
    title = HTTPStatus(status).phrase
    problem = Problem(title=title, status=status, detail=detail, errors=list(places))
    return JSONResponse(problem.model_dump(), status, dict(headers or {}), media_type=MEDIA_TYPE)


def log_fault(method: str, place: str, error: Exception) -> None:
    """Log where in the code a fault came from. Its words are left out: they may quote a case, with URL and digest."""
    log.error("%s %s failed: %s\n%s", method, place, type(error).__name__, "".join(format_tb(error.__traceback__)))


def answer_problems(app: FastAPI) -> None:
    """Have an application answer whatever goes wrong in it by a problem."""

    @app.exception_handler(HTTPException)
    def of_framework(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    def of_values(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = error.errors()
        if any(one["type"] == "json_invalid" for one in found):
            return answer(400, "the body is no JSON")
        places = [_place(one) for one in found[:MOST_PLACES]]
        return answer(422, "; ".join(f"{one.place}: {one.reason}" for one in places[:3]), places=places)

    def of_ours(_request: Request, error: Exception) -> Response:
        status = next(status for kind, status in _STATUS_OF.items() if isinstance(error, kind))
        return answer(status, str(error), headers=_again(status))

    for kind in _STATUS_OF:
        app.exception_handler(kind)(of_ours)

    @app.exception_handler(StoreError)
    @app.exception_handler(RedisError)
    def of_store(_request: Request, error: Exception) -> Response:
        log.warning("the store does not answer: %s", type(error).__name__)  # its words may quote what was written
        return answer(503, "the store does not answer: send it again later", headers=_again(503))

    @app.exception_handler(Exception)
    def of_a_fault(request: Request, error: Exception) -> Response:
        # The path may name a host.
        place = getattr(request.scope.get("route"), "path", "a request")
        log_fault(request.method, place, error)
        return answer(500, "a fault of Orbweaver's own: its log says more")


def _again(status: int) -> Mapping[str, str]:
    return {"Retry-After": str(RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}


def _place(error: Mapping[str, Any]) -> ProblemPlace:
    """Name a place by its numbers and names; what a program made up as a name is cut, and told in printable signs."""
    parts = (str(one) for one in error["loc"] if one != "query" and one != "path")
    named = ".".join("".join(sign if sign.isprintable() else "?" for sign in one[:60]) for one in parts)
    return ProblemPlace(place=named or "body", reason=str(error["msg"]))
