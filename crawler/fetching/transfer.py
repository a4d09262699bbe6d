"""One HTTP transfer: a URL is asked for once, and its body streams into digests."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import aiohttp
from multidict import CIMultiDictProxy
from orbweaver.crawler.bodies.archives.archive_limits import ArchiveLimits
from orbweaver.crawler.bodies.body import Body, BodyLimits, BodyReader
from orbweaver.crawler.containment import sandbox
from orbweaver.crawler.errors import SandboxUnavailable
from orbweaver.crawler.fetching.connecting.client_errors import named_error
from orbweaver.crawler.fetching.connecting.connections import ConnectionLimits, Connections, PeerResponse
from orbweaver.crawler.fetching.connecting.egress_guard import Guard, noted_refusals
from orbweaver.crawler.fetching.connecting.nat64 import Translators, parse_prefixes
from orbweaver.crawler.fetching.connecting.proxies import Proxy
from orbweaver.crawler.fetching.deadlines import Deadline, Deadlines
from orbweaver.crawler.fetching.pace.shared_pace import SharedPace
from orbweaver.crawler.rules.address_rules import parse_networks
from orbweaver.crawler.rules.spelt_urls import SpeltUrl
from orbweaver.crawler.transfer_errors import BadResponse, BodyCut, ConnectionLost, Interrupted, PartSent
from orbweaver.model import TlsFacts
from orbweaver.settings import Settings
from scrapy.exceptions import DownloadTimeoutError

# The rest of a redirect's body is read up to this, so that its connection can serve the next hop.
REDIRECT_BYTES = 16 * 1024
# So long that rest is waited for: browsers go on as soon as they have the headers.
REDIRECT_SECONDS = 1.0
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
PARTIAL_CONTENT = 206
# These have no body, whatever their headers say (RFC 9112, 6.3).
BODILESS_STATUSES = frozenset({204, 304})
_CONTENT_RANGE = re.compile(r"bytes 0-(?P<last>[0-9]{1,18})/(?P<size>[0-9]{1,18})", re.IGNORECASE)

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class FetchedResponse:
    """The response to one request: the facts of the transfer and what is left of its body, None for a redirect.

    `spelling` is the one in which `url` was asked for. `raw_headers` are as received; `framing` says how the end of the
    body was known; `certificate` is the peer's, in DER form, and `tls` what became of its verification;
    `latency_seconds` passed from the request to the end of the headers. `cut_by` is the error that ended a document too
    early: what came of it is in the body, without digests.
    """

    url: str
    status: int
    headers: CIMultiDictProxy[str]
    raw_headers: Sequence[tuple[bytes, bytes]]
    content_type: str | None
    body: Body | None
    framing: Literal["length", "chunked", "close"]
    ip: str | None
    certificate: bytes | None
    protocol: str | None
    latency_seconds: float
    tls: TlsFacts | None
    is_refused_by_robots: bool = False
    cut_by: Exception | None = None
    spelling: str | None = None

    @property
    def asked(self) -> SpeltUrl:
        """The URL as it was asked for."""
        return SpeltUrl(self.url, self.spelling)

    @property
    def location(self) -> bytes | None:
        """The target of a redirect, as its server wrote it; None when this is no redirect."""
        if self.body is not None:
            return None
        return next(value for name, value in self.raw_headers if name.lower() == b"location")


@dataclass(slots=True)
class _Reading:
    """The body that is being read, for the case that the transfer fails, and the response with all but its body."""

    reader: BodyReader | None = None
    response: FetchedResponse | None = None


# After these a browser shows as much of a page as came.
_CUTTING = (BodyCut, ConnectionLost, DownloadTimeoutError)


class Transfers:
    """Makes transfers over one session; each within its deadlines, every connection past the egress guard.

    Raises Scrapy's documented download exceptions, which say what may be tried again, and those of crawler.errors.
    """

    def __init__(self, settings: Settings, *, proxy: Proxy | None = None, pace: SharedPace | None = None) -> None:
        self._proxy = proxy
        self._pace = pace
        self._guard = Guard(
            parse_networks(settings.allow_addresses),
            # Through a proxy nothing is asked of DNS here.
            Translators(parse_prefixes(settings.nat64_prefixes), asks_dns=proxy is None),
        )
        self._connection_limits = ConnectionLimits(
            connections=settings.host_connections,
            connections_per_host=settings.host_connections,
            connect_seconds=settings.connect_timeout.total_seconds(),
        )
        self._header_seconds = (settings.connect_timeout + settings.header_timeout).total_seconds()
        self._stall_seconds = settings.stall_timeout.total_seconds()
        self._transfer_seconds = settings.transfer_timeout.total_seconds()
        self.limits = BodyLimits(
            html_bytes=settings.html_bytes,
            file_bytes=settings.file_bytes,
            grace_seconds=settings.grace_period.total_seconds(),
            slowest_bytes_per_second=settings.slowest_bytes_per_second,
            archive=ArchiveLimits(
                members=settings.archive_members,
                member_bytes=settings.file_bytes,
                decoded_bytes=settings.archive_bytes,
                depth=settings.archive_depth,
            ),
        )
        self._connections: Connections | None = None
        self._deadlines = Deadlines()

    def end(self) -> None:
        """End every running transfer with Interrupted, and refuse new ones."""
        self._deadlines.end()

    async def close(self) -> None:
        """Close every connection."""
        if self._connections is not None:
            await self._connections.close()

    async def transfer(
        self,
        url: str,
        headers: Headers,
        *,
        spend_bytes: Callable[[int], None],
        admit_bytes: Callable[[int], None] = lambda _: None,
        method: str = "GET",
        data: bytes | None = None,
        limits: BodyLimits | None = None,
        read_as: str | None = None,
        spelling: str | None = None,
    ) -> FetchedResponse:
        """Ask for a canonical URL, in a spelling of it, without following redirects.

        `admit_bytes` is told how many bytes a file's headers announce, and `spend_bytes` of every chunk as it comes;
        both may raise. `limits` replace those of the settings, and `read_as` the declared media type.
        """
        if not sandbox.is_entered():
            raise SandboxUnavailable("a crawl process must enter the sandbox before its first request")
        if self._deadlines.is_ended:
            raise Interrupted("the recrawl is stopping")
        reading = _Reading()
        with noted_refusals() as refusals:
            try:
                async with self._deadlines.open(self._header_seconds) as deadline:
                    began = time.monotonic()
                    if self._connections is None:
                        self._connections = Connections(
                            self._guard, self._connection_limits, proxy=self._proxy, pace=self._pace
                        )
                    response = await self._connections.ask(method, url, headers, data, spelling=spelling)
                    latency = time.monotonic() - began
                    try:
                        fetched = await self._read(
                            SpeltUrl(url, spelling),
                            response,
                            latency,
                            deadline,
                            spend_bytes,
                            admit_bytes,
                            limits,
                            read_as,
                            reading,
                        )
                    except BaseException:
                        response.close()  # whatever is still on its way must not reach the next request
                        raise
                    response.release()
                    return fetched
            except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError) as error:
                named = named_error(error, refusals, is_ended=self._deadlines.is_ended)
                if cut := _cut_response(reading, named):
                    return cut
                if named is error:
                    raise
                raise named from error
            except BodyCut as error:
                if cut := _cut_response(reading, error):
                    return cut
                raise

    async def _read(
        self,
        asked: SpeltUrl,
        response: PeerResponse,
        latency_seconds: float,
        deadline: Deadline,
        spend_bytes: Callable[[int], None],
        admit_bytes: Callable[[int], None],
        limits: BodyLimits | None,
        read_as: str | None,
        reading: _Reading,
    ) -> FetchedResponse:
        # Several header lines are one list (RFC 9110, 5.3).
        content_type = read_as or ", ".join(response.headers.getall("Content-Type", ())) or None
        version = response.version
        fetched = FetchedResponse(
            url=asked.url,
            spelling=asked.spelling,
            status=response.status,
            headers=response.headers,
            # Raw: header bytes that are not UTF-8 are common, and must not hide a file.
            raw_headers=response.raw_headers,
            content_type=content_type,
            body=None,
            framing=_framing(response),
            ip=response.peer,
            certificate=response.certificate,
            protocol=f"HTTP/{version.major}.{version.minor}" if version else None,
            latency_seconds=latency_seconds,
            tls=response.tls,
        )
        if response.status in REDIRECT_STATUSES and response.headers.get("Location"):
            spend_bytes(await _pass_body(response))
            return fetched
        reading.response = fetched
        body = await self._read_body(response, content_type, deadline, spend_bytes, admit_bytes, limits, reading)
        return replace(fetched, body=body)

    async def _read_body(
        self,
        response: PeerResponse,
        content_type: str | None,
        deadline: Deadline,
        spend_bytes: Callable[[int], None],
        admit_bytes: Callable[[int], None],
        limits: BodyLimits | None,
        reading: _Reading,
    ) -> Body:
        whole_bytes = _whole_bytes(response.headers.get("Content-Range", ""))
        if response.status == PARTIAL_CONTENT and whole_bytes is None:
            raise PartSent("a part was sent although the whole was asked for")
        announced_bytes = _announced_bytes(response)
        if response.status == PARTIAL_CONTENT and announced_bytes not in {None, whole_bytes}:
            raise BodyCut("the answer said that its part is the whole file, but it is not")
        coding = _transfer_coding(response)
        if coding not in {None, "chunked"}:
            # Both browsers read such a body as it is; who stands between them and the server may take it for chunks.
            is_similar = "chunked" in coding
            named = "a transfer coding that only resembles chunked" if is_similar else "a transfer coding but chunked"
            raise BadResponse(f"{named}: where the body ends is read in two ways")
        reader = reading.reader = BodyReader(
            content_type=content_type,
            content_encoding=", ".join(response.headers.getall("Content-Encoding", ())),
            limits=limits or self.limits,
            spend_bytes=spend_bytes,
            announced_bytes=whole_bytes if announced_bytes is None else announced_bytes,
            admit_bytes=admit_bytes,
        )
        body = await reader.read(self._chunks(response.content, deadline))
        if response.status == PARTIAL_CONTENT and body.bytes_received != whole_bytes:
            raise BodyCut("the answer said that its part is the whole file, but it is not")
        if _framing(response) == "close" and response.is_reset:
            raise BodyCut("the connection broke, and only its orderly close could show that the body was complete")
        return body

    async def _chunks(self, content: aiohttp.StreamReader, deadline: Deadline) -> AsyncIterator[bytes]:
        """Yield the body's chunks, each within the stall deadline, all within that of the transfer.

        aiohttp's own (sock_read) ends with the parser: after one bad chunk header it never fires again (3.14.5).
        """
        clock = asyncio.get_running_loop().time
        last = clock() + self._transfer_seconds
        while not content.at_eof():
            deadline.move(min(clock() + self._stall_seconds, last))
            try:
                chunk = await content.readany()
            except Exception:
                # What came before the error is kept there, and only this gives it (3.14.5).
                if rest := content._read_nowait(-1):
                    yield rest
                raise
            deadline.move(last)  # while we decode and hash, it is not the server that is silent
            yield chunk


async def _pass_body(response: PeerResponse) -> int:
    """Read the beginning of a redirect's body, which says nothing; return its size, 0 where it breaks or is silent."""
    try:
        async with asyncio.timeout(REDIRECT_SECONDS):
            return len(await response.content.read(REDIRECT_BYTES))
    except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError):
        response.close()  # whatever still comes must not reach the next request
        return 0


