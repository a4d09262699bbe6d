"""The HTTP connections of one recrawl: one aiohttp session, in which every socket passes the egress guard.

Through a proxy there is no socket to a host: then every connection goes to the proxy, and hosts are judged before.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from ssl import SSLContext, SSLError
from typing import TYPE_CHECKING, Any

import aiohttp
import aiohttp_socks
import yarl
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.fetching.connecting import tls
from orbweaver.crawler.fetching.connecting.egress_guard import Guard
from orbweaver.crawler.fetching.connecting.proxies import Proxy, ProxyKind, judge_target
from orbweaver.crawler.fetching.connecting.response_heads import LONGEST_HEADER_BYTES, MOST_HEADERS
from orbweaver.crawler.fetching.connecting.response_protocol import ResponseProtocol
from orbweaver.crawler.fetching.pace.shared_pace import MOST_ADDRESSES_OF_A_NAME, SharedPace
from orbweaver.crawler.rules.spelt_urls import is_spelling_of, sent_as
from orbweaver.crawler.rules.urls import host_of, hostname_of
from python_socks import ProxyType
from scrapy.exceptions import DownloadConnectionRefusedError

if TYPE_CHECKING:
    import asyncio

    from aiohttp.abc import ResolveResult
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from orbweaver.model import TlsFacts

_PROXY_TYPES = {
    ProxyKind.HTTP: ProxyType.HTTP,
    ProxyKind.HTTPS: ProxyType.HTTP,
    ProxyKind.SOCKS5: ProxyType.SOCKS5,
}

# One connection may be so far ahead of its reader: with 64 KB, large files take a seventh longer (docs/performance.md).
READ_AHEAD_BYTES = 2**19

IN_TLS = "not verified through an https proxy"


@dataclass(frozen=True)
class ConnectionLimits:
    """The most connections there may be, in all and to one host, and the seconds until one must stand."""

    connections: int
    connections_per_host: int
    connect_seconds: float


class PeerResponse(aiohttp.ClientResponse):
    """Remembers the peer: a short body may have given the connection back before it can be asked.

    `peer` is the host's address, None where a proxy hides it; `certificate` is the host's in DER form.
    """

    peer: str | None = None
    certificate: bytes | None = None
    tls: TlsFacts | None = None
    _protocol: ResponseHandler | None = None

    @property
    def is_reset(self) -> bool:
        """Whether the connection broke: to aiohttp that, too, is the end of a body that only the close ends."""
        return self._protocol is not None and isinstance(self._protocol.exception(), OSError)

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Note address and certificate (DER) of the peer, then read the headers."""
        self._protocol = connection.protocol
        transport = connection.transport
        if transport is not None:
            name = transport.get_extra_info("peername")
            self.peer = name[0] if name else None
            secured = transport.get_extra_info("ssl_object")
            self.certificate = secured.getpeercert(binary_form=True) if secured else None
        return await super().start(connection)


class Connections:
    """Asks hosts, directly or through one proxy; needs a running loop.

    The session has no state: no cookies, no proxy from the environment, no decoding. A host's certificate is verified;
    one that fails is asked again without, and from then on, and its answers say so.
    """

    def __init__(
        self, guard: Guard, limits: ConnectionLimits, *, proxy: Proxy | None = None, pace: SharedPace | None = None
    ) -> None:
        self._guard = guard
        self._proxy = proxy
        # asyncio up to 3.11.7 never says that a handshake inside another TLS connection failed: it hangs.
        self._trust = tls.Trust(IN_TLS if proxy is not None and proxy.kind is ProxyKind.HTTPS else None)
        self._session = aiohttp.ClientSession(
            connector=_connector(guard, limits, proxy, pace),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # BodyReader decodes, with limits and proof of the end
            trust_env=False,  # a proxy from the environment would bypass the guard
            response_class=PeerResponse,
            read_bufsize=READ_AHEAD_BYTES,
            max_headers=MOST_HEADERS,
            max_field_size=LONGEST_HEADER_BYTES,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=limits.connect_seconds
            ),  # the rest is Transfers' own
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def ask(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        data: bytes | None = None,
        *,
        spelling: str | None = None,
    ) -> PeerResponse:
        """Send a request for a canonical URL, in a spelling of it, and wait for the headers.

        Redirects are not followed. Raises UrlRefused for a spelling of another URL, EgressRefused, aiohttp's errors,
        and DownloadConnectionRefusedError or TimeoutError for a proxy that makes no connection.
        """
        if spelling is not None and not is_spelling_of(spelling, url):
            raise UrlRefused("the spelling of a request is not one of its URL")
        target = _target(url, sent_as(url, spelling))
        hostname = hostname_of(url).strip("[]")
        judge_target(hostname, self._proxy, self._guard.judge)
        if self._proxy is None:
            await self._guard.prepare(hostname)  # a name's addresses: _PreparingResolver
        host = host_of(url)
        is_secure = url.startswith("https:")
        reason = self._trust.reason_for(host)
        try:
            context = self._trust.context_for(host) if is_secure else True
            response = await self._send(method, target, headers, data, context)
        except (SSLError, _HandshakeFailed) as error:  # aiohttp's are SSLError, too
            if reason is not None or not tls.is_about_host(error):
                raise
            reason = tls.reason_of(error)
            response = await self._send(method, target, headers, data, tls.unverified_context())
            self._trust.distrust(host, reason)
        if is_secure:
            response.tls = tls.facts_of(response.certificate, reason)
        return response

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def _send(
        self,
        method: str,
        target: yarl.URL,
        headers: Sequence[tuple[str, str]],
        data: bytes | None,
        context: SSLContext | bool,
    ) -> PeerResponse:
        try:
            response = await self._session.request(
                method,
                target,
                headers=headers,
                data=data,
                ssl=context,
                allow_redirects=False,
            )
        except aiohttp_socks.ProxyTimeoutError as error:
            raise TimeoutError from error
        except aiohttp_socks.ProxyConnectionError as error:
            raise DownloadConnectionRefusedError("no connection to the proxy") from error
        except aiohttp_socks.ProxyError as error:
            # Its text may be the proxy's own. The code is SOCKS' (RFC 1928, 6) or HTTP's.
            reply = "it refused us" if error.error_code is None else f"it said {error.error_code}"
            raise DownloadConnectionRefusedError(f"the proxy made no connection: {reply}") from error
        assert isinstance(response, PeerResponse)
        if self._proxy is not None:
            response.peer = None
        return response


