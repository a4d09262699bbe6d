"""Makes docs/webhooks-openapi.json from the model: OpenAPI 3.1 for the webhooks that an engine receives.

`python tests/test_documents.py` writes it.
"""

from __future__ import annotations

import json
from typing import Any

from orbweaver.model import SCHEMA_VERSION, EventType
from orbweaver.takedown.cases.changes import OURS_ALONE
from orbweaver.takedown.cases.lifecycle import TRANSITIONS

SUMMARIES = {
    EventType.OPENED: "The evidence has no doubts, or a person decided: act",
    EventType.SEEN_LIVE: "The file is still there: a reminder",
    EventType.MOVED: "The file is hosted elsewhere: another provider, country or host",
    EventType.REMOVED: "The file was confirmed to be gone; Orbweaver goes on looking for it",
    EventType.REOPENED: "The file is there again: act",
    EventType.CLOSED: "The file stayed away, and nobody looks for it any more",
    EventType.CORRECTED: "The evidence was taken back: stop, and inform those whom you told",
    EventType.RELEASED: "A person decided that the case is to be opened; case.opened follows",
    EventType.WITHDRAWN: "A person refused the case; case.corrected came before it",
}
_HEADERS = {
    "webhook-id": ("The event_id: the same when the event is delivered again.", {"type": "string", "format": "uuid"}),
    "webhook-timestamp": (
        "When this request was signed, in seconds since 1970.",
        {"type": "string", "pattern": "^[0-9]+$"},
    ),
    "webhook-signature": (
        "By Standard Webhooks: one signature with each secret that is valid, with a blank between them. It covers the "
        "id, the timestamp and the body.",
        {"type": "string", "pattern": "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$"},
    ),
}
_AGAIN = "Not taken, and delivered again later. Retry-After is kept, up to 15 minutes at once."
_ANSWERS = {
    "2XX": {"description": "Taken. The body is not read. Answer it only when the event is on your disk."},
    "410": {"description": "Gone: you want no more events here. An operator of Orbweaver has to look."},
    "429": {"description": _AGAIN},
    "4XX": {"description": "You refuse this event; it is delivered again later. A redirect (3XX) is not followed."},
    "5XX": {"description": _AGAIN},
}


def name_of(kind: EventType) -> str:
    """The name of the schema of a kind of event: CaseOpened for case.opened."""
    return "".join(word.capitalize() for word in kind.value.replace(".", "_").split("_"))


def delivered() -> tuple[EventType, ...]:
    """The kinds of events that an engine gets."""
    return tuple(kind for kind in EventType if kind not in OURS_ALONE)


def schema_of(kind: EventType) -> dict[str, Any]:
    """The schema of one kind of event: that of every event, and what is true of this kind alone."""
    states = sorted({state.value for (_, one), state in TRANSITIONS.items() if one is kind})
    is_correction = kind is EventType.CORRECTED
    correction = {"$ref": "#/components/schemas/Correction"} if is_correction else {"type": "null"}
    return {
        "description": f"{SUMMARIES[kind]}. The state of the case is then {' or '.join(states)}.",
        "allOf": [{"$ref": "#/components/schemas/Event"}],
        "properties": {"type": {"const": kind.value}, "correction": correction},
        "required": ["type", *(["correction"] if is_correction else [])],
    }


def document(event_schema: dict[str, Any]) -> dict[str, Any]:
    """Return the document; `event_schema` is that of docs/event.schema.json."""
    schemas = {**event_schema["$defs"], "Event": {k: v for k, v in event_schema.items() if k[0] != "$"}}
    schemas |= {name_of(kind): schema_of(kind) for kind in delivered()}
    made = {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Webhooks of Orbweaver",
            "version": SCHEMA_VERSION,
            "description": "What a takedown engine receives from a sink `webhook+https://`: docs/takedown-engine.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "webhooks": {kind.value: {"post": _operation(kind)} for kind in delivered()},
        "components": {"schemas": schemas},
    }
    moved = json.dumps(made).replace('"#/$defs/', '"#/components/schemas/')
    return dict(json.loads(moved))


def document_text(event_schema: dict[str, Any]) -> str:
    """The document as it is written."""
    return json.dumps(document(event_schema), indent=2, sort_keys=True) + "\n"


def _operation(kind: EventType) -> dict[str, Any]:
    body = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name_of(kind)}"}}}
    headers = [
        {"name": name, "in": "header", "required": True, "description": said, "schema": schema}
        for name, (said, schema) in _HEADERS.items()
    ]
    return {
        "operationId": f"take{name_of(kind)}",
        "summary": SUMMARIES[kind],
        "parameters": headers,
        "requestBody": {"required": True, "content": body},
        "responses": _ANSWERS,
    }
