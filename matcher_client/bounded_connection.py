"""Connections of requests and urllib3, each for one question, whose answer is as fast and as small as that allows.

A read timeout ends a silence, not an answer: a byte every few seconds passes it for ever, in the headers and in the
body. Here every single read from the socket, and every write, has what is left of the question's time.

A second question on a connection can be given what the server sent late to the first; an answer that is only `false`
does not show it (docs/decisions/0026).
"""

from __future__ import annotations

import functools
import http.client
import io
import math
import socket
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orbweaver.matcher_client.errors import AnswerTooLarge, Unavailable
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry
from urllib3.util.ssl_ import create_urllib3_context

if TYPE_CHECKING:
    import ssl

    from _typeshed import WriteableBuffer
    from requests import PreparedRequest

# A slow receiver gets what is left of the time for each piece of this size; a TLS record has no more.
_PIECE_BYTES = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class Question:
    """What one question may take: `deadline` by `time.monotonic`, `silence_seconds` for a read, bytes on the wire."""

    service: str
    deadline: float
    silence_seconds: float
    wire_bytes: int

    def seconds_left(self) -> float:
        """Return how long the question may still take; raises Unavailable when its time is over."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Unavailable(f"{self.service} is too slow: no whole answer in time")
        return left


# The question that this thread asks. Connections wander between threads with the pool, so it is not theirs.
asked: ContextVar[Question] = ContextVar("asked")


class _BoundedReader(io.RawIOBase):
    """What comes from the socket, as long and as much as the question allows."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._socket = sock
        self._raw = raw
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        question = asked.get()
        self._socket.settimeout(min(question.silence_seconds, question.seconds_left()))
        count = self._raw.readinto(buffer)
        self._received += count or 0
        # Headers, chunk heads and trailers count too: no line of them has a bound everywhere.
        if self._received > question.wire_bytes:
            raise AnswerTooLarge(f"{question.service} answers with more than {question.wire_bytes:,} bytes")
        return count

    def close(self) -> None:
        self._raw.close()  # the socket is closed with its last reader
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_BoundedReader(sock, self.fp.detach()))

    def begin(self) -> None:
        """Read the head of the final answer, past informational ones; the connection ends with that answer.

        http.client knows 100 alone (RFC 9110, 15.2: a client must be able to read any). Nobody asked for a 101.
        """
        super().begin()
        while 100 <= self.status < 200 and self.status != http.client.SWITCHING_PROTOCOLS:
            self.headers = None  # type: ignore[assignment]  # http.client's sign of an answer not begun
            super().begin()
        self.will_close = True


class _BoundedConnection(HTTPConnection):
    response_class = _BoundedResponse

    def connect(self) -> None:
        left = asked.get().seconds_left()
        self.timeout = left if self.timeout is None else min(self.timeout, left)
        super().connect()

    def send(self, data: Any) -> None:
        for start in range(0, len(data), _PIECE_BYTES):
            question = asked.get()
            left = min(question.silence_seconds, question.seconds_left())
            if self.sock is not None:
                self.sock.settimeout(left)
            super().send(data[start : start + _PIECE_BYTES])


class _BoundedTlsConnection(_BoundedConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedTlsConnection


class BoundedAdapter(HTTPAdapter):
    """An adapter of requests whose connections keep to `asked`, which must be set by whoever uses it."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools with our connections; what is raised from them is not tried again."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: bool | str, cert: str | tuple[str, str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give connections without files of their own the usual roots."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if verify is True and cert is None:
            tls["ssl_context"] = usual_roots()
        return host, tls

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: str | tuple[str, str] | None) -> None:
        """Name the files to load for each connection; none where it has the usual roots."""
        if not (verify is True and cert is None):
            super().cert_verify(conn, url, verify, cert)


@functools.cache
def usual_roots() -> ssl.SSLContext:
    """Return how to verify by the roots that requests ships, read once: for each connection it costs 20 ms of CPU."""
    context = create_urllib3_context()  # it verifies, names too, unless it is told otherwise
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class PatientRetry(Retry):
    """urllib3's Retry, whose pauses end with the question's time; a Retry-After that is no time is none."""

    def parse_retry_after(self, retry_after: str) -> float:
        """Return for how many seconds to wait; raises Unavailable when there is no time left at all."""
        try:
            seconds = super().parse_retry_after(retry_after)
        except (InvalidHeader, ValueError, OverflowError):  # not a number, not a date, or a date out of all time
            return 0
        left = asked.get().seconds_left()
        return min(seconds, left) if math.isfinite(seconds) else 0