def _cut_response(reading: _Reading, error: Exception) -> FetchedResponse | None:
    """Return the response with what came of its document before an error; None of a file, and of other errors."""
    if reading.reader is None or reading.response is None or not isinstance(error, _CUTTING):
        return None
    body = reading.reader.document_so_far()
    return None if body is None else replace(reading.response, body=body, cut_by=error)


def _whole_bytes(content_range: str) -> int | None:
    """Return the size of the part that was sent when it is all of the file: some servers answer every request so.

    RFC 9110, 14.4. None when it is less, or not said.
    """
    match = _CONTENT_RANGE.fullmatch(content_range.strip())
    return int(match["size"]) if match and int(match["last"]) + 1 == int(match["size"]) else None


def _announced_bytes(response: aiohttp.ClientResponse) -> int | None:
    """Return the size of the body that a Content-Length announces, None where there is none or no body can follow.

    The parser has refused what is not one number. Chunks announce sizes too, one by one, which it does not tell.
    """
    if response.method == "HEAD" or response.status in BODILESS_STATUSES or _framing(response) != "length":
        return None
    return int(response.headers["Content-Length"])


def _transfer_coding(response: aiohttp.ClientResponse) -> str | None:
    """Return the transfer codings as response_heads has written them; only blanks and tabs are no part of a name."""
    coding = response.headers.get("Transfer-Encoding")
    return None if coding is None else coding.strip(" \t").lower()


def _framing(response: aiohttp.ClientResponse) -> Literal["length", "chunked", "close"]:
    if _transfer_coding(response) == "chunked":
        return "chunked"
    return "length" if "Content-Length" in response.headers else "close"
