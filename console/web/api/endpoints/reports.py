"""Reports in: one as a report form sends it, many, or a file. The answer says of each line what became of it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from orbweaver.console import access
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api import problems
from orbweaver.console.web.api.problems import ProblemPlace
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.model import ScopeKind
from orbweaver.queue.hosts import changes, counting
from orbweaver.queue.hosts.changes import Entered
from orbweaver.queue.intake import handing_in
from orbweaver.queue.intake.handing_in import HandedIn
from orbweaver.queue.intake.orders import Terms
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

# A host is entered in about a millisecond; nobody's request should take a minute.
MOST_REPORTS: Final = 10_000
FILE_KINDS: Final = (
    "text/csv",
    "text/plain",
    "text/tab-separated-values",
    "application/x-ndjson",
    "application/jsonl",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.ms-excel",
    "application/octet-stream",
)
_TEXT: Final = {"type": "string"}
_ONE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["url"],
    "description": "Other members are not read, and the answer names them.",
    "properties": {
        "url": {
            "anyOf": [_TEXT, {"type": "array", "items": _TEXT}],
            "description": "The URL as it was reported, also defanged, or a text with URLs in it.",
        },
        "report_id": {**_TEXT, "description": "The hotline's own number of the report."},
        "received_at": {**_TEXT, "format": "date-time", "description": "When the hotline received it."},
        "source": {**_TEXT, "description": "Where it came from."},
        "classification": {**_TEXT, "description": "What the reporter or an analyst called it."},
        "referrer": {**_TEXT, "description": "The page that leads to the URL."},
        "user_agent": {**_TEXT, "description": "The browser of the reporter."},
        "accept_language": {**_TEXT, "description": "The languages of that browser."},
        "cookies": {**_TEXT, "description": "The value of a Cookie header without which the URL shows something else."},
    },
}
_MANY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["reports"],
    "properties": {"reports": {"type": "array", "minItems": 1, "maxItems": MOST_REPORTS, "items": _ONE}},
}


class HandedInLine(BaseModel):
    """The outcome of one line of a file, or of one report of several."""

    line: int = Field(description="Counted from 1.")
    reports: int = Field(description="How many reports it has; 0: none was taken of it.")
    hosts: list[str] = Field(description="The hosts, or sites, that they are for.")
    refused_because: list[str] = Field(description="What of it could not be read, and why.")
    notes: list[str] = Field(description="What was left out of reports that were taken.")


class HandedInHost(BaseModel):
    """A host of the reports."""

    host: str
    is_new: bool = Field(description="Whether it was not revisited before.")
    new_reports: int = Field(description="Reports that it had not.")
    kept_back: str | None = Field(description="Why it is not visited all the same; null: it is.")


class HandedInReports(BaseModel):
    """The outcome of reports that were sent."""

    reports: int = Field(description="How many were taken.")
    refused: int = Field(description="Lines of which something could not be read.")
    hosts: list[HandedInHost]
    lines: list[HandedInLine] = Field(description="Every line with a report, or that should be one.")
    notes: list[str] = Field(description="Remarks on the whole, such as columns that are not read.")


def _read_terms(
    scope: Annotated[ScopeKind, Query(description="How far from a reported URL to go.")] = ScopeKind.HOST,
    authority: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Who allowed the recrawls.")
    ] = None,
    expires_at: Annotated[datetime | None, Query(description="Nothing is fetched after it.")] = None,
    is_now: Annotated[bool, Query(description="Also ask for a visit of each host now.")] = False,
) -> tuple[ScopeKind, Terms, bool]:
    """Read how the reports are to be recrawled: scope, terms, and whether now. Raises HTTPException."""
    if authority is not None and (not authority.strip() or not authority.isprintable()):
        raise HTTPException(422, "authority: a name, in printable characters")
    try:
        return scope, Terms(authority=authority, expires_at=expires_at), is_now
    except ValueError:
        raise HTTPException(422, "expires_at: the time has no UTC") from None


Agreed = Annotated[tuple[ScopeKind, Terms, bool], Depends(_read_terms)]


def endpoints(console: Console, guard: TokenGuard, router: APIRouter) -> None:
    """Add the endpoints to a router."""
    store = console.store

    @router.post(
        "/reports",
        summary="Hand in one report",
        response_model=HandedInReports,
        openapi_extra=_body({"application/json": _ONE}),
    )
    async def hand_in(request: Request, agreed: Agreed, caller: ApiCaller = guard.may(Right.SEND_REPORTS)) -> Any:
        """Take one report, as a report form has it. Its host is entered, or strengthened, and visited by itself."""
        one = _object_of(await request.body())
        return await run_in_threadpool(take, caller, handing_in.lines_of([one]), agreed, "the report")

    @router.post(
        "/reports/batch",
        summary="Hand in many reports",
        response_model=HandedInReports,
        openapi_extra=_body({"application/json": _MANY}),
    )
    async def hand_in_many(request: Request, agreed: Agreed, caller: ApiCaller = guard.may(Right.SEND_REPORTS)) -> Any:
        """Take many reports; the n-th is line n of the answer."""
        many = _object_of(await request.body()).get("reports")
        if not isinstance(many, list) or not many or not all(isinstance(one, dict) for one in many):
            raise HTTPException(422, "reports: give a list of objects, each with a url")
        return await run_in_threadpool(take, caller, handing_in.lines_of(many), agreed, "the reports")

    @router.post(
        "/reports/file",
        summary="Hand in a file of reports",
        response_model=HandedInReports,
        openapi_extra=_body({kind: {"type": "string", "format": "binary"} for kind in FILE_KINDS}),
    )
    async def hand_in_file(
        request: Request,
        agreed: Agreed,
        encoding: Annotated[
            str | None, Query(max_length=40, description="The encoding of a text that is not UTF-8 or UTF-16.")
        ] = None,
        caller: ApiCaller = guard.may(Right.SEND_REPORTS),
    ) -> Any:
        """Take a file: CSV, SCARt's import CSV, JSON Lines, lines of text, or a spreadsheet, told by its content."""
        return await run_in_threadpool(take, caller, io.BytesIO(await request.body()), agreed, "the file", encoding)

    def take(
        caller: ApiCaller,
        stream: io.BytesIO,
        agreed: tuple[ScopeKind, Terms, bool],
        name: str,
        encoding: str | None = None,
    ) -> Any:
        kind, agreed_terms, is_now = agreed
        handed_in = handing_in.read(stream, kind, agreed_terms, name=name, most=MOST_REPORTS, encoding=encoding)
        if not handed_in.orders:
            return _nothing_taken(handed_in)
        for order in handed_in.orders:
            changes.require_authority(order, is_required=console.settings.authority_required)
        entered = changes.enter_all(store, counting.plan_of(console.settings), handed_in.orders, is_now=is_now)
        access.note(store, caller.actor, f"api reports ({handed_in.reports} for {len(entered)} hosts)")
        return _answer(handed_in, entered)


