"""An act: one way to misbehave, with a name and a sentence; the modules beside this one are tables of acts."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache

PAYLOAD = random.Random(7).randbytes(100_000)
# What is sent where it must not count: a digest of it is the digest of a wrong body.
POISON = random.Random(9).randbytes(5_000)
CHUNK = random.Random(8).randbytes(64 * 1024)
HOSTILE_PATH = "/file.bin"
PAGE = "/page.html"
ROBOTS = "/robots.txt"


class Exchange:
    """One request to a hostile server, or one connection for an act that does not wait for a request.

    Set `keeps_alive` to serve the next request of the same connection.
    """

    def __init__(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.path = path
        self.reader = reader
        self.keeps_alive = False
        self.bytes_sent = 0
        self.drip_seconds = 1.0
        self._writer = writer

    @property
    def host(self) -> str:
        address, port = self._writer.get_extra_info("sockname")[:2]
        return f"{address}:{port}"

    async def send(self, *pieces: bytes) -> None:
        for data in pieces:
            self._writer.write(data)
            self.bytes_sent += len(data)
            await self._writer.drain()

    async def pause(self, seconds: float) -> None:
        """Wait: here time is the behaviour."""
        await asyncio.sleep(seconds)

    async def hold(self) -> None:
        """Say nothing until the client goes away."""
        while await self.reader.read(65_536):
            pass

    async def half_close(self) -> None:
        """Send the end of the stream and go on reading."""
        self._writer.write_eof()
        await self.hold()

    async def reset(self) -> None:
        """Break the connection with RST instead of closing it."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Play = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True)
class Act:
    """One way to misbehave: at `path` and below `owns`, or on every connection before any request.

    `context` makes the TLS side of an https act that does speak TLS. `spoils_server` says that nothing honest can be
    served beside it. `prepare` does beforehand what takes long.
    """

    name: str
    subject: str
    sentence: str
    play: Play
    path: str
    owns: tuple[str, ...]
    is_at_connection: bool
    is_https: bool
    context: Callable[[], ssl.SSLContext] | None
    spoils_server: bool
    prepare: Callable[[], object]

    @property
    def reported(self) -> str:
        """The path to report: what a hostile robots.txt stands before is a file."""
        return HOSTILE_PATH if self.path == ROBOTS else self.path

    def is_at(self, path: str) -> bool:
        return path.partition("?")[0] == self.path or path.startswith(self.owns or ("\0",))


ACTS: dict[str, Act] = {}


def act(
    *,
    path: str = HOSTILE_PATH,
    owns: tuple[str, ...] = (),
    at_connection: bool = False,
    https: bool = False,
    context: Callable[[], ssl.SSLContext] | None = None,
    spoils_server: bool = False,
    prepare: Callable[[], object] = lambda: None,
) -> Callable[[Play], Play]:
    """Enter a function into the table of acts; its name names the act, its docstring says what it does."""

    def enter(play: Play) -> Play:
        sentence = (play.__doc__ or "").strip().rstrip(".")
        assert sentence, f"{play.__name__} does not say what it does"
        assert play.__name__ not in ACTS, f"two acts are named {play.__name__}"
        ACTS[play.__name__] = Act(
            name=play.__name__,
            subject=play.__module__.rpartition(".")[2],
            sentence=" ".join(sentence.split()),
            play=play,
            path=path,
            owns=owns,
            is_at_connection=at_connection,
            is_https=https or context is not None,
            context=context,
            spoils_server=spoils_server or at_connection,
            prepare=prepare,
        )
        return play

    return enter


def fixed(*, path: str = HOSTILE_PATH) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Enter a function that makes one whole answer into the table of acts; it is made before the server starts."""

    def enter(answer: Callable[[], bytes]) -> Callable[[], bytes]:
        made = cache(answer)

        async def play(exchange: Exchange) -> None:
            await exchange.send(made())

        play.__name__, play.__doc__, play.__module__ = answer.__name__, answer.__doc__, answer.__module__
        act(path=path, prepare=made)(play)
        return made

    return enter


def head(*headers: str, status: str = "200 OK", version: str = "1.1", keep_alive: bool = False) -> bytes:
    """Return a status line and headers; an octet stream over a connection that closes, if not said otherwise."""
    given = list(headers)
    if not any(header.startswith(("Content-Type", "Location")) for header in headers):
        given.append("Content-Type: application/octet-stream")
    given.append("Connection: keep-alive" if keep_alive else "Connection: close")
    return "\r\n".join((f"HTTP/{version} {status}", *given, "", "")).encode("latin-1")


def response(body: bytes, *headers: str, status: str = "200 OK", keep_alive: bool = False) -> bytes:
    """Return a whole answer with a right Content-Length."""
    return head(*headers, f"Content-Length: {len(body)}", status=status, keep_alive=keep_alive) + body


def page(body: bytes | str, *headers: str) -> bytes:
    """Return a whole answer that is an HTML page."""
    text = body.encode() if isinstance(body, str) else body
    return response(b"<!DOCTYPE html>\n" + text, "Content-Type: text/html", *headers)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return a body in chunked coding."""
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + end
