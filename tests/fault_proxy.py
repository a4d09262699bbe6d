"""A reverse proxy on loopback that passes requests on, records them, and can answer in every wrong way instead."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from breakable_server import BreakableServer

ADDRESS = "127.0.0.1"
DRIP_SECONDS = 0.05
# What goes over one connection only, and so is written anew by the proxy.
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"})


@dataclass(frozen=True)
class Reply:
    """What the service behind the proxy answered, or what a fault makes of it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def content_type(self) -> str:
        return next((value for name, value in self.headers if name.lower() == "content-type"), "text/plain")


@dataclass(frozen=True)
class Exchange:
    """One request at the proxy, and the ways to answer it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    _handler: _Handler = field(repr=False)

    def forward(self) -> Reply:
        """Ask the real service."""
        return self._handler.forward(self)

    def answer(self, reply: Reply) -> None:
        """Send a proper answer."""
        head = [f"HTTP/1.1 {reply.status} {http.client.responses.get(reply.status, 'Unknown')}"]
        head += [f"{name}: {value}" for name, value in reply.headers if name.lower() not in HOP_BY_HOP]
        head += [f"Content-Length: {len(reply.body)}", "", ""]
        self.send("\r\n".join(head).encode() + reply.body)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def drip(self, pieces: Iterator[bytes]) -> None:
        """Send piece by piece, with a pause after each, until the peer has enough or the proxy ends."""
        for piece in pieces:
            self.send(piece)
            if self._handler.server.is_over.wait(DRIP_SECONDS):
                return

    def hang_up(self) -> None:
        """Close the connection after this answer."""
        self._handler.close_connection = True


Fault = Callable[[Exchange], None]


class FaultProxy:
    """A proxy in front of `upstream` (a port of 127.0.0.1), over TLS with a `context`; use it as a context manager.

    `fault` answers every request while it is set; `None` passes them on. `requests` are all that came, in order.
    """

    def __init__(self, upstream: int | None = None, *, context: ssl.SSLContext | None = None) -> None:
        self.fault: Fault | None = None
        self.requests: list[Exchange] = []
        self.connections = 0
        self._server = _Server(self, upstream, context)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, break off every connection, and wait until its thread has ended."""
        self._server.end()
        self._thread.join()


class _Server(BreakableServer):
    def __init__(self, proxy: FaultProxy, upstream: int | None, context: ssl.SSLContext | None) -> None:
        super().__init__((ADDRESS, 0), _Handler)
        self.proxy = proxy
        self.upstream = upstream
        self.context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.proxy.connections += 1
        if self.context is None:
            super().finish_request(request, client_address)
            return
        # In the connection's own thread: a client that breaks off the handshake must not hold up the others.
        with (
            contextlib.suppress(OSError),
            self.context.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as secured,
            self.breakable(secured),
        ):
            secured.do_handshake()
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what most of these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._upstream: http.client.HTTPConnection | None = None
        self.last_reply: Reply | None = None
        self.answered = 0

    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        exchange = Exchange(self.command, self.path, dict(self.headers), body, self)
        self.server.proxy.requests.append(exchange)
        fault = self.server.proxy.fault or pass_on
        try:
            fault(exchange)
        except OSError:  # the client has gone, as it should when an answer is no answer
            self.close_connection = True

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def forward(self, exchange: Exchange) -> Reply:
        assert self.server.upstream is not None, "there is no service behind this proxy"
        headers = {name: value for name, value in exchange.headers.items() if name.lower() not in HOP_BY_HOP}
        headers["Accept-Encoding"] = "identity"  # so that a fault can change the body
        for is_last in (False, True):
            if self._upstream is None:
                self._upstream = http.client.HTTPConnection(ADDRESS, self.server.upstream, timeout=300)
            try:
                if self._upstream.sock is None:
                    self._upstream.connect()
                with self.server.breakable(self._upstream.sock):
                    self._upstream.request(exchange.method, exchange.path, exchange.body or None, headers)
                    response = self._upstream.getresponse()
                    return Reply(response.status, tuple(response.getheaders()), response.read())
            except (OSError, http.client.HTTPException):  # a kept-alive connection that the service has closed
                self._upstream.close()
                self._upstream = None
                if is_last:
                    raise
        raise AssertionError("unreachable")

    def log_message(self, *_: Any) -> None:
        """Tests read `requests`."""


# --- faults ---


def pass_on(exchange: Exchange) -> None:
    exchange.answer(exchange.forward())


