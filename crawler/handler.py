"""Scrapy's download handler of Orbweaver: aiohttp underneath, bodies streamed into digests, nothing kept.

The response that reaches the spider has the HTML of a page or an empty body; `request.meta["fetched"]` has the
digests and the facts of the transfer, `request.meta["bytes_received"]` what came on the wire, also after a failure.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import math
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import aiohttp
import yarl
from orbweaver.crawler import sandbox
from orbweaver.crawler.body import Body, BodyLimits, BodyReader
from orbweaver.crawler.egress import REFUSALS, Guard, parse_networks
from orbweaver.crawler.errors import BadResponse, BodyCut, EgressRefused, Interrupted, SandboxUnavailable
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    UnsupportedURLSchemeError,
)
from scrapy.http import Headers, HtmlResponse, Response

if TYPE_CHECKING:
    from typing import Self

    from aiohttp.connector import Connection
    from scrapy import Request
    from scrapy.crawler import Crawler

# Sent by a spider to end every transfer now: its deadline has come, or it was told to stop.
transfers_must_end = object()

# What is left of a redirect's body is read up to this, so that its connection can serve the next hop.
REDIRECT_BYTES = 16 * 1024
PARTIAL_CONTENT = 206


@dataclass(frozen=True)
class Fetched:
    """The facts of one transfer; `framing` says how the end of the body was known."""

    body: Body
    content_type: str | None
    framing: Literal["length", "chunked", "close"]
    ip: str | None


class _PeerResponse(aiohttp.ClientResponse):
    """Remembers the peer: a short body may have given the connection back before it can be asked."""

    peer: str | None = None
    certificate: bytes | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        transport = connection.transport
        if transport is not None:
            name = transport.get_extra_info("peername")
            self.peer = name[0] if name else None
            tls = transport.get_extra_info("ssl_object")
            self.certificate = tls.getpeercert(binary_form=True) if tls else None
        return await super().start(connection)


class HashingDownloadHandler(BaseDownloadHandler):
    """Fetches http and https; refuses to start outside the sandbox.

    Every connection passes the egress guard, at the moment its socket is made. Raises Scrapy's documented
    download exceptions, so that its retry middleware works, and those of crawler.errors.
    """

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        settings = crawler.settings
        self._guard = Guard(parse_networks(settings.getlist("ALLOW_ADDRESSES")))
        self._connect_seconds = settings.getfloat("CONNECT_SECONDS", 10)
        self._header_seconds = settings.getfloat("HEADER_SECONDS", 20)
        self._stall_seconds = settings.getfloat("STALL_SECONDS", 20)
        self._transfer_seconds = settings.getfloat("TRANSFER_SECONDS", 1_800)
        self._connections = settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")
        self._all_connections = settings.getint("CONCURRENT_REQUESTS")
        self._limits = BodyLimits(
            html_bytes=settings.getint("HTML_BYTES", 5 * 2**20),
            file_bytes=settings.getint("FILE_BYTES", 8 * 2**30),
            received_bytes=math.inf,
            grace_seconds=settings.getfloat("GRACE_SECONDS", 15),
            slowest_bytes_per_second=settings.getint("SLOWEST_BYTES_PER_SECOND", 1_024),
        )
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Timeout] = set()
        self._is_ended = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build the handler and let a spider end its transfers."""
        handler = cls(crawler)
        crawler.signals.connect(handler.end_transfers, signal=transfers_must_end)
        return handler

    def end_transfers(self) -> None:
        """End every running transfer with Interrupted, and refuse new ones."""
        self._is_ended = True
        now = asyncio.get_running_loop().time()
        for timeout in self._running:
            timeout.reschedule(now)

    async def download_request(self, request: Request) -> Response:
        """Fetch one URL, without following redirects."""
        if not sandbox.is_entered():
            raise SandboxUnavailable("a crawl process must enter the sandbox before its first request")
        if self._is_ended:
            raise Interrupted("the recrawl is stopping")
        with self._translated_errors():
            async with self._bounded(self._transfer_seconds):
                return await self._fetch(request)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def _fetch(self, request: Request) -> Response:
        async with self._bounded(self._connect_seconds + self._header_seconds):
            answer = await self._open_session().request(
                request.method,
                yarl.URL(request.url, encoded=True),  # canonical already: send it as it is
                headers=[
                    (name.decode("latin-1"), values[-1].decode("latin-1")) for name, values in request.headers.items()
                ],
                data=request.body or None,
                allow_redirects=False,
            )
        assert isinstance(answer, _PeerResponse)
        try:
            response = await self._read(request, answer)
        except BaseException:
            answer.close()  # whatever is still on its way must not reach the next request
            raise
        answer.release()
        return response

    async def _read(self, request: Request, answer: _PeerResponse) -> Response:
        # Raw: header bytes that are not UTF-8 are common, and must not hide a file.
        headers = Headers(list(answer.raw_headers))
        content_type = _latin(headers.get("Content-Type"))
        if answer.status in {301, 302, 303, 307, 308} and answer.headers.get("Location"):
            await answer.content.read(REDIRECT_BYTES)
            return self._response(request, answer, headers, html=b"")
        if answer.status == PARTIAL_CONTENT:
            raise BodyCut("a part was sent although the whole was asked for")
        coding = answer.headers.get("Transfer-Encoding", "chunked").strip().lower()
        if coding != "chunked":
            raise BadResponse("a transfer coding other than chunked: the body cannot be read")
        reader = BodyReader(
            content_type=content_type,
            # Several header lines are one list (RFC 9110, 5.3).
            content_encoding=", ".join(answer.headers.getall("Content-Encoding", ())),
            limits=self._limits_for(request),
        )
        try:
            body = await reader.read(self._chunks(answer))
        finally:
            # A transfer that failed, and the one that repeats it, were received as well: both are counted.
            request.meta["bytes_received"] = request.meta.get("bytes_received", 0) + reader.bytes_received
        # Nothing is left to decode: a middleware that saw the header would decode the empty body (and fail).
        headers.pop("Content-Encoding", None)
        request.meta["fetched"] = Fetched(
            body=body, content_type=content_type, framing=_framing(answer), ip=answer.peer
        )
        return self._response(request, answer, headers, html=body.html)

    async def _chunks(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Yield the body's chunks, each within the stall deadline.

        aiohttp's own (sock_read) ends with the parser: after one bad chunk header it never fires again (3.14.5).
        """
        chunks = answer.content.iter_any()
        while True:
            try:
                async with asyncio.timeout(self._stall_seconds + 1):  # the parser's own comes first where it works
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            yield chunk

    def _limits_for(self, request: Request) -> BodyLimits:
        left = request.meta.get("download_maxsize")
        if left is None:
            return self._limits
        limits = self._limits
        return BodyLimits(
            html_bytes=limits.html_bytes,
            file_bytes=limits.file_bytes,
            received_bytes=float(left),
            grace_seconds=limits.grace_seconds,
            slowest_bytes_per_second=limits.slowest_bytes_per_second,
        )

    def _response(self, request: Request, answer: _PeerResponse, headers: Headers, *, html: bytes | None) -> Response:
        version = answer.version
        kind = Response if html is None else HtmlResponse
        return kind(
            request.url,
            status=answer.status,
            headers=headers,
            body=html or b"",
            flags=["hashed"] if html is None else [],
            request=request,
            certificate=answer.certificate,
            ip_address=None if answer.peer is None else ipaddress.ip_address(answer.peer.split("%")[0]),
            protocol=f"HTTP/{version.major}.{version.minor}" if version else None,
        )

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._all_connections,
                limit_per_host=self._connections,
                socket_factory=self._guard.socket_factory,
                # An invalid certificate must not hide a file from a verification crawl.
                ssl=_unverified_tls(),
                ttl_dns_cache=60,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # BodyReader decodes, with limits and proof of the end
                trust_env=False,  # a proxy from the environment would bypass the guard
                response_class=_PeerResponse,
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self._connect_seconds, sock_read=self._stall_seconds
                ),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._session

    @asynccontextmanager
    async def _bounded(self, seconds: float) -> AsyncIterator[None]:
        async with asyncio.timeout(seconds) as timeout:
            self._running.add(timeout)
            try:
                yield
            finally:
                self._running.discard(timeout)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Turn aiohttp's errors into Scrapy's documented ones and ours; the messages name no body bytes."""
        refusals: list[EgressRefused] = []
        token = REFUSALS.set(refusals)
        try:
            yield
        except TimeoutError as error:
            if self._is_ended:
                raise Interrupted("the recrawl is stopping") from error
            raise DownloadTimeoutError("no answer, or silence inside it, for too long") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise UnsupportedURLSchemeError("a URL that cannot be asked for") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise CannotResolveHostError(f"the name does not resolve: {_strerror(error.os_error)}") from error
        except aiohttp.ClientConnectorSSLError as error:
            raise DownloadConnectionRefusedError("no TLS connection: the server does not speak it here") from error
        except aiohttp.ClientConnectorError as error:
            if refusals:
                raise refusals[0] from error
            if error.os_error.errno in {errno.EACCES, errno.EPERM}:
                raise EgressRefused(f"{error.host}:{error.port}", "port not in the sandbox") from error
            raise DownloadConnectionRefusedError(f"no connection: {_strerror(error.os_error)}") from error
        except aiohttp.ClientPayloadError as error:
            raise BodyCut("the body ended before its declared end") from error
        except (aiohttp.ClientResponseError, aiohttp.http_exceptions.HttpProcessingError) as error:
            # The error's own text quotes what the server sent: body bytes must not reach a record.
            raise BadResponse(f"not an HTTP answer that can be read ({type(error).__name__})") from error
        except (aiohttp.ClientError, OSError) as error:
            raise DownloadFailedError(f"the connection was lost ({type(error).__name__})") from error
        finally:
            REFUSALS.reset(token)


def _unverified_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _framing(answer: aiohttp.ClientResponse) -> Literal["length", "chunked", "close"]:
    if "chunked" in answer.headers.get("Transfer-Encoding", "").lower():
        return "chunked"
    return "length" if "Content-Length" in answer.headers else "close"


def _strerror(error: OSError) -> str:
    """Return the system's words for an error, or its class: never text that a server could have written."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or type(error).__name__


def _latin(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
