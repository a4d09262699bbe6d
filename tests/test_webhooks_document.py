"""docs/webhooks-openapi.json is valid OpenAPI 3.1, is made of the model, and says what a webhook really is."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import jsonschema
import pytest
from fault_proxy import FaultProxy, says
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError
from orbweaver.model import Correction, Event, EventType, Retraction
from orbweaver.takedown.delivery.sinks.addresses import read_address
from orbweaver.takedown.delivery.sinks.webhook import WebhookSink
from sink_events import an_event
from test_documents import DOCS, WEBHOOKS, read_schema
from webhooks_document import OURS_ALONE, delivered, document_text, name_of

DOCUMENT: dict[str, Any] = json.loads(WEBHOOKS.read_text())


def an_event_of(kind: EventType) -> Event:
    event = an_event()
    correction = Correction(retraction=Retraction.WITHDRAWN, before=event.case.verdict)
    return event.model_copy(update={"type": kind, "correction": correction if kind is EventType.CORRECTED else None})


def validate_as(kind: EventType, event: dict[str, Any]) -> None:
    schema = {"$ref": f"#/components/schemas/{name_of(kind)}", "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(event)


def test_the_document_is_the_models_own() -> None:
    assert WEBHOOKS.read_text() == document_text(read_schema("event.schema.json")), (
        "run: python tests/test_documents.py"
    )


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)
    broken = json.loads(json.dumps(DOCUMENT))
    broken["webhooks"]["case.opened"]["post"]["responses"] = "none"
    with pytest.raises(OpenAPIValidationError):
        validate(broken, cls=OpenAPIV31SpecValidator)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', WEBHOOKS.read_text()))
    assert referred == set(DOCUMENT["components"]["schemas"])


def test_every_kind_of_event_that_is_delivered_has_a_webhook_and_a_row_in_the_document_for_engines() -> None:
    assert set(DOCUMENT["webhooks"]) == {kind.value for kind in EventType if kind not in OURS_ALONE}
    written = (DOCS / "takedown-engine.md").read_text()
    assert [kind.value for kind in EventType if f"`{kind.value}`" not in written] == []


@pytest.mark.parametrize("kind", delivered())
def test_each_kind_of_event_is_valid_by_its_own_schema_alone(kind: EventType) -> None:
    written = json.loads(an_event_of(kind).model_dump_json())
    validate_as(kind, written)
    validate_as(kind, written | {"added": 1, "schema_version": "1.9"})
    for other in delivered():
        if other is not kind:
            with pytest.raises(jsonschema.ValidationError):
                validate_as(other, written)
    for wrong in ({"case": None}, {"event_id": 7}, {"correction": {}}):
        with pytest.raises(jsonschema.ValidationError):
            validate_as(kind, written | wrong)


def test_a_webhook_has_the_headers_and_the_body_that_the_document_says() -> None:
    operation = DOCUMENT["webhooks"]["case.opened"]["post"]
    with FaultProxy() as engine:
        engine.fault = says(204)
        address = read_address(f"webhook+http://127.0.0.1:{engine.port}/")
        with contextlib.closing(WebhookSink(address, lambda: ["whsec_" + "A" * 43, "whsec_" + "B" * 43])) as sink:
            sink.deliver(an_event())
    [request] = engine.requests
    sent = {name.lower(): value for name, value in request.headers.items()}
    for header in operation["parameters"]:
        jsonschema.validate(sent[header["name"]], header["schema"])
    assert [sent["content-type"]] == list(operation["requestBody"]["content"])
    validate_as(EventType.OPENED, json.loads(request.body))
