"""The documents say what the code does: schemas, settings, keys, outcomes, links.

`python tests/test_documents.py` writes the schema files anew after a change of the model.
"""

from __future__ import annotations

import inspect
import json
import re
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import openapi_spec_validator
import pytest
import webhooks_document
from fastapi.routing import APIRoute
from orbweaver.console.web.accounts.throttling import Throttle
from orbweaver.console.web.api.application import all_endpoints, create_api
from orbweaver.console.web.api.token_guard import TokenGuard, right_of
from orbweaver.console.web.console import Console
from orbweaver.console.web.counted_cases import CountedCases
from orbweaver.console.web.rendering import Templates
from orbweaver.matcher_client.lists import build
from orbweaver.matcher_client.server.app import create_app
from orbweaver.matcher_client.server.list_follower import ListFollower
from orbweaver.model import (
    CASE_NAMESPACE,
    SCHEMA_VERSION,
    Case,
    CaseState,
    CaseVerdict,
    Correction,
    Event,
    EventType,
    HttpFacts,
    Outcome,
    VerdictResult,
    case_id_for,
)
from orbweaver.setting_values import read_duration
from orbweaver.settings import RENAMED, Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store
from pydantic import ValidationError

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SCHEMAS = {"case.schema.json": Case, "event.schema.json": Event}

SEEN_AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
URL = "https://files.example/a.jpg"
SAMPLE_CASE = Case(
    case_id=case_id_for(URL, "c" * 64),
    state=CaseState.OPEN,
    url=URL,
    final_url=URL,
    host="files.example",
    ip="203.0.113.7",
    referrer=None,
    report_ids=("R-1",),
    md5="a" * 32,
    sha1="b" * 40,
    sha256="c" * 64,
    size=1,
    content_type="image/jpeg",
    sniffed_type=None,
    verdict=CaseVerdict(
        result=VerdictResult.MATCH,
        algorithm="sha256",
        list="synthetic",
        entry_id=None,
        category=None,
        scheme=None,
        list_version="d" * 64,
    ),
    first_seen=SEEN_AT,
    last_seen=SEEN_AT,
    http=HttpFacts(status=200),
)
SAMPLE_EVENT = Event(
    schema_version=SCHEMA_VERSION,
    event_id=UUID(int=1),
    source=UUID(int=2),
    case_id=SAMPLE_CASE.case_id,
    sequence=1,
    recorded_at=SEEN_AT,
    type=EventType.OPENED,
    at=SEEN_AT,
    case=SAMPLE_CASE,
)


def schema_text(noun: type[Case] | type[Event]) -> str:
    """The schema that is published: what a later release may add is valid by it."""
    schema = open_to_additions(noun.model_json_schema(mode="serialization"))
    named = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:orbweaver:schema:{noun.__name__.lower()}:{SCHEMA_VERSION}",
        **schema,
    }
    return json.dumps(named, indent=2, sort_keys=True) + "\n"


def open_to_additions(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema without "no other field", and with "or another word" wherever the model knows all words."""
    opened: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "additionalProperties" and value is False:
            continue
        if name == "enum":
            opened["anyOf"] = [{"enum": value}, {"pattern": "^[a-z0-9_.-]+$"}]
        elif isinstance(value, dict):
            opened[name] = open_to_additions(value)
        elif isinstance(value, list):
            opened[name] = [open_to_additions(one) if isinstance(one, dict) else one for one in value]
        else:
            opened[name] = value
    return opened


def fields_of(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every field of a schema and of what it is made of, by object and name."""
    objects = {schema["title"]: schema, **schema["$defs"]}
    return {
        f"{title}.{name}": field for title, one in objects.items() for name, field in one.get("properties", {}).items()
    }


def read_schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((DOCS / name).read_text())
    return schema


def rows_of(document: Path) -> dict[str, str]:
    """Table rows by the code in their first cell, as in "| `NAME` | meaning |"."""
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", document.read_text(), flags=re.MULTILINE)
    assert len(rows) == len(dict(rows)), f"{document} explains something twice"
    return dict(rows)


# --- schemas ---


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_file_is_the_models_own(name: str) -> None:
    assert (DOCS / name).read_text() == schema_text(SCHEMAS[name]), "run: python tests/test_documents.py"


@pytest.mark.parametrize(("name", "noun"), [("case.schema.json", SAMPLE_CASE), ("event.schema.json", SAMPLE_EVENT)])
def test_what_we_write_is_valid_by_its_schema(name: str, noun: Case | Event) -> None:
    schema = read_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.validate(json.loads(noun.model_dump_json()), schema)


@pytest.mark.parametrize("change", [{"sha256": "C" * 64}, {"state": "Not A Word"}, {"size": -1}, {"verdict": None}])
def test_what_we_never_write_is_refused_by_the_schema(change: dict[str, object]) -> None:
    wrong = json.loads(SAMPLE_CASE.model_dump_json()) | change

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, read_schema("case.schema.json"))


