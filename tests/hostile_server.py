"""Web servers on loopback that misbehave on purpose, each in one way: what a crawler meets in the field."""

from __future__ import annotations

import asyncio
import gzip
import random
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from functools import cache

from synthetic_host import ADDRESS, ThreadedServer

PAYLOAD = random.Random(7).randbytes(100_000)
CHUNK = random.Random(8).randbytes(64 * 1024)
BOMB_SIZE = 2**30
HEADER_FLOOD_BYTES = 800 * 10**6
MANY_FILES = 50


class Behaviour(StrEnum):
    """How a server misbehaves; if not said otherwise only at /file.bin, which the page at / links to."""

    HANGS = "hangs"  # everywhere: accepts, reads, never answers
    DRIPS = "drips"  # headers, then one byte a second
    NEVER_ENDS = "never_ends"  # a chunked body without end, as fast as the client reads
    LIES_LONG = "lies_long"  # Content-Length is twice the body
    LIES_SHORT = "lies_short"  # Content-Length is half the body
    HEADER_FLOOD = "header_flood"  # everywhere: headers without end, up to 800 MB
    CUT_CHUNKED = "cut_chunked"  # the connection closes in the middle of a chunk
    CUT_GZIP = "cut_gzip"  # half a gzip body, of which Content-Length is right
    GZIP_BOMB = "gzip_bomb"  # 1 GiB of zeros from 1 MiB
    CLOSES_AT_ONCE = "closes_at_once"  # everywhere: closes without an answer
    NOT_HTTP = "not_http"  # everywhere: answers in another protocol
    CLOSE_DELIMITED = "close_delimited"  # HTTP/1.0, only the close says where the body ends
    REDIRECT_LOOP = "redirect_loop"  # /file.bin to /again to /file.bin
    ENDLESS_REDIRECTS = "endless_redirects"  # /file.bin to /hop/1 to /hop/2 ...
    CONNECTION_COUNTER = "connection_counter"  # well-behaved: keeps alive, / links to 50 slow files


