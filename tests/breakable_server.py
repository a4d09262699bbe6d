"""An HTTP server with a thread a connection, which breaks them off at its end and leaves no thread behind."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer


class BreakableServer(ThreadingHTTPServer):
    """Ended by `end`; `is_over` is set then. A connection that may be waited for must be `breakable`."""

    daemon_threads = False  # so that server_close() waits for them
    request_queue_size = 128

    is_over: threading.Event

    def server_activate(self) -> None:
        self.is_over = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().server_activate()

    def end(self) -> None:
        """Accept no more, break off every connection, and wait until all threads have ended."""
        self.is_over.set()
        self.shutdown()
        with self._lock:
            for connection in self._open:
                _break_off(connection)
        self.server_close()

    @contextlib.contextmanager
    def breakable(self, connection: socket.socket) -> Iterator[None]:
        """Have a connection broken off when the server ends; whoever waits for it then goes on at once."""
        with self._lock:
            self._open.add(connection)
            if self.is_over.is_set():
                _break_off(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Answer a connection to its end."""
        with self.breakable(request):
            super().finish_request(request, client_address)  # type: ignore[arg-type]


def _break_off(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended meanwhile
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # of TLS too: without its goodbye, which could wait
