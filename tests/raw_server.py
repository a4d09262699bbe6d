"""A server that answers each request with given bytes, for answers that no HTTP library would write."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from synthetic_host import ADDRESS, ThreadedServer


class RawServer(ThreadedServer):
    """Sends `answers[path]` piece by piece, in turn with a moment's pause, then closes."""

    def __init__(self, answers: Mapping[str, list[bytes]]) -> None:
        super().__init__()
        self._answers = answers

    async def _open(self) -> int:
        self._conversations: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, ADDRESS, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        self._server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._conversations.add(asyncio.create_task(self._converse(reader, writer)))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            for piece in self._answers.get(head.split(b" ")[1].decode(), [b"HTTP/1.1 404 Not Found\r\n\r\n"]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.1)  # part of the behaviour: the pieces must arrive apart
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
