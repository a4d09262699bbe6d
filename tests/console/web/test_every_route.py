"""Every route asks for one right: nobody without it sees or changes anything, and no form of another session counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
import requests
from console_site import Browser, an_account, serving
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from orbweaver import settings
from orbweaver.console.web.accounts.account import RIGHTS, Right
from orbweaver.console.web.accounts.throttling import Throttle
from orbweaver.console.web.app import PAGES
from orbweaver.console.web.console import Console
from orbweaver.console.web.counted_cases import CountedCases
from orbweaver.console.web.guard import AccessGuard
from orbweaver.console.web.rendering import PLACES, Templates
from orbweaver.model import Role
from orbweaver.store.connection import Store

# For whoever comes: to sign in, and to choose a language before that.
OPEN = {("GET", "/sign-in"), ("POST", "/sign-in"), ("POST", "/language")}


class Route(NamedTuple):
    """A route of the console, with the right that it asks for; None where it asks for none."""

    method: str
    path: str
    right: Right | None


@pytest.fixture
def routes(store: Store) -> list[Route]:
    console = Console(store, settings.load(), Templates(), Throttle(store), CountedCases(store), False)
    guard = AccessGuard(console)
    return [
        Route(method, one.path, right_of(one.dependant))
        for module in PAGES
        for one in module.pages(console, guard).routes
        if isinstance(one, APIRoute)
        for method in sorted(one.methods)
    ]


def right_of(dependant: Dependant) -> Right | None:
    found = getattr(dependant.call, "__dict__", {}).get("right")
    below = (right_of(one) for one in dependant.dependencies)
    return found or next((right for right in below if right is not None), None)


def filled(path: str) -> str:
    """A path without the names of its parameters: what stands for them is looked at after the right."""
    return "".join("1" if "}" in part else part for part in path.replace("{", "}{").split("}"))


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    with serving(store) as url:
        yield url


def test_every_route_asks_for_a_right_and_every_page_of_the_navigation_is_there(routes: list[Route]) -> None:
    assert {(one.method, one.path) for one in routes if one.right is None} == OPEN
    shown = {(one.path, one.right) for one in routes if one.method == "GET"}
    assert {(path, right) for path, _, right in PLACES} <= shown


def test_nobody_who_has_not_signed_in_sees_or_changes_anything(url: str, routes: list[Route]) -> None:
    for one in routes:
        if one.right is None:
            continue
        for cookies in ({}, {"orbweaver-session": "x" * 43}):
            answer = requests.request(
                one.method, url + filled(one.path), cookies=cookies, allow_redirects=False, timeout=60
            )
            assert (one, answer.status_code) == (one, 303)
            assert answer.headers["Location"].startswith("/sign-in")


def test_no_role_sees_or_changes_what_it_has_no_right_for(store: Store, url: str, routes: list[Route]) -> None:
    for role in Role:
        with Browser(url) as browser:
            browser.sign_in(an_account(store, role, name=role.value))
            assert browser.path == "/"
            for one in routes:
                if one.right is None or one.right in RIGHTS[role]:
                    continue
                answer = browser.session.request(one.method, url + filled(one.path), allow_redirects=False, timeout=60)
                assert (role, one, answer.status_code) == (role, one, 403)


def test_no_form_without_the_token_of_its_session_is_taken(store: Store, url: str, routes: list[Route]) -> None:
    everything = an_account(store, *Role)
    with Browser(url) as browser, Browser(url) as other:
        browser.sign_in(everything)
        page = other.sign_in(everything)
        token = page.css_first('input[name="form_token"]')
        assert token is not None
        for one in routes:
            if one.right is None or one.method == "GET":
                continue
            for data in ({}, {"form_token": "x"}, {"form_token": str(token.attributes["value"])}):
                answer = browser.session.request(
                    one.method, url + filled(one.path), data=data, allow_redirects=False, timeout=60
                )
                assert (one, data, answer.status_code) == (one, data, 403)