def test_we_write_no_field_that_the_model_does_not_know() -> None:
    with pytest.raises(ValidationError, match="preview"):
        Case.model_validate_json(json.dumps(json.loads(SAMPLE_CASE.model_dump_json()) | {"preview": "AAAA"}))


def test_a_strict_engine_takes_what_a_later_release_adds_and_what_an_older_one_did_not_have() -> None:
    schema, event = read_schema("event.schema.json"), json.loads(SAMPLE_EVENT.model_dump_json())
    later = json.loads(json.dumps(event))
    later |= {"schema_version": "1.7", "type": "case.removed", "added": {"later": 1}}
    later["case"] |= {"state": "removed", "added": None}
    later["case"]["verdict"] |= {"held_because": ["added_reason"], "algorithm": "sha512", "added": 1}
    older = {name: value for name, value in event.items() if name not in {"schema_version", "source", "recorded_at"}}

    jsonschema.validate(later, schema)
    jsonschema.validate(older, schema)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_says_what_it_is_and_describes_every_field(name: str) -> None:
    schema = read_schema(name)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:orbweaver:schema:{name.partition('.')[0]}:{SCHEMA_VERSION}"
    assert [field for field, said in fields_of(schema).items() if not said.get("description")] == []
    assert "additionalProperties" not in schema


def test_the_engines_document_explains_every_field_of_an_event_and_names_the_schema_version() -> None:
    said = rows_of(DOCS / "takedown-engine.md")

    assert {*Event.model_fields, *Correction.model_fields} <= set(said)
    assert f'"{SCHEMA_VERSION}"' in (DOCS / "takedown-engine.md").read_text()


def test_the_example_of_an_identity_is_right() -> None:
    said = (DOCS / "takedown-engine.md").read_text()

    assert str(CASE_NAMESPACE) in said
    assert f"`{URL}`" in said
    assert str(SAMPLE_CASE.case_id) in said


# --- settings, keys, outcomes ---


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_explained_with_its_default(name: str) -> None:
    row = rows_of(DOCS / "operators.md").get(name.upper())
    assert row is not None, f"docs/operators.md does not explain {name.upper()}"

    default = Settings.model_fields[name].default
    if isinstance(default, str | int | float):
        assert f"`{default}`" in row
    if isinstance(default, timedelta):
        written = re.match(r" `([^`]+)`", row)
        assert written is not None
        assert read_duration(written[1]) == default


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_former_name_of_a_setting_is_explained_with_its_new_one(old: str, new: str) -> None:
    assert rows_of(DOCS / "operators.md")[old.upper()].strip() == f"`{new.upper()}`"
    assert new in Settings.model_fields


def test_no_setting_is_explained_that_does_not_exist() -> None:
    explained = {name for name in rows_of(DOCS / "operators.md") if name.isupper()}

    assert explained <= {name.upper() for name in {*Settings.model_fields, *RENAMED}}


def key_families() -> list[str]:
    """Every key name, with its parameters in braces."""
    return [
        make(*(f"{{{parameter}}}" for parameter in inspect.signature(make).parameters))
        for name, make in inspect.getmembers(keys, inspect.isfunction)
        if not name.startswith("_") and make.__module__ == keys.__name__
    ]


def owner_of(family: str) -> str:
    """The module that a key's constructor names as its owner."""
    (made,) = (
        make
        for _, make in inspect.getmembers(keys, inspect.isfunction)
        if make(*(f"{{{parameter}}}" for parameter in inspect.signature(make).parameters)) == family
    )
    return (inspect.getdoc(made) or "").rpartition("owner ")[2].rstrip(".")


def test_the_store_document_has_a_line_for_every_key_and_no_other() -> None:
    documented = {name for name in rows_of(DOCS / "store.md") if name.startswith(keys.PREFIX)}

    assert documented == set(key_families())