def says(status: int, body: bytes = b"", content_type: str = "application/json", **headers: str) -> Fault:
    """Answer every request so; underscores in header names are hyphens."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return lambda exchange: exchange.answer(Reply(status, (("Content-Type", content_type), *named), body))


def mangled(change: Callable[[bytes], bytes]) -> Fault:
    """Pass on, with the answer's body changed and its length right."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.forward()
        exchange.answer(Reply(reply.status, reply.headers, change(reply.body)))

    return fault


def mangled_json(change: Callable[[Any], Any]) -> Fault:
    """Pass on, with what the JSON of the answer says changed."""
    return mangled(lambda body: json.dumps(change(json.loads(body))).encode())


def cut(exchange: Exchange) -> None:
    """The right length is announced, half of it comes."""
    reply = exchange.forward()
    exchange.send(_head(reply, f"Content-Length: {len(reply.body)}") + reply.body[: len(reply.body) // 2])
    exchange.hang_up()


def cut_chunked(exchange: Exchange) -> None:
    """Half of the body comes as a chunk, the end never."""
    reply = exchange.forward()
    half = reply.body[: len(reply.body) // 2]
    exchange.send(_head(reply, "Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(half), half))
    exchange.hang_up()


def length_too_large(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.send(_head(reply, f"Content-Length: {len(reply.body) + 10}") + reply.body)
    exchange.hang_up()


def length_too_small(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.send(_head(reply, f"Content-Length: {max(0, len(reply.body) - 2)}") + reply.body)


def hang_up_at_once(exchange: Exchange) -> None:
    exchange.hang_up()


def not_http(exchange: Exchange) -> None:
    exchange.send(b"SSH-2.0-OpenSSH_9.9\r\n")
    exchange.hang_up()


def informs_first(exchange: Exchange) -> None:
    """Informational answers come first (RFC 9110, 15.2), as of a proxy that waits for a slow service."""
    reply = exchange.forward()
    exchange.send(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
    exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
    exchange.answer(reply)


def repeats_itself(exchange: Exchange) -> None:
    """Every question is answered rightly, but the answer to the last one on this connection comes once more before."""
    reply, last = exchange.forward(), exchange._handler.last_reply
    exchange._handler.last_reply = reply
    if last is not None:
        exchange.answer(last)
    exchange.answer(reply)


def lags(first: int, last: int) -> Fault:
    """The questions numbered so on a connection have the answer to the one before, all others their own.

    So does one answer too many that is late, and then a question that is dropped: nothing else differs.
    """

    def fault(exchange: Exchange) -> None:
        handler, reply = exchange._handler, exchange.forward()
        before, handler.last_reply = handler.last_reply, reply
        handler.answered += 1
        exchange.answer(before if before is not None and first <= handler.answered <= last else reply)

    return fault


def drip_headers(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    exchange.drip(iter(lambda: b"a", None))


def drip_continues(exchange: Exchange) -> None:
    exchange.drip(iter(lambda: b"HTTP/1.1 100 Continue\r\n\r\n", None))


def drip_hints(exchange: Exchange) -> None:
    exchange.drip(iter(lambda: b"HTTP/1.1 103 Early Hints\r\n\r\n", None))


def drip_body(exchange: Exchange) -> None:
    exchange.send(_head(Reply(200, (("Content-Type", "application/json"),)), "Content-Length: 1000000"))
    exchange.drip(iter(lambda: b" ", None))


def drip_chunks(exchange: Exchange) -> None:
    exchange.send(_head(Reply(200), "Transfer-Encoding: chunked"))
    exchange.drip(iter(lambda: b"1\r\n \r\n", None))


def huge(exchange: Exchange) -> None:
    """An endless body, as fast as it goes."""
    exchange.send(_head(Reply(200, (("Content-Type", "application/json"),)), "Transfer-Encoding: chunked"))
    block = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    while True:
        exchange.send(block)


def endless_chunk_head(exchange: Exchange) -> None:
    """A chunk whose head never ends: no line of it has a bound in most readers."""
    exchange.send(_head(Reply(200), "Transfer-Encoding: chunked"))
    while True:
        exchange.send(b"1" * 65_536)


@functools.cache
def bomb() -> bytes:
    """200 MB of spaces in less than 1 MB of gzip."""
    squeeze = zlib.compressobj(1, wbits=31)
    block = b" " * 1_000_000
    return b"".join(squeeze.compress(block) for _ in range(200)) + squeeze.flush()


def gzip_bomb(exchange: Exchange) -> None:
    headers = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
    exchange.answer(Reply(200, headers, bomb()))


def _head(reply: Reply, framing: str) -> bytes:
    kind = f"Content-Type: {reply.content_type}"
    return "\r\n".join([f"HTTP/1.1 {reply.status} OK", kind, framing, "", ""]).encode()