class HostileServer(ThreadedServer):
    """Serves one misbehaviour; a context manager.

    `requests` are the paths asked for, `bytes_sent` what was written for them, `open_connections` and
    `max_connections_seen` count TCP connections; `drip_seconds` is the pause between two dripped bytes.
    """

    def __init__(self, behaviour: str, *, drip_seconds: float = 1.0) -> None:
        super().__init__()
        self.behaviour = Behaviour(behaviour)
        self.drip_seconds = drip_seconds
        self.requests: list[str] = []
        self.bytes_sent = 0
        self.connections_seen = 0
        self.max_connections_seen = 0
        self._keeps_alive = self.behaviour is Behaviour.CONNECTION_COUNTER
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def open_connections(self) -> int:
        return len(self._tasks)

    async def _open(self) -> int:
        # A callback of ours, not a coroutine: asyncio then leaves the tasks, and their end, to us.
        self._server = await asyncio.start_server(self._accept, ADDRESS, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections_seen += 1
        self.max_connections_seen = max(self.max_connections_seen, len(self._tasks))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._answer_one(reader, writer)
                while self._keeps_alive:
                    await self._answer_one(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        path = request.split(b" ", 2)[1].decode("latin-1")
        self.requests.append(path)

        async def send(data: bytes) -> None:
            writer.write(data)
            self.bytes_sent += len(data)
            await writer.drain()

        if self.behaviour in _EVERYWHERE:
            await _EVERYWHERE[self.behaviour](send, reader)
        elif path == "/":
            await send(_response(_index(self.behaviour), "Content-Type: text/html", keep_alive=self._keeps_alive))
        elif self.behaviour in _REDIRECTS:
            await send(_response(b"", f"Location: {_REDIRECTS[self.behaviour](path)}", status="302 Found"))
        elif self.behaviour is Behaviour.CONNECTION_COUNTER and path.startswith("/file-"):
            await asyncio.sleep(0.02)
            await send(_response(PAYLOAD, keep_alive=True))
        elif path != "/file.bin":
            await send(_response(b"", status="404 Not Found", keep_alive=self._keeps_alive))
        elif self.behaviour is Behaviour.DRIPS:
            await _drip(send, self.drip_seconds)
        else:
            await _FILES[self.behaviour](send)


Send = Callable[[bytes], Awaitable[None]]


def _index(behaviour: Behaviour) -> bytes:
    names = ["file.bin"]
    if behaviour is Behaviour.CONNECTION_COUNTER:
        names = [f"file-{number}.bin" for number in range(MANY_FILES)]
    links = "".join(f'<a href="/{name}">{name}</a>\n' for name in names)
    return f"<!DOCTYPE html>\n<title>Index</title>\n{links}".encode()


def _head(*headers: str, status: str = "200 OK", version: str = "1.1", keep_alive: bool = False) -> bytes:
    given = list(headers)
    if not any(header.startswith(("Content-Type", "Location")) for header in headers):
        given.append("Content-Type: application/octet-stream")
    given.append("Connection: keep-alive" if keep_alive else "Connection: close")
    return "\r\n".join((f"HTTP/{version} {status}", *given, "", "")).encode()


def _response(body: bytes, *headers: str, status: str = "200 OK", keep_alive: bool = False) -> bytes:
    return _head(*headers, f"Content-Length: {len(body)}", status=status, keep_alive=keep_alive) + body


# --- at every path ---


async def _hang(_: Send, reader: asyncio.StreamReader) -> None:
    await reader.read()  # until the client goes away


async def _flood_headers(send: Send, _: asyncio.StreamReader) -> None:
    await send(b"HTTP/1.1 200 OK\r\n")
    line = b"X-Flood: " + b"a" * 1_000 + b"\r\n"
    for _block in range(HEADER_FLOOD_BYTES // (len(line) * 64)):
        await send(line * 64)


async def _say_nothing(_: Send, __: asyncio.StreamReader) -> None:
    return


async def _speak_another_protocol(send: Send, _: asyncio.StreamReader) -> None:
    await send(b"220 mail.example ESMTP\r\n" + PAYLOAD[:200] + b"\r\n\r\n")


_EVERYWHERE: dict[Behaviour, Callable[[Send, asyncio.StreamReader], Awaitable[None]]] = {
    Behaviour.HANGS: _hang,
    Behaviour.HEADER_FLOOD: _flood_headers,
    Behaviour.CLOSES_AT_ONCE: _say_nothing,
    Behaviour.NOT_HTTP: _speak_another_protocol,
}

# --- redirects ---


def _hops(path: str) -> int:
    return int(path.removeprefix("/hop/")) if path.startswith("/hop/") else 0


_REDIRECTS: dict[Behaviour, Callable[[str], str]] = {
    Behaviour.REDIRECT_LOOP: lambda path: "/again" if path == "/file.bin" else "/file.bin",
    Behaviour.ENDLESS_REDIRECTS: lambda path: f"/hop/{_hops(path) + 1}",
}

# --- at /file.bin ---


async def _drip(send: Send, seconds: float) -> None:
    await send(_head(f"Content-Length: {len(PAYLOAD)}"))
    for position in range(len(PAYLOAD)):
        await send(PAYLOAD[position : position + 1])
        await asyncio.sleep(seconds)


async def _never_end(send: Send) -> None:
    await send(_head("Transfer-Encoding: chunked"))
    while True:
        await send(b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))


async def _lie_long(send: Send) -> None:
    await send(_head(f"Content-Length: {len(PAYLOAD) * 2}") + PAYLOAD)


async def _lie_short(send: Send) -> None:
    await send(_head(f"Content-Length: {len(PAYLOAD) // 2}") + PAYLOAD)


async def _cut_chunk(send: Send) -> None:
    await send(_head("Transfer-Encoding: chunked") + b"%x\r\n%b" % (len(PAYLOAD), PAYLOAD[:50_000]))


async def _cut_gzip(send: Send) -> None:
    whole = gzip.compress(PAYLOAD, mtime=0)
    await send(_response(whole[: len(whole) // 2], "Content-Encoding: gzip"))


async def _explode(send: Send) -> None:
    await send(_response(make_bomb(), "Content-Encoding: gzip"))


async def _close_to_end(send: Send) -> None:
    await send(_head(version="1.0") + PAYLOAD)


_FILES: dict[Behaviour, Callable[[Send], Awaitable[None]]] = {
    Behaviour.NEVER_ENDS: _never_end,
    Behaviour.LIES_LONG: _lie_long,
    Behaviour.LIES_SHORT: _lie_short,
    Behaviour.CUT_CHUNKED: _cut_chunk,
    Behaviour.CUT_GZIP: _cut_gzip,
    Behaviour.GZIP_BOMB: _explode,
    Behaviour.CLOSE_DELIMITED: _close_to_end,
}


@cache
def make_bomb() -> bytes:
    """Return one gzip member that holds BOMB_SIZE zeros, without compressing them all."""
    zeros = bytes(2**20)
    times = BOMB_SIZE // len(zeros)
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    # After a full flush a block refers to nothing before it, so it can be repeated.
    block = compressor.compress(zeros) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(times):
        checksum = zlib.crc32(zeros, checksum)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    size = BOMB_SIZE % 2**32
    return head + block * times + compressor.flush() + checksum.to_bytes(4, "little") + size.to_bytes(4, "little")