def _target(url: str, spelling: str | None) -> yarl.URL:
    """Return what aiohttp sends as it is: a canonical URL, or its host with path and query of that spelling."""
    if spelling is None:
        return yarl.URL(url, encoded=True)
    scheme = url[: url.index(":")]
    # All of it as the path: as a URL it would lose a "?" without a query.
    return yarl.URL.build(scheme=scheme, authority=host_of(url), path=spelling, encoded=True)


class _PreparingResolver(aiohttp.ThreadedResolver):
    """Resolves as aiohttp does, and lets the guard learn what it must know about the addresses that it will see.

    Those that may be connected to are told to `pace`, before there is a connection.
    """

    def __init__(self, guard: Guard, pace: SharedPace | None) -> None:
        super().__init__()
        self._guard = guard
        self._pace = pace

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        results = (await super().resolve(host, port, family))[:MOST_ADDRESSES_OF_A_NAME]
        for result in results:
            await self._guard.prepare(result["host"])
        if self._pace is not None:
            addresses = [result["host"] for result in results]
            self._pace.learn(host, [one for one in addresses if self._guard.judge(one).is_allowed])
        return results


class _CleanConnector(aiohttp.TCPConnector):
    """Gives a connection that is to serve again only when its server has sent nothing while it was idle.

    aiohttp would take bytes that came meanwhile for the answer to the next request (3.14.5). Each connection reads its
    answers by ResponseProtocol.
    """

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        # mypy knows no covariance of partial.
        self._factory = partial(ResponseProtocol, loop=self._loop)  # type: ignore[assignment]

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's own signature
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        while connection.protocol is not None and connection.protocol.should_close:
            connection.close()
            connection = await super().connect(req, traces, timeout)
        return connection


class _HandshakeFailed(DownloadConnectionRefusedError):
    """No TLS through the proxy: with the host, or with the proxy itself; its cause is the ssl module's error."""


class _ProxyConnector(_CleanConnector, aiohttp_socks.ProxyConnector):
    """Tells a failed handshake from a lost connection, as aiohttp's own connector does."""

    async def _connect_via_proxy(
        self,
        host: str,
        port: int,
        ssl: SSLContext | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own signature
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        try:
            transport, made = await super()._connect_via_proxy(host, port, ssl, timeout)
        except SSLError as error:
            raise _HandshakeFailed("no TLS connection through the proxy") from error
        except AttributeError as error:
            # asyncio before Python 3.11.4 cannot abort a TLS connection that is over already, as python_socks does
            # with one that the proxy refused.
            refusal = error.__context__
            if isinstance(refusal, aiohttp_socks.ProxyError):
                raise refusal from None
            if refusal is not None and hasattr(refusal, "error_code"):
                # python_socks' own error, of which it would have made a ProxyError.
                raise aiohttp_socks.ProxyError(str(refusal), error_code=refusal.error_code) from None
            raise
        protocol = ResponseProtocol(self._loop, replaces=made)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        return transport, protocol


def _connector(
    guard: Guard, limits: ConnectionLimits, proxy: Proxy | None, pace: SharedPace | None
) -> aiohttp.TCPConnector:
    if proxy is None:
        return _CleanConnector(
            limit=limits.connections,
            limit_per_host=limits.connections_per_host,
            socket_factory=guard.socket_factory,
            resolver=_PreparingResolver(guard, pace),
            ttl_dns_cache=60,
        )
    return _ProxyConnector(
        proxy_type=_PROXY_TYPES[proxy.kind],
        host=proxy.host,
        port=proxy.port,
        username=proxy.username,
        password=proxy.password,
        rdns=True,  # names are the proxy's to resolve: nobody here may learn them, and .onion has no other way
        # Never without verification: the proxy gets its password this way.
        proxy_ssl=tls.verified_context() if proxy.kind is ProxyKind.HTTPS else None,
        limit=limits.connections,
        limit_per_host=limits.connections_per_host,
    )
