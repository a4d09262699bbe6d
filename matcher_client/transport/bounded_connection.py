"""Connections of requests and urllib3 that bound an answer's time and size, and prove that it answers this question.

A read timeout ends a silence, not an answer: a server that sends a byte every few seconds, in the headers or in the
body, is never too slow for it. Here each read and each write of the socket has only the rest of the question's time.

On a kept connection, a late answer to the first question may arrive as the answer to the second, and an answer that is
only `false` does not show it. So a connection is kept only while each answer repeats its question's number. An answer
on a kept connection that does not repeat it does not count (docs/decisions/0038).
"""

from __future__ import annotations

import functools
import http.client
import io
import math
import secrets
import socket
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
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
# The header that servers and proxies commonly repeat when they are configured to.
NUMBER = "X-Request-Id"
_OUR_NUMBERS = "orbweaver-"


def _new_number() -> str:
    """Return a number that no question in any process has: a forked process shares its parent's connections."""
    return _OUR_NUMBERS + secrets.token_hex(16)


@dataclass(kw_only=True)
class HttpQuestion:
    """One question: its limits, and the number that its answer must repeat.

    `deadline` is a time of `time.monotonic`. `silence_seconds` limits a single read, `wire_bytes` all that is received.
    `number` is sent with the question. `attempts` counts how often it was sent, `is_first` says whether its connection
    was new then, and `is_repeated` whether the answer repeats its number.
    """

    service: str
    deadline: float
    silence_seconds: float
    wire_bytes: int
    number: str = field(default_factory=_new_number)
    attempts: int = 0
    is_first: bool = True
    is_repeated: bool = False

    def seconds_left(self) -> float:
        """Return how long the question may still take; raises Unavailable when its time is over."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Unavailable(f"{self.service} is too slow: no complete answer in time")
        return left


# The question that this thread asks. A connection does not hold it, because the pool gives connections to any thread.
asked: ContextVar[HttpQuestion] = ContextVar("asked")


class _BoundedReader(io.RawIOBase):
    """Reads from the socket, for as long and as much as the question allows."""

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
        """Read the head of the final answer, past informational ones; an answer without the number ends the connection.

        http.client skips only 100 (RFC 9110, 15.2: a client must be able to read any 1xx). Nobody asked for a 101.
        """
        super().begin()
        while 100 <= self.status < 200 and self.status != http.client.SWITCHING_PROTOCOLS:
            self.headers = None  # type: ignore[assignment]  # http.client's sign of an answer not begun
            super().begin()
        self._require_answer_to(asked.get())

    def _require_answer_to(self, question: HttpQuestion) -> None:
        numbers = self.headers.get_all(NUMBER, [])
        question.is_repeated = set(numbers) == {question.number}  # it may come twice: from a proxy and from the service
        if question.is_repeated:
            return
        self.will_close = True
        if not question.is_first:
            raise _AnswerToAnotherError
        if any(number.startswith(_OUR_NUMBERS) for number in {*numbers} - {question.number}):
            raise Unavailable(
                f"{question.service} gave the answer to another question ({NUMBER} differs): "
                "look for a cache or a proxy in front of it that mixes up answers"
            )


class _AnswerToAnotherError(http.client.HTTPException):
    """A kept connection gave what may be the answer to another question: ours is asked again, on a new connection."""


class _BoundedConnection(HTTPConnection):
    response_class = _BoundedResponse
    _questions = 0  # on the socket that is open

    def connect(self) -> None:
        left = asked.get().seconds_left()
        self.timeout = left if self.timeout is None else min(self.timeout, left)
        self._questions = 0
        super().connect()

    def request(self, *arguments: Any, **options: Any) -> None:
        """Send the question; after a failed attempt it is sent on a new connection."""
        question = asked.get()
        if question.attempts and self._questions:
            self.close()
        if self.sock is None:
            self.connect()
        question.attempts += 1
        question.is_first = self._questions == 0
        self._questions += 1
        super().request(*arguments, **options)

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
    """An adapter of requests for one service; its connections obey the question in `asked`, set by the caller."""

    _pool: HTTPConnectionPool | None = None

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> HTTPConnectionPool:
        """Return the service's pool, looked up once: each look-up takes a tenth of a question's time."""
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*arguments, **options)
        return self._pool

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools with our connections; an error of ours that they raise is not tried again."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: bool | str, cert: str | tuple[str, str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the usual roots to connections that name no certificate files."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if verify is True and cert is None:
            tls["ssl_context"] = usual_roots()
        return host, tls

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: str | tuple[str, str] | None) -> None:
        """Load the certificate files for each connection, except where it has the usual roots."""
        if not (verify is True and cert is None):
            super().cert_verify(conn, url, verify, cert)


@functools.cache
def usual_roots() -> ssl.SSLContext:
    """Return a context that verifies by the roots of requests, read once: reading them costs 20 ms of CPU each time."""
    context = create_urllib3_context()  # by default it verifies certificates and names
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class PatientRetry(Retry):
    """urllib3's Retry, whose pauses end with the question's time. A Retry-After that is not a time is ignored."""

    def parse_retry_after(self, retry_after: str) -> float:
        """Return how many seconds to wait; raises Unavailable when no time is left."""
        try:
            seconds = super().parse_retry_after(retry_after)
        except (InvalidHeader, ValueError, OverflowError):  # not a number, not a date, or a date out of all time
            return 0
        left = asked.get().seconds_left()
        return min(seconds, left) if math.isfinite(seconds) else 0
