"""Drives a headless Chromium by its DevTools protocol: opens pages with scripts off, and hands out its network log."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

# The switches without which it asks hosts of its maker, as no page told it to.
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--mute-audio",
    "--no-proxy-server", "--blink-settings=scriptEnabled=false", "--window-size=1280,2000", "--remote-debugging-port=0",
    "about:blank",
)  # fmt: skip
START_SECONDS = 30
PAGE_SECONDS = 8.0
CLICKABLE = "JSON.stringify(Array.from(document.querySelectorAll('a[href], area[href]'), one => one.href))"


class Browser:
    """A connection to a running Chromium."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}

    async def listen(self) -> None:
        """Read what the browser says, until it ends."""
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._waiting.pop(said["id"]).set_result(said)
            elif page := self._pages.get(said.get("sessionId", "")):
                page.hear(said["method"], said["params"])

    async def ask(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Call a method and return its result, {} where the browser refuses."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        call = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json({**call, "sessionId": session} if session else call)
        result: dict[str, Any] = (await self._waiting[number]).get("result", {})
        return result

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """Open an empty page in a profile of its own: no cookie and no cached file of another site."""
        context = (await self.ask("Target.createBrowserContext"))["browserContextId"]
        target = (await self.ask("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        session = (await self.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, session)
        await self.ask("Browser.setDownloadBehavior", behavior="deny", browserContextId=context)
        await self.ask("Network.enable", session)
        await self.ask("Network.setCacheDisabled", session, cacheDisabled=False)
        await self.ask("Page.enable", session)
        await self.ask("Emulation.setScriptExecutionDisabled", session, value=True)
        try:
            yield page
        finally:
            del self._pages[session]
            await self.ask("Target.disposeBrowserContext", browserContextId=context)


class Page:
    """One page; `requested` are the URLs that it asked for, in order."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self._open: set[str] = set()
        self._changed = asyncio.Event()
        self.requested: list[str] = []

    def hear(self, method: str, said: dict[str, Any]) -> None:
        """Take one event of the browser."""
        if method == "Network.requestWillBeSent":
            self.requested.append(said["request"]["url"])
            self._open.add(said["requestId"])
        elif method in {"Network.loadingFinished", "Network.loadingFailed"}:
            self._open.discard(said["requestId"])
        elif not method.startswith(("Network.responseReceived", "Page.")):
            return
        self._changed.set()

    async def visit(self, url: str, *, referrer: str = "", quiet: float = 0.2) -> list[str]:
        """Open a URL as a click on the page `referrer` would, wait for silence, and return what can be clicked."""
        await self._browser.ask("Page.navigate", self._session, url=url, referrer=referrer)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAGE_SECONDS):
                await self._quiet(quiet)
        result = await self._browser.ask("Runtime.evaluate", self._session, expression=CLICKABLE, returnByValue=True)
        links: list[str] = json.loads(result.get("result", {}).get("value", "[]"))
        return links

    async def _quiet(self, seconds: float) -> None:
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                if not self._open:
                    return


@contextlib.asynccontextmanager
async def chromium(binary: str) -> AsyncIterator[Browser]:
    """Start Chromium with an empty profile, and end it with the block."""
    with tempfile.TemporaryDirectory(prefix="orbweaver-chromium-", ignore_cleanup_errors=True) as profile:
        environment = {**os.environ, "HOME": profile}
        process = await asyncio.create_subprocess_exec(
            binary, f"--user-data-dir={profile}", *SWITCHES,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        try:
            port, path = await _address(Path(profile) / "DevToolsActivePort")
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0) as socket,
            ):
                browser = Browser(socket)
                listening = asyncio.create_task(browser.listen())
                yield browser
                await browser.ask("Browser.close")
                listening.cancel()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _address(file: Path) -> tuple[str, str]:
    async with asyncio.timeout(START_SECONDS):
        while not (file.exists() and file.read_text().count("\n")):  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.05)
    port, path = file.read_text().split("\n")[:2]  # noqa: ASYNC240
    return port, path
