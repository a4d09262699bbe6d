"""The OpenAPI document of the API: what FastAPI finds in the endpoints, and what holds for all of them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from orbweaver.console.web.api import idempotency
from orbweaver.console.web.api.problems import MEDIA_TYPE, Problem
from pydantic.json_schema import models_json_schema

TITLE: Final = "Orbweaver's API"
VERSION: Final = "1"
PATH: Final = "/api/v1"
DESCRIPTION: Final = """What operators, analysts and other programs ask for and hand in. docs/api.md explains it.

Each request shows a token (`orbweaver users token add`). Times are RFC 3339 in UTC. A later release may add members,
values and endpoints; it takes none away."""
# Where each can come: for every request, for those with a path that names something, for those with a body.
_EVERYWHERE: Final = {
    400: "A value, such as a cursor, cannot be read.",
    401: "No token is shown that is in force.",
    403: "The token does not give the right.",
    422: "A value cannot be used.",
    429: "Too many requests; `Retry-After` says when the next may come.",
    500: "A fault of Orbweaver's own.",
    503: "The store does not answer, or is being counted; `Retry-After` says when to try again.",
}
_NAMED: Final = {404: "There is nothing of this name or id."}
_SENT: Final = {
    408: "The body did not come in time.",
    409: "It cannot be done as things stand, or the first request with this key is under way.",
    413: "The body is too large.",
    415: "The body is of a kind that is not read here.",
}
_KEY: Final = {
    "name": idempotency.HEADER,
    "in": "header",
    "required": False,
    "description": "What is sent again with the same key within a day is done once, and has the first answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": idempotency.KEY_CHARACTERS, "pattern": "^[!-~]+$"},
}
_KNOWN: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of an answer that the program has.",
    "schema": {"type": "string"},
}
_REFERENCE: Final = {"$ref": "#/components/schemas/Problem"}
_TAG: Final = {"ETag": {"description": "Changes with the answer.", "schema": {"type": "string"}}}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the document of an application of the API."""
    document = get_openapi(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": PATH}],
    )
    _, models = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    document["components"]["schemas"].update(models["$defs"])
    document["components"]["responses"] = {
        f"Problem{status}": {"description": words, "content": {MEDIA_TYPE: {"schema": _REFERENCE}}}
        for status, words in sorted((_EVERYWHERE | _NAMED | _SENT).items())
    }
    document["components"]["parameters"] = {"IdempotencyKey": _KEY, "IfNoneMatch": _KNOWN}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe(path, method, operation)
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
    return document


def _describe(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add to an operation what holds for all of its kind."""
    said = _EVERYWHERE | (_NAMED if "{" in path else {}) | (_SENT if method == "post" else {})
    answers = operation["responses"]
    answers |= {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(said)}
    parameters = operation.setdefault("parameters", [])
    if method == "post":
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    else:
        parameters.append({"$ref": "#/components/parameters/IfNoneMatch"})
        answers["200"]["headers"] = _TAG
        answers["304"] = {"description": "The program has this answer.", "headers": _TAG}
