"""Chromium with scripts off: opens the start of each site, then whatever can be clicked on its host."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from urllib.parse import unquote_to_bytes, urlsplit

from bench.recall.browser import Browser, chromium
from bench.recall.task import SiteFindings, answer, read_task

MOST_PAGES = 20


async def look(browser: Browser, start: str) -> SiteFindings:
    """Open one site."""
    opened, waiting = set[str](), {start: ""}
    async with browser.page() as page:
        while waiting and len(opened) < MOST_PAGES:
            url = next(iter(waiting))
            opened.add(url)
            for link in await page.visit(url, referrer=waiting.pop(url)):
                plain = link.partition("#")[0]
                if urlsplit(plain).hostname == urlsplit(start).hostname and plain not in opened:
                    waiting.setdefault(plain, url)
        return SiteFindings(tuple(hashlib.sha256(data).hexdigest() for url in page.requested if (data := data_of(url))))


def data_of(url: str) -> bytes:
    """Return the file in a data: URI, nothing for other URLs."""
    if not url.startswith("data:"):
        return b""
    head, _, payload = url.partition(",")
    raw = unquote_to_bytes(payload)
    with contextlib.suppress(ValueError):
        return base64.b64decode(raw) if head.endswith(";base64") else raw
    return b""


async def main() -> None:
    task = read_task()
    found = {}
    async with chromium("chromium") as browser:
        for name, start in task.starts.items():
            found[name] = await look(browser, start)
    answer(task, found)


if __name__ == "__main__":
    asyncio.run(main())
