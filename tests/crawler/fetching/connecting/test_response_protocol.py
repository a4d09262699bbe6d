"""Bytes that a server sends beside its answers are counted, and end the connection when they are too many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from queue import Queue
from typing import TypeVar

import pytest
from orbweaver.crawler.fetching.connecting.connections import ConnectionLimits, Connections
from orbweaver.crawler.fetching.connecting.egress_guard import Guard
from orbweaver.crawler.fetching.connecting.proxies import parse_proxy
from orbweaver.crawler.fetching.connecting.response_protocol import MOST_BYTES_BEFORE_ANSWER
from orbweaver.crawler.rules.address_rules import parse_networks
from orbweaver.crawler.transfer_errors import BadResponse
from proxy_servers import ConnectProxy, SocksServer
from synthetic_host import ConversingServer

T = TypeVar("T")
NAME = "pictures.site.com"
BODY = b"a body"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
BLANK_LINES = b"\r\n" * 5_000
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" * 200
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n" * 400
LIMITS = ConnectionLimits(connections=4, connections_per_host=2, connect_seconds=300)


class Sender(ConversingServer):
    """Answers a request with `first`, and then with `filler` until the client goes away, which `left` is told of."""

    def __init__(self, first: bytes, filler: bytes = b"") -> None:
        super().__init__()
        self._first = first
        self._filler = filler
        self.left: Queue[bool] = Queue()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._first)
            while self._filler:
                writer.write(self._filler)
                await writer.drain()
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        self.left.put(True)


def with_connections(act: Callable[[Connections], Awaitable[T]], proxy: str | None = None) -> T:
    async def run() -> T:
        guard = Guard(parse_networks(["127.0.0.0/8"]))
        connections = Connections(guard, LIMITS, proxy=parse_proxy(proxy, {}))
        try:
            return await act(connections)
        finally:
            await connections.close()

    return asyncio.run(run())


async def body_of(connections: Connections, url: str) -> bytes:
    response = await connections.ask("GET", url, [])
    return await response.read()


@pytest.mark.parametrize("filler", [BLANK_LINES, HINTS, CONTINUE], ids=["blank lines", "103", "100"])
def test_what_comes_without_end_before_an_answer_ends_the_connection(filler: bytes) -> None:
    with Sender(b"", filler) as server:
        with pytest.raises(BadResponse, match=r"^\d+ bytes came, and none of them was of an answer$"):
            with_connections(lambda connections: body_of(connections, server.url))
        assert server.left.get(timeout=300)


@pytest.mark.parametrize("kind", [SocksServer, ConnectProxy])
def test_the_bound_holds_behind_a_proxy(kind: type[SocksServer] | type[ConnectProxy]) -> None:
    with Sender(b"", BLANK_LINES) as server, kind({NAME: server.port}) as proxy, pytest.raises(BadResponse):
        with_connections(lambda connections: body_of(connections, f"http://{NAME}/"), proxy.url)


@pytest.mark.parametrize("filler", [BLANK_LINES, HINTS, CONTINUE], ids=["blank lines", "103", "100"])
def test_what_is_within_the_bound_hides_no_answer(filler: bytes) -> None:
    before = filler * (MOST_BYTES_BEFORE_ANSWER // (2 * len(filler)))
    with Sender(before + ANSWER) as server:
        assert with_connections(lambda connections: body_of(connections, server.url)) == BODY


def test_headers_as_long_as_the_parser_takes_them_hide_no_answer() -> None:
    headers = b"".join(b"X-%03d: %s\r\n" % (number, b"a" * 8_000) for number in range(120))
    with Sender(ANSWER.replace(b"\r\n\r\n", b"\r\n" + headers + b"\r\n", 1)) as server:
        assert with_connections(lambda connections: body_of(connections, server.url)) == BODY


def test_a_connection_that_is_not_in_use_ends_by_the_bound_too() -> None:
    async def ask_and_wait(connections: Connections) -> bool:
        assert await body_of(connections, server.url) == BODY
        return await asyncio.to_thread(server.left.get, timeout=300)

    with Sender(ANSWER, BLANK_LINES) as server:
        assert with_connections(ask_and_wait)
