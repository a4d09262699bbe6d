"""A web server on loopback that misbehaves on purpose in one way: what a crawler meets in the field.

What it can do is in tests/hostile, a table of acts for each subject.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from contextlib import suppress
from enum import StrEnum
from typing import Any

# Each module enters its acts into the one table.
from hostile import content, documents, encodings, framing, headers, redirects, robots, timing, tls  # noqa: F401
from hostile.act import ACTS, PAYLOAD, Exchange, response
from hostile.content import MANY_FILES
from hostile.encodings import BOMB_SIZE, make_bomb
from synthetic_host import ConversingServer

__all__ = ["BOMB_SIZE", "HONEST", "MANY_FILES", "PAYLOAD", "Behaviour", "HostileServer", "make_bomb"]

HONEST = random.Random(11).randbytes(20_000)
# A type checker cannot know the members.
_made: Any = StrEnum
# How a server misbehaves: one member for each act.
Behaviour = _made("Behaviour", {name.upper(): name for name in ACTS})


class HostileServer(ConversingServer):
    """Serves one act; a context manager.

    The act is where `act.path` says, mostly at /file.bin; the page at / links to `act.reported`. /after is an honest
    page that links to /honest.bin, HONEST. `requests` are the paths asked for, `bytes_sent` what was written for them,
    `open_connections` and `max_connections_seen` count TCP connections; `drip_seconds` is the pause between two dripped
    bytes.
    """

    def __init__(self, behaviour: str, *, drip_seconds: float = 1.0) -> None:
        super().__init__()
        self.behaviour = Behaviour(behaviour)
        self.act = ACTS[self.behaviour]
        self.act.prepare()
        self.drip_seconds = drip_seconds
        self.requests: list[str] = []
        self.heads: list[bytes] = []
        self.bytes_sent = 0
        self.connections_seen = 0
        self.max_connections_seen = 0

    @property
    def open_connections(self) -> int:
        return len(self._conversations)

    @property
    def url(self) -> str:
        return f"{'https' if self.act.is_https else 'http'}://{self.host}/"

    async def _open(self) -> int:
        context: ssl.SSLContext | None = self.act.context() if self.act.context else None
        return await self._listen(context)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super()._accept(reader, writer)
        self.connections_seen += 1
        self.max_connections_seen = max(self.max_connections_seen, self.open_connections)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
            while await self._answer_one(reader, writer):
                pass
            writer.close()
            await writer.wait_closed()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection goes on."""
        path = ""
        if not self.act.is_at_connection:
            request = await reader.readuntil(b"\r\n\r\n")
            path = request.split(b" ", 2)[1].decode("latin-1")
            self.requests.append(path)
            self.heads.append(request)
        exchange = Exchange(path, reader, writer)
        exchange.drip_seconds = self.drip_seconds
        try:
            if self.act.is_at_connection or self.act.is_at(path):
                await self.act.play(exchange)
            else:
                await self._be_honest(exchange)
        finally:
            self.bytes_sent += exchange.bytes_sent
        return exchange.keeps_alive

    async def _be_honest(self, exchange: Exchange) -> None:
        exchange.keeps_alive = True
        html = "Content-Type: text/html"
        match exchange.path:
            case "/":
                await exchange.send(response(self._index(), html, keep_alive=True))
            case "/after":
                await exchange.send(response(b'<!DOCTYPE html><a href="/honest.bin">', html, keep_alive=True))
            case "/file.bin":  # of an act that is elsewhere
                await exchange.send(response(PAYLOAD, keep_alive=True))
            case "/honest.bin":
                await exchange.send(response(HONEST, keep_alive=True))
            case _:
                await exchange.send(response(b"", status="404 Not Found", keep_alive=True))

    def _index(self) -> bytes:
        names = [self.act.reported]
        if self.behaviour == "connection_counter":
            names = [f"/file-{number}.bin" for number in range(MANY_FILES)]
        links = "".join(f'<a href="{name}">{name[1:]}</a>\n' for name in names)
        return f"<!DOCTYPE html>\n<title>Index</title>\n{links}".encode()
