"""A working day in Chromium, with scripts and without: reports are handed in, a host is visited, two people decide."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from console_site import PASSWORD, an_account, serving
from orbweaver import settings
from orbweaver.model import CaseState, Role
from orbweaver.store import embedded
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver_command import PATIENCE_SECONDS, Workplace, eventually
from playwright.sync_api import Browser, BrowserContext, Page
from synthetic_host import SyntheticHost

from .conftest import PATIENCE_MILLISECONDS

REPORTER = {"REPORTER_ORGANISATION": "A hotline", "REPORTER_CONTACT": "reports@hotline.example"}


@pytest.fixture
def body() -> bytes:
    return os.urandom(4000)


@contextmanager
def service(place: Workplace, body: bytes) -> Iterator[None]:
    """Run the service, with a list that has the file's MD5 alone: weak evidence, so that a person has to decide."""
    source = place.write("list.csv", f"md5,category,scheme\n{hashlib.md5(body).hexdigest()},baseline,iccam\n")
    built = str(place.folder / "list.hashes")
    assert place.run("hashlist", "build", source, "-o", built).status == 0
    running = place.start("run", "--matcher", f"hashlist:{built}", "--allow-address", "127.0.0.1/32")
    try:
        yield
    finally:
        running.terminate()
        running.communicate(timeout=PATIENCE_SECONDS)


def sign_in(context: BrowserContext, url: str, name: str) -> Page:
    page = context.new_page()
    page.goto(url + "/sign-in")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(url + "/")
    return page


def sign_out(page: Page) -> None:
    page.click("header button")
    page.wait_for_url("**/sign-in")
    page.close()


def hand_in(page: Page, reported: str) -> None:
    page.click("text=Recrawls")
    page.click("text=Hand in reports")
    page.fill("#reports", f"{reported}\nthis line is no URL\n")
    page.check("#is_now")
    page.click("text=Show what would be fetched")
    assert "Lines that could not be read: 1" in page.inner_text("main")
    assert "hxxp" in page.inner_text("main")
    page.click("text=Schedule, and visit now")
    assert "Hosts added: 1" in page.inner_text("main")


def decide(page: Page, url: str, case_id: str) -> str:
    """Release the held case; returns what the page says then."""
    page.click("nav >> text=Hit reports")
    page.click(f"main a[href^='/cases/{case_id}']")
    page.check("#released")
    page.fill("#reason", "the same file as in another report")
    page.fill("#scheme", "iccam")
    page.fill("#category", "baseline")
    page.click("text=Go on: see what it decides")
    assert "every re-upload" in page.inner_text("main")
    page.click("text=Yes, do it")
    page.wait_for_url(f"{url}/cases/{case_id}*")
    return page.inner_text("main")


@pytest.mark.parametrize("has_scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_working_day(
    short_dir: Path, chromium: Browser, body: bytes, has_scripts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workplace(short_dir)
    for name, value in REPORTER.items():
        monkeypatch.setenv(name, value)
    loaded = settings.load().model_copy(update={"state_dir": place.state, "assessors": 2})
    pages = {"/": ("text/html", b'<img src="/a.jpg">'), "/a.jpg": ("image/jpeg", body)}
    with SyntheticHost(pages) as host, service(place, body):
        assert eventually(lambda: embedded.has_store(place.state))
        with embedded.running(place.state) as store, serving(store, loaded) as url:
            an_account(store, Role.ANALYST, Role.OPERATOR, name="anna")
            an_account(store, Role.ANALYST, name="bo")
            with chromium.new_context(java_script_enabled=has_scripts, accept_downloads=True) as context:
                context.set_default_timeout(PATIENCE_MILLISECONDS)
                anna = sign_in(context, url, "anna")
                hand_in(anna, host.url.replace("http", "hxxp"))
                case_id = watched(anna, store)
                decide(anna, url, case_id)
                assert state_of(store) is CaseState.HELD
                sign_out(anna)
                bo = sign_in(context, url, "bo")
                decide(bo, url, case_id)
                assert state_of(store) is CaseState.OPEN
                assert exported(bo)["type"] == "csam"
                bo.click("nav >> text=Statistics")
                assert "Counted" in bo.inner_text("main")  # some minutes ago, as the page says
                sign_out(bo)


def watched(page: Page, store: Store) -> str:
    """Look at the recrawls under way until the case is there; returns its id."""
    page.click("text=To the recrawls under way")

    def has_case() -> bool:
        page.reload()
        return state_of(store) is not None

    assert eventually(has_case)
    return next(str(case.case_id) for case in case_store.all_cases(store))


def state_of(store: Store) -> CaseState | None:
    return next((case.state for case in case_store.all_cases(store)), None)


def exported(page: Page) -> dict[str, object]:
    page.select_option("#format", "xarf")
    with page.expect_download() as download:
        page.click("text=Download")
    read = json.loads(Path(download.value.path()).read_text())
    assert isinstance(read, dict)
    return read
