"""The far sides of a delivery: a host with known files, and an engine behind a webhook, with the times of each."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

HERE = "127.0.0.1"


class Served:
    """A server on any free port of loopback while its block runs."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer((HERE, 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def body_of(number: int) -> bytes:
    """Return the bytes of a file of the host: no two are the same."""
    return b"\xff\xd8\xff\xe0" + b"synthetic file %d " % number * 500


class Host(Served):
    """A host with a page that links to files; `last_byte` has the moment (time.monotonic) when each was sent.

    The page takes some seconds, so that every worker of the run has started before there is a file.
    """

    def __init__(self, files: int, page_seconds: float) -> None:
        last_byte: dict[str, float] = {}
        page = "".join(f'<p><img src="/f{number}.jpg" alt="a picture"></p>' for number in range(files)).encode()

        class Handler(_Quiet):
            def do_GET(self) -> None:
                if self.path == "/":
                    time.sleep(page_seconds)
                    self.send(200, "text/html", b"<!DOCTYPE html><title>files</title>" + page)
                elif self.path.startswith("/f") and self.path.endswith(".jpg"):
                    self.send(200, "image/jpeg", body_of(int(self.path[2:].partition(".")[0])))
                    last_byte[self.path] = time.monotonic()
                else:
                    self.send(404, "text/plain", b"not found")

        super().__init__(Handler)
        self.last_byte = last_byte


class Engine(Served):
    """An engine that takes every event; `arrived` has the moment when that of each URL came first."""

    def __init__(self) -> None:
        arrived: dict[str, float] = {}

        class Handler(_Quiet):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                at = time.monotonic()
                arrived.setdefault(json.loads(body)["case"]["url"], at)
                self.send(204, "text/plain", b"")

        super().__init__(Handler)
        self.arrived = arrived