def _body(kinds: dict[str, dict[str, Any]]) -> dict[str, Any]:
    content = {kind: {"schema": schema} for kind, schema in kinds.items()}
    return {"requestBody": {"required": True, "content": content}}


def _object_of(body: bytes) -> dict[str, Any]:
    """Return a body as an object; the reader of reports says what is wrong inside it. Raises HTTPException."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is no JSON") from None
    if not isinstance(value, dict):
        raise HTTPException(422, "the body: give an object")
    return value


def _answer(handed_in: HandedIn, entered: Sequence[Entered]) -> HandedInReports:
    return HandedInReports(
        reports=handed_in.reports,
        refused=sum(bool(line.refused_because) for line in handed_in.lines),
        hosts=[
            HandedInHost(host=one.name, is_new=one.is_new, new_reports=one.new_reports, kept_back=one.kept_back)
            for one in entered
        ],
        lines=[HandedInLine.model_validate(line, from_attributes=True) for line in handed_in.lines],
        notes=list(handed_in.notes),
    )


def _nothing_taken(handed_in: HandedIn) -> Response:
    places = [
        ProblemPlace(place=f"line {line.line}", reason=reason)
        for line in handed_in.lines
        for reason in line.refused_because
    ]
    return problems.answer(422, "no report could be read: nothing was changed", places=places[: problems.MOST_PLACES])
