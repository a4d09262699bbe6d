"""A server on loopback that answers each command of a Redis client with given bytes: what no Redis server sends."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from breakable_server import BreakableServer

PIECE_SECONDS = 0.05


class FalseRedis(BreakableServer):
    """Answers what it reads first with `head`, then goes on with `then`; without `then` every command with `head`.

    `sent` is how many bytes it got rid of.
    """

    def __init__(self, head: bytes, then: bytes, *, is_slow: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)  # type: ignore[arg-type]
        self.head = head
        self.then = then
        self.is_slow = is_slow
        self.sent = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what these tests are about."""


class _Handler(socketserver.BaseRequestHandler):
    server: FalseRedis

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while self.request.recv(65_536):
                self._send(self.server.head)
                if self.server.then:
                    break
            while self.server.then and not self.server.is_over.wait(PIECE_SECONDS if self.server.is_slow else 0):
                self._send(self.server.then)

    def _send(self, piece: bytes) -> None:
        self.request.sendall(piece)
        self.server.sent += len(piece)


@contextmanager
def false_redis(head: bytes, then: bytes = b"", *, is_slow: bool = False) -> Iterator[FalseRedis]:
    """Run a server that sends `head`, and then `then` again and again: at once, or slowly."""
    server = FalseRedis(head, then, is_slow=is_slow)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.end()
        thread.join()
