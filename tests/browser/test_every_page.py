"""Every page that a link leads to, light and dark, wide and narrow: axe-core finds no fault, and nothing is cut off."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from console_site import PASSWORD
from playwright.sync_api import Browser, Page

from .conftest import PATIENCE_MILLISECONDS, Site

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
WIDTHS = {"wide": 1280, "narrow": 360}
# One page of each form is enough: what differs is an id, a host or a filter.
_FILE = re.compile(r"\.(?:csv|json|eml|txt)$")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b\d+(?:\.\d+)*(?::\d+)?\b|%[0-9A-F]{2}")


def form_of(path: str) -> str:
    """Return what pages of one form have in common: the path without ids, whether it has a query, and which list."""
    place, _, query = path.partition("?")
    shown = re.search(r"\bshow=(\w+)", query)
    form = _ID.sub("*", place)
    return form if "*" in form else form + ("?" if query else "") + (shown[1] if shown else "")


def sign_in(page: Page, site: Site, name: str) -> None:
    page.goto(site.url + "/sign-in")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(site.url + "/")


def links_of(page: Page, site: Site) -> list[str]:
    found = page.eval_on_selector_all("a[href]", "all => all.filter(a => !a.hasAttribute('download')).map(a => a.href)")
    paths = [str(one).removeprefix(site.url).partition("#")[0] for one in found if str(one).startswith(site.url + "/")]
    return [path for path in paths if not _FILE.search(path.partition("?")[0])]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_fault_of_accessibility(
    site: Site, chromium: Browser, screenshots: Path | None, scheme: Literal["light", "dark"]
) -> None:
    faults: list[str] = []
    visited: dict[str, str] = {}
    context = chromium.new_context(color_scheme=scheme, viewport={"width": WIDTHS["wide"], "height": 900})
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    with context, context.new_page() as page:
        page.goto(site.url + "/sign-in")
        faults += faults_of(page, scheme, "/sign-in")
        sign_in(page, site, "anna")
        waiting, seen = deque(["/"]), {"/"}
        while waiting:
            path = waiting.popleft()
            answer = page.goto(site.url + path)
            assert answer is not None
            assert answer.status == 200, f"{path} answered {answer.status}"
            if "text/html" not in answer.headers.get("content-type", ""):
                continue
            visited[form_of(path)] = path
            for name, width in WIDTHS.items():
                page.set_viewport_size({"width": width, "height": 900})
                faults += faults_of(page, f"{scheme}, {name}", path)
                wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                if wide > 0:
                    faults.append(f"{path} ({name}): {wide} pixels are beyond the edge of the screen")
                if screenshots is not None:
                    keep(page, screenshots, f"{form_of(path)}-{scheme}-{name}")
            for link in links_of(page, site):
                if form_of(link) not in seen:
                    seen.add(form_of(link))
                    waiting.append(link)
    assert not faults, "\n".join(faults)
    assert {"/", "/cases?open", "/cases/*", "/host?", "/hosts", "/recrawls/new", "/statistics"} <= visited.keys()


def faults_of(page: Page, how: str, path: str) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{path} ({how}): {one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def keep(page: Page, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^a-z0-9]+", "-", name.replace("*", "one").lower()).strip("-")
    page.screenshot(path=folder / f"{slug}.png", full_page=True)
