"""Whatever a program sends, the API answers as its document says: no status, kind or form that is not there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from api_site import add_case
from builders import RUN, a_sighting, an_order, transaction
from console_site import serving
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from orbweaver import settings as orbweaver_settings
from orbweaver.console.web.accounts import api_tokens
from orbweaver.console.web.accounts.account import Right
from orbweaver.model import now
from orbweaver.queue.hosts import changes, counting
from orbweaver.queue.records import recrawls, retained
from orbweaver.store.connection import Store
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

# A cursor is any text for the document, and only those that the API gave are read. Of a parameter that comes twice the
# last counts.
NOT_PROMISED = [positive_data_acceptance, negative_data_rejection]
# For each endpoint: so many requests that its document allows, and as many that it does not.
EXAMPLES = int(os.environ.get("API_CHECK_EXAMPLES", "10"))


@pytest.fixture(scope="module")
def known(_server: Store) -> Mapping[str, str]:
    """One of each in the store, and a token that may do all."""
    store = _server
    store.flushall()
    loaded = orbweaver_settings.load()
    add_case(store, "http://h.test/open.jpg")
    held = add_case(store, "http://h.test/held.jpg", "md5", body=b"held")
    changes.enter_all(store, counting.plan_of(loaded), [an_order("h.test")], is_now=False)
    with transaction(store) as pipe:
        retained.keep(pipe, [a_sighting().model_copy(update={"seen_at": now()})])
    return {
        "token": api_tokens.add(store, "check", "a check", set(Right), now() + timedelta(days=1)),
        "case_id": str(held.case_id),
        "event_id": str(held.event_id),
        "host": "h.test",
        "recrawl_id": recrawls.create(store, RUN, an_order()),
    }


@pytest.fixture(scope="module")
def operations(_server: Store, known: Mapping[str, str]) -> Iterator[list[Any]]:
    with serving(_server) as url:
        schema = schemathesis.openapi.from_url(url + "/api/v1/openapi.json")
        yield [one.ok() for one in schema.get_all_operations()]


def test_every_answer_is_in_the_document(operations: list[Any], known: Mapping[str, str]) -> None:
    assert {method for one in operations for method in [one.method.upper()]} == {"GET", "POST"}
    for operation in operations:
        for mode in GenerationMode:
            ask_for(operation, mode, known)


def ask_for(operation: Any, mode: GenerationMode, known: Mapping[str, str]) -> None:
    """Make requests that the document allows, half of them about what is there, or requests that it does not allow."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), st.booleans())
    def ask(case: Any, is_known: bool) -> None:
        if is_known and mode is GenerationMode.POSITIVE:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = known[name]
        case.call_and_validate(excluded_checks=NOT_PROMISED, headers={"Authorization": f"Bearer {known['token']}"})

    ask()
