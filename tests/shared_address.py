"""Hosts at one address, whose servers count together how many requests are under way at once."""

from __future__ import annotations

import threading

from aiohttp import web
from gate import Gate
from synthetic_host import Resource, SyntheticHost


class Load:
    """How many requests are under way at all hosts of an address together, and the most at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = self.most = 0

    def begin(self) -> None:
        with self._lock:
            self._under_way += 1
            self.most = max(self.most, self._under_way)

    def end(self) -> None:
        with self._lock:
            self._under_way -= 1


class LoadedHost(SyntheticHost):
    """A host with a page that waits at its gate, and so many files; its address has others, too."""

    def __init__(self, load: Load, files: int, *, delay: float = 0.01) -> None:
        links = "".join(f'<a href="/{number}.bin">a</a>' for number in range(files))
        self.gate = Gate(Resource("text/html", links.encode()))
        pages = {f"/{number}.bin": Resource("application/zip", b"%d" % number) for number in range(files)}
        super().__init__({"/": Resource(None, self.gate.answer), **pages}, delay=delay)
        self._load = load

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._load.begin()
        try:
            return await super()._answer(request)
        finally:
            self._load.end()
