"""A server that answers each request with given bytes, for answers that no HTTP library would write."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from queue import Queue

from synthetic_host import ConversingServer


class RawServer(ConversingServer):
    """Sends `answers[path]` piece by piece, in turn with a moment's pause, then closes unless it `keeps_alive`.

    `connections` counts the TCP connections, `requests` are the paths asked for, `answered` those answered to the end.
    """

    def __init__(self, answers: Mapping[str, list[bytes]], *, keeps_alive: bool = False) -> None:
        super().__init__()
        self._answers = answers
        self._keeps_alive = keeps_alive
        self.connections = 0
        self.requests: list[str] = []
        self.answered: Queue[str] = Queue()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        super()._accept(reader, writer)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._answer(reader, writer)
                while self._keeps_alive:
                    await self._answer(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        self.requests.append(path)
        for piece in self._answers.get(path, [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.1)  # part of the behaviour: the pieces must arrive apart
        self.answered.put(path)
