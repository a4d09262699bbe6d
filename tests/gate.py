"""An answer of a synthetic host that waits until the test lets it pass."""

from __future__ import annotations

import asyncio
import threading

from aiohttp import web
from synthetic_host import Resource

PATIENCE_SECONDS = 300.0


class Gate:
    """Use `answer` as a resource's body; it says when somebody stands before it."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._open = threading.Event()
        self._reached = threading.Event()

    async def answer(self, _: web.BaseRequest) -> web.StreamResponse:
        self._reached.set()
        while not self._open.is_set():  # no thread waits for it: a test that fails never opens it
            await asyncio.sleep(0.01)
        body = self._resource.body
        assert isinstance(body, bytes)
        return web.Response(body=body, content_type=self._resource.content_type or "")

    def wait_until_reached(self) -> None:
        assert self._reached.wait(PATIENCE_SECONDS), "nobody came to the gate"

    @property
    def is_reached(self) -> bool:
        return self._reached.is_set()

    def open(self) -> None:
        self._open.set()
