"""A small HTTP server for a stand-in: one function answers every request, and keeps connections alive."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from breakable_server import BreakableServer


@dataclass(frozen=True)
class Asked:
    """One request as it came; `path` has the query, header names are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is sent back; a body shorter than `claimed_length` is cut by closing the connection."""

    status: int = 200
    content_type: str | None = "text/plain; charset=utf-8"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    claimed_length: int | None = None


@contextmanager
def answering(answer: Callable[[Asked], Reply]) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1, which is yielded; `answer` is called in the connections' own threads."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body leave together

        def _reply(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = answer(Asked(self.command, self.path, headers, self.rfile.read(length)))
            if "Date" in reply.headers:
                self.send_response_only(reply.status)
            else:
                self.send_response(reply.status)
            if reply.content_type is not None:
                self.send_header("Content-Type", reply.content_type)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            claimed = len(reply.body) if reply.claimed_length is None else reply.claimed_length
            self.send_header("Content-Length", str(claimed))
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = self.close_connection or claimed != len(reply.body)

        do_GET = do_POST = _reply  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing: a test's output is its own."""

    class Server(BreakableServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Let a client that goes away go; everything else is a fault of the stand-in, and shown."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.end()
        thread.join()