@pytest.mark.parametrize("family", key_families())
def test_a_keys_line_says_type_fields_writer_and_expiry(family: str) -> None:
    cells = [cell.strip() for cell in rows_of(DOCS / "store.md")[family].split("|")]

    assert len(cells) == 4
    assert all(cells)
    for writer in re.findall(r"`(\w+(?:\.\w+)+)`", cells[2]):
        assert ROOT.joinpath(*writer.split(".")).with_suffix(".py").is_file(), writer
    assert f"`{owner_of(family)}`" in cells[2]


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_is_explained_to_analysts(outcome: Outcome) -> None:
    assert outcome.value in rows_of(DOCS / "analysts.md")


# --- links ---

FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
DOCUMENT_NAME = re.compile(r"docs/[\w./-]+\.(?:md|json)")


def documents() -> list[Path]:
    found = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "queue" / "README.md"]
    return sorted(found)


def anchors_of(document: Path) -> set[str]:
    """The anchors that GitHub makes of headings."""
    headings = HEADING.findall(FENCED.sub("", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(FENCED.sub("", document.read_text())):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        led_to = document.parent / path if path else document
        assert led_to.exists(), target
        assert not anchor or anchor in anchors_of(led_to), target


def test_every_document_that_the_code_names_exists() -> None:
    sources = [*ROOT.glob("*.py"), *ROOT.glob("*.toml"), ROOT / "Makefile", *documents()]
    sources += [
        path
        for name in ("console", "crawler", "matcher_client", "model", "queue", "store", "takedown")
        for path in (ROOT / name).rglob("*.py")
    ]

    missing = {
        name for path in sources for name in DOCUMENT_NAME.findall(path.read_text()) if not (ROOT / name).exists()
    }

    assert not missing


def test_every_decision_is_listed_in_their_index() -> None:
    decisions = {path.name for path in (DOCS / "decisions").glob("0*.md")}

    assert decisions == set(LINK.findall((DOCS / "decisions" / "README.md").read_text()))


# --- the batch protocol's OpenAPI document ---

OPENAPI = DOCS / "matcher-openapi.json"
WEBHOOKS = DOCS / "webhooks-openapi.json"
API = DOCS / "api-openapi.json"


def openapi_text() -> str:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "bare.txt"
        source.write_text("0" * 63 + "1")
        build.build([source], Path(folder) / "bare.hashes")
        app = create_app(ListFollower(Path(folder) / "bare.hashes"), token=None)
        return json.dumps(app.openapi(), indent=2, sort_keys=True) + "\n"


def test_the_openapi_document_is_the_codes_own() -> None:
    assert OPENAPI.read_text() == openapi_text(), "run: python tests/test_documents.py"


def test_every_reference_in_the_openapi_document_leads_somewhere() -> None:
    document = json.loads(OPENAPI.read_text())
    references = set(re.findall(r"#/components/schemas/(\w+)", OPENAPI.read_text()))

    assert references == set(document["components"]["schemas"]) >= {"LookupRequest", "LookupAnswer", "AskedDigests"}


# --- the API's OpenAPI document ---


def api_text() -> str:
    """The document of the API; it needs a store only to answer."""
    store = Store()
    api = create_api(
        Console(store, Settings(), Templates(), Throttle(store), CountedCases(store), False), TokenGuard(store)
    )
    return json.dumps(api.openapi(), indent=2, sort_keys=True) + "\n"


def test_the_apis_document_is_the_codes_own_and_valid() -> None:
    assert API.read_text() == api_text(), "run: python tests/test_documents.py"
    openapi_spec_validator.validate(json.loads(API.read_text()))


def test_the_apis_page_names_each_endpoint_with_its_right() -> None:
    said = re.findall(r"^\| `([A-Z]+) ([^`]+)` \| `([^`]+)` \|", (DOCS / "api.md").read_text(), flags=re.MULTILINE)
    store = Store()
    console = Console(store, Settings(), Templates(), Throttle(store), CountedCases(store), False)
    routes = [one for one in all_endpoints(console, TokenGuard(store)).routes if isinstance(one, APIRoute)]
    rights = {(method, one.path): right_of(one.dependant) for one in routes for method in one.methods}

    assert {(method, path): right for method, path, right in said} == {
        place: str(right).replace(" ", "-") for place, right in rights.items()
    }


if __name__ == "__main__":
    API.write_text(api_text())
    for file_name, model in SCHEMAS.items():
        (DOCS / file_name).write_text(schema_text(model))
    OPENAPI.write_text(openapi_text())
    WEBHOOKS.write_text(webhooks_document.document_text(read_schema("event.schema.json")))
