"""The HTTP connections of one recrawl: one aiohttp session, in which every socket passes the egress guard."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from orbweaver.crawler.egress import Guard

if TYPE_CHECKING:
    from aiohttp.connector import Connection


@dataclass(frozen=True)
class ConnectionLimits:
    """How many connections there may be, in all and to one host, and the seconds until one must stand."""

    connections: int
    connections_per_host: int
    connect_seconds: float


class PeerResponse(aiohttp.ClientResponse):
    """Remembers the peer: a short body may have given the connection back before it can be asked."""

    peer: str | None = None
    certificate: bytes | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Note address and certificate (DER) of the peer, then read the headers."""
        transport = connection.transport
        if transport is not None:
            name = transport.get_extra_info("peername")
            self.peer = name[0] if name else None
            tls = transport.get_extra_info("ssl_object")
            self.certificate = tls.getpeercert(binary_form=True) if tls else None
        return await super().start(connection)


def open_session(guard: Guard, limits: ConnectionLimits) -> aiohttp.ClientSession:
    """Open a session without state: no cookies, no proxy from the environment, no decoding; needs a running loop."""
    connector = aiohttp.TCPConnector(
        limit=limits.connections,
        limit_per_host=limits.connections_per_host,
        socket_factory=guard.socket_factory,
        # An invalid certificate must not hide a file from a verification crawl.
        ssl=_unverified_tls(),
        ttl_dns_cache=60,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # BodyReader decodes, with limits and proof of the end
        trust_env=False,  # a proxy from the environment would bypass the guard
        response_class=PeerResponse,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_seconds),  # the rest is Transfers' own
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )


def _unverified_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
