"""Every request of the API is of a known size, from a known program, and done once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from api_site import PATIENCE, Program, a_program, add_case
from console_site import Browser, an_account, serving
from fastapi.routing import APIRoute
from orbweaver import settings
from orbweaver.console.web.accounts import api_tokens
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.accounts.throttling import Throttle
from orbweaver.console.web.api import exchange, idempotency
from orbweaver.console.web.api.application import ENDPOINTS, all_endpoints
from orbweaver.console.web.api.paging import write_cursor
from orbweaver.console.web.api.token_guard import TokenGuard, right_of
from orbweaver.console.web.console import Console
from orbweaver.console.web.counted_cases import CountedCases
from orbweaver.console.web.rendering import Templates
from orbweaver.model import Role
from orbweaver.store import keys
from orbweaver.store.connection import Store
from starlette.requests import Request


class Endpoint(NamedTuple):
    method: str
    path: str
    right: Right


@pytest.fixture(scope="module")
def url(_server: Store) -> Iterator[str]:
    with serving(_server) as url:
        yield url


@pytest.fixture
def endpoints(store: Store) -> list[Endpoint]:
    console = Console(store, settings.load(), Templates(), Throttle(store), CountedCases(store), False)
    found = []
    for route in all_endpoints(console, TokenGuard(store)).routes:
        if isinstance(route, APIRoute):
            right = right_of(route.dependant)
            assert right is not None, route.path
            found += [Endpoint(method, route.path, right) for method in sorted(route.methods)]
    assert len(found) > len(ENDPOINTS)
    return found


def filled(path: str) -> str:
    return "".join("1" if "}" in part else part for part in path.replace("{", "}{").split("}"))


def test_nobody_without_a_token_and_no_session_of_a_browser_gets_anything(
    store: Store, url: str, endpoints: list[Endpoint]
) -> None:
    an_account(store, *Role)
    with Browser(url) as browser, Program(url, None) as nobody, Program(url, "orbweaver_" + "x" * 43) as guessing:
        browser.sign_in("anna")
        for session in (browser.session, nobody.session, guessing.session):
            for one in endpoints:
                answer = session.request(one.method, nobody.url + filled(one.path), timeout=PATIENCE)
                assert (one, answer.status_code) == (one, 401)
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_token_gives_its_rights_and_no_other(store: Store, url: str, endpoints: list[Endpoint]) -> None:
    for right in Right:
        with a_program(store, url, right, name=right.value.replace(" ", "-")) as program:
            for one in endpoints:
                if one.right is not right:
                    answer = program.session.request(one.method, program.url + filled(one.path), timeout=PATIENCE)
                    assert (one, right, answer.status_code) == (one, right, 403)


def test_whatever_is_wrong_is_told_as_a_problem(store: Store, url: str) -> None:
    with a_program(store, url, Right.SEE_CASES, Right.DECIDE_CASES, Right.SEND_REPORTS) as program:
        assert program.ask("/nothing", 404)["title"] == "Not Found"
        assert program.send("/cases", 405)["status"] == 405
        assert "cursor" in program.ask("/cases?cursor=eA", 400)["detail"]
        for cursor in ("WzFlOTk5LCAieCJd", "W05hTiwgIngiXQ", "WzEuMCwgIlx1ZDgwMCJd", b"\xff", "WzEuMF0"):
            program.ask("/cases", 400, params={"cursor": cursor})
        for cursor in (write_cursor(10**400), write_cursor(-(2**60))):
            program.ask("/events", 400, params={"cursor": cursor})
        for cursor in (write_cursor(1e300, "x"),):
            program.ask("/cases", 400, params={"cursor": cursor})
        wrong = program.ask("/cases?limit=0&state=gone", 422)
        assert {one["place"] for one in wrong["errors"]} == {"limit", "state"}
        assert "known: cursor, host, limit, since, state" in program.ask("/cases?sate=open", 422)["detail"]
        assert program.send("/assessments", 400, data="{", headers={"Content-Type": "application/json"})
        assert program.send("/assessments", 422, json={"reason": " "})["errors"][0]["place"] == "body.case_id"
        assert (
            "application/json"
            in program.send("/assessments", 415, data="a=b", headers={"Content-Type": "text/csv"})["detail"]
        )
        large = b"[" + b" " * exchange.MOST_JSON_BYTES
        said = program.send("/assessments", 413, data=large, headers={"Content-Type": "application/json"})
        assert "at most 4 MiB" in said["detail"]
        in_pieces = program.send("/assessments", 413, data=iter([large]), headers={"Content-Type": "application/json"})
        assert in_pieces["status"] == 413


def test_an_answer_that_a_program_has_is_not_sent_again(store: Store, url: str) -> None:
    event = add_case(store, "http://h.test/a.jpg")
    with a_program(store, url, Right.SEE_CASES) as program:
        path = f"{program.url}/cases/{event.case_id}"
        tag = program.session.get(path, timeout=PATIENCE).headers["ETag"]
        for shown, status in ((tag, 304), (f'"x", W/{tag}', 304), ("*", 304), ('"x"', 200)):
            answer = program.session.get(path, headers={"If-None-Match": shown}, timeout=PATIENCE)
            assert (shown, answer.status_code, answer.headers["ETag"]) == (shown, status, tag)
            assert bool(answer.content) == (status == 200)


def test_what_is_sent_again_with_its_key_is_done_once(store: Store, url: str) -> None:
    event = add_case(store, "http://h.test/a.jpg")
    path, key = f"/events/{event.event_id}/acknowledgement", {idempotency.HEADER: "k-1"}
    with (
        a_program(store, url, Right.ACKNOWLEDGE) as program,
        a_program(store, url, Right.ACKNOWLEDGE, name="other") as other,
    ):
        first = program.send(path, json={"reason": "taken"}, headers=key)
        assert first["is_new"]
        again = program.session.post(program.url + path, json={"reason": "taken"}, headers=key, timeout=PATIENCE)
        assert (again.json(), again.headers["Idempotency-Replayed"]) == (first, "true")
        assert not program.send(path, json={"reason": "taken"})["is_new"]
        program.send(path, 422, json={"reason": "otherwise"}, headers=key)
        assert not other.send(path, json={"reason": "taken"}, headers=key)["is_new"]  # its own key
        for unusable in ("", "x" * 256, "tab\there"):
            program.send(path, 400, headers={idempotency.HEADER: unusable})
        [kept] = store.keys(keys.api_answer("program", "*"))
        assert idempotency.RUNNING_SECONDS < store.ttl(kept) <= idempotency.KEPT_SECONDS
        api_tokens.revoke(store, "program")
    with a_program(store, url, Right.ACKNOWLEDGE) as namesake:
        assert not namesake.send(path, json={"reason": "taken"}, headers=key)["is_new"]


def test_a_key_is_taken_while_the_first_request_is_under_way_and_free_after_a_refusal(store: Store, url: str) -> None:
    event = add_case(store, "http://h.test/a.jpg")
    path, key = f"/events/{event.event_id}/acknowledgement", {idempotency.HEADER: "k-1"}
    with a_program(store, url, Right.ACKNOWLEDGE) as program:
        [token] = api_tokens.all_tokens(store)
        under_way = idempotency.keyed(token, "k-1", target=f"POST /api/v1{path}?", content_type="", body=b"")
        assert idempotency.begin(store, under_way) is None
        assert program.session.post(program.url + path, headers=key, timeout=PATIENCE).headers["Retry-After"] == "5"
        program.send(path, 409, headers=key)
        idempotency.release(store, under_way)
        program.send(path, headers=key)
        missing = "/events/00000000-0000-0000-0000-000000000000/acknowledgement"
        program.send(missing, 404, headers={idempotency.HEADER: "k-2"})
        program.send(path, headers={idempotency.HEADER: "k-2"})


def test_a_token_makes_so_many_requests_a_minute(store: Store) -> None:
    token = a_program(store, "http://h.test", Right.SEE_CASES).session.headers["Authorization"]
    guard = TokenGuard(store, most_a_minute=2)
    request = Request({"type": "http", "headers": [(b"authorization", str(token).encode())]})
    refused = []
    for _ in range(5):  # the minute may end once meanwhile
        try:
            guard.admit(request, Right.SEE_CASES)
        except Exception as error:
            refused.append((error.status_code, 0 < int(error.headers["Retry-After"]) <= 60))  # type: ignore[attr-defined]
    assert refused
    assert set(refused) == {(429, True)}
