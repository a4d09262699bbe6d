"""One POST over HTTP whose answer is bounded in time and bytes, headers included, however the server sends it."""

from __future__ import annotations

import http.client
import io
import logging
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from orbweaver.takedown.delivery.sinks import allowances
from orbweaver.takedown.delivery.sinks.allowances import Patience
from orbweaver.takedown.errors import SinkAway
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

# urllib3 logs the URL of a request that fails.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class SinkAnswer:
    """A server's answer to a POST: its status, and its Retry-After as it was sent, empty when it was not."""

    status: int
    retry_after: str


class Poster:
    """The kept connection to one server, which must have a valid certificate where the URL is https.

    `roots` is a PEM file of the authorities to trust in place of the usual ones. No proxy, no .netrc, no cookie and no
    redirect is used.
    """

    def __init__(self, url: str, *, roots: Path | None = None, patience: Patience | None = None) -> None:
        self._url = url
        self._verify: bool | str = True if roots is None else str(roots)
        self._patience = patience or Patience()
        self._adapter = _AllowedAdapter(max_retries=0, pool_connections=1, pool_maxsize=1)
        self._is_kept = False  # whether there may be a connection from an earlier request

    def post(self, body: bytes, headers: Mapping[str, str]) -> SinkAnswer:
        """Send a body; raises SinkAway, whose message begins after the name of the sink.

        It is sent a second time only when a kept connection turns out to have been ended by the server.
        """
        request = requests.Request("POST", self._url, headers=dict(headers), data=body).prepare()
        with allowances.given(self._patience):
            try:
                return self._send(request)
            except (requests.RequestException, HTTPError, OSError) as error:
                if not (self._is_kept and _was_ended(error)):
                    raise SinkAway(failure(error)) from None
            self.close()
            try:
                return self._send(request)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise SinkAway(failure(error)) from None

    def close(self) -> None:
        """Close the connection."""
        self._is_kept = False
        self._adapter.close()

    def _send(self, request: requests.PreparedRequest) -> SinkAnswer:
        response = self._adapter.send(
            request,
            stream=True,
            timeout=(self._patience.connect_seconds, self._patience.silence_seconds),
            verify=self._verify,
        )
        answer = SinkAnswer(response.status_code, response.headers.get("Retry-After", ""))
        self._free(response)
        self._is_kept = True
        return answer

    def _free(self, response: requests.Response) -> None:
        """Read a short body, so that the connection can be kept; any other ends it. The status alone counts."""
        length = "0" if response.status_code == HTTPStatus.NO_CONTENT else response.headers.get("Content-Length", "")
        try:
            if length.isdecimal() and len(length) < 10 and int(length) <= self._patience.answer_bytes:
                response.raw.read(decode_content=False)
        except (SinkAway, HTTPError, OSError):
            pass
        finally:
            response.close()


def failure(error: BaseException) -> str:
    """Say in words what failed. The libraries' own messages may quote the URL or a header, so none is used."""
    causes = list(_causes(error))
    for one in causes:
        match one:
            case ssl.SSLCertVerificationError():
                return f"its TLS certificate does not verify ({one.verify_message}; SINK_ROOTS names other roots)"
            case ssl.SSLError():
                return f"TLS failed ({one.reason or 'no reason given'})"
            case NameResolutionError():
                return "its host name does not resolve"
    if any(isinstance(one, requests.ConnectTimeout) for one in causes):
        return "no connection in time"
    if any(isinstance(one, TimeoutError) for one in causes):
        return "it is too slow: no whole answer in time"
    for one in causes:
        if isinstance(one, OSError) and one.strerror and not isinstance(one, requests.RequestException):
            return f"no answer: {one.strerror.lower()}"
    return "it closed the connection, or sent what is not HTTP, in place of an answer"


def _was_ended(error: BaseException) -> bool:
    """Whether a request found its connection ended, before a byte of the answer."""
    is_ended = any(isinstance(one, ConnectionError | http.client.RemoteDisconnected) for one in _causes(error))
    return is_ended and allowances.left().received == 0


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those inside it; requests and urllib3 put them in arguments, `reason`, cause and context."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


class _AllowedReader(io.RawIOBase):
    """Reads from the socket, for as long and as much as the request may take."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._socket = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        allowance = allowances.left()
        self._socket.settimeout(allowance.seconds_left())
        count = self._raw.readinto(buffer)
        allowance.count(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()  # the socket is closed with its last reader
        super().close()


class _AllowedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_AllowedReader(sock, self.fp.detach()))

    def begin(self) -> None:
        """Read the head of the final answer; http.client passes over no informational answer but 100."""
        super().begin()
        while 100 <= self.status < 200 and self.status != http.client.SWITCHING_PROTOCOLS:
            self.headers = None  # type: ignore[assignment]  # http.client's sign of an answer not begun
            super().begin()


class _AllowedConnection(HTTPConnection):
    response_class = _AllowedResponse

    def connect(self) -> None:
        left = allowances.left().seconds_left()
        self.timeout = left if self.timeout is None else min(self.timeout, left)
        super().connect()


class _AllowedTlsConnection(_AllowedConnection, HTTPSConnection):
    pass


class _AllowedPool(HTTPConnectionPool):
    ConnectionCls = _AllowedConnection


class _AllowedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _AllowedTlsConnection


class _AllowedAdapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _AllowedPool, "https": _AllowedTlsPool}
