"""How hosts are reached: certificates are verified and said, and a proxy never takes us where we may not go."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from orbweaver.crawler.errors import EgressRefused
from orbweaver.crawler.fetching.connecting import tls
from orbweaver.crawler.fetching.connecting.connections import IN_TLS, ConnectionLimits, Connections
from orbweaver.crawler.fetching.connecting.egress_guard import Guard
from orbweaver.crawler.fetching.connecting.proxies import Proxy, parse_proxy
from orbweaver.crawler.rules.address_rules import parse_networks
from orbweaver.model import TlsFacts
from proxy_servers import Asked, ConnectProxy, ProxyServer, SocksServer
from scrapy.exceptions import DownloadConnectionRefusedError
from synthetic_host import ADDRESS, Resource, SyntheticHost, ThreadedServer
from tls_host import Certificate, TlsHost, make_certificate

LIMITS = ConnectionLimits(connections=4, connections_per_host=2, connect_seconds=300)
BODY = b"a body"
RESOURCES = {"/": Resource("text/plain", BODY)}
LOGIN = ("orb", "w:e@ver")
NAME = "pictures.site.com"
STRANGER = make_certificate("stranger.example", is_authority=True)
ONION = "expyuzz4wqqyqhjn.onion"


class Got:
    """What one request gave, read to its end."""

    def __init__(self, status: int, body: bytes, peer: str | None, tls: TlsFacts | None) -> None:
        self.status = status
        self.body = body
        self.peer = peer
        self.tls = tls


async def get_with(connections: Connections, url: str) -> Got:
    response = await connections.ask("GET", url, [("User-Agent", "test")])
    return Got(response.status, await response.read(), response.peer, response.tls)


def get_all(*urls: str, proxy: Proxy | None = None, allowed: tuple[str, ...] = ("127.0.0.0/8",)) -> list[Got]:
    """Get URLs one after the other over the same connections."""

    async def act() -> list[Got]:
        connections = Connections(Guard(parse_networks(allowed)), LIMITS, proxy=proxy)
        try:
            return [await get_with(connections, url) for url in urls]
        finally:
            await connections.close()
            await asyncio.sleep(0.05)  # TLS connections close a moment later

    return asyncio.run(act())


def get(url: str, *, proxy: Proxy | None = None, allowed: tuple[str, ...] = ("127.0.0.0/8",)) -> Got:
    (got,) = get_all(url, proxy=proxy, allowed=allowed)
    return got


# --- TLS ---


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Certificate]:
    """An authority that this process trusts, as an operator would make it: by SSL_CERT_FILE."""
    made = make_certificate(is_authority=True)
    (tmp_path / "roots.pem").write_bytes(made.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    tls.verified_context.cache_clear()
    yield made
    tls.verified_context.cache_clear()


def facts(certificate: Certificate, reason: str | None) -> TlsFacts:
    digest = hashlib.sha256(certificate.der).hexdigest()
    return TlsFacts(is_verified=reason is None, reason=reason, certificate_sha256=digest)


def test_a_good_certificate_is_said_to_be_verified(tmp_path: Path, authority: Certificate) -> None:
    certificate = make_certificate(ADDRESS, issuer=authority)
    with TlsHost(RESOURCES, certificate.context(tmp_path)) as host:
        first, second = get_all(host.url, host.url)
    assert (first.body, first.tls, first.peer) == (BODY, facts(certificate, None), ADDRESS)
    assert second.tls == first.tls
    assert host.connections_seen == 1


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: make_certificate(ADDRESS), "self-signed certificate"),
        (lambda authority: make_certificate(ADDRESS, issuer=authority, age=timedelta(days=30)), "has expired"),
        (lambda authority: make_certificate(ADDRESS, issuer=authority, age=timedelta(days=-3)), "not yet valid"),
        (lambda authority: make_certificate("another.example", issuer=authority), "IP address mismatch"),
        (lambda _: make_certificate(ADDRESS, issuer=STRANGER), "unable to get local issuer"),
    ],
    ids=["self-signed", "expired", "too early", "wrong name", "unknown authority"],
)
def test_an_invalid_certificate_hides_nothing_and_is_said(
    tmp_path: Path, authority: Certificate, make: Callable[[Certificate], Certificate], reason: str
) -> None:
    certificate = make(authority)
    context = certificate.context(tmp_path)
    handshakes: list[object] = []
    context.sni_callback = lambda *said: handshakes.append(said)
    with TlsHost(RESOURCES, context) as host:
        first, second = get_all(host.url, host.url)
    assert first.body == second.body == BODY
    assert first.tls is not None
    assert reason in (first.tls.reason or "")
    assert first.tls == second.tls == facts(certificate, first.tls.reason)
    # One that failed and one that was kept: the host is not asked with verification again.
    assert len(handshakes) == 2
    assert len(host.requests) == 2


def test_what_one_host_failed_is_not_held_against_another(tmp_path: Path, authority: Certificate) -> None:
    good, bad = make_certificate(ADDRESS, issuer=authority), make_certificate(ADDRESS)
    with (
        TlsHost(RESOURCES, bad.context(tmp_path)) as bad_host,
        TlsHost(RESOURCES, good.context(tmp_path)) as good_host,
    ):
        got = get_all(bad_host.url, good_host.url, bad_host.url)
    assert [one.tls is not None and one.tls.is_verified for one in got] == [False, True, False]


class OldHost(ThreadedServer):
    """Speaks one cipher without modern hashing, and tells a client that has none in common so, as real servers do."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self._context = context

    async def _open(self) -> int:
        self._listener = socket.create_server((ADDRESS, 0))
        self._answering = asyncio.create_task(asyncio.to_thread(self._answer))
        return int(self._listener.getsockname()[1])

    def _answer(self) -> None:
        with contextlib.suppress(OSError):  # the listener is shut down
            while True:
                connection, _ = self._listener.accept()
                # asyncio's server goes without the alert.
                with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(65_536)
                    secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY))

    async def _close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        await self._answering
        self._listener.close()


def test_a_protocol_of_yesterday_hides_nothing(tmp_path: Path, authority: Certificate) -> None:
    context = make_certificate(ADDRESS, issuer=authority).context(tmp_path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")  # SHA-1: not among Python's defaults
    with OldHost(context) as host:
        got = get(host.url.replace("http:", "https:"))
    assert got.body == BODY
    assert got.tls is not None
    assert not got.tls.is_verified
    assert "no TLS by today's rules" in (got.tls.reason or "")


@pytest.mark.parametrize("suite", ["CAMELLIA256-SHA", "ECDHE-RSA-CAMELLIA128-SHA256", "NULL-SHA256"])
def test_a_suite_that_nobody_offers_any_more_hides_nothing(tmp_path: Path, suite: str) -> None:
    certificate = make_certificate(ADDRESS, is_rsa=True)
    context = certificate.context(tmp_path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{suite}:@SECLEVEL=0")
    with OldHost(context) as host:
        got = get(host.url.replace("http:", "https:"))
    assert got.body == BODY
    assert got.tls is not None
    assert got.tls == facts(certificate, got.tls.reason)


def test_a_host_without_any_certificate_hides_nothing_and_is_said() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES128-SHA:@SECLEVEL=0")
    with OldHost(context) as host:
        got = get(host.url.replace("http:", "https:"))
    assert got.body == BODY
    assert got.tls is not None
    assert (got.tls.is_verified, got.tls.certificate_sha256) == (False, None)
    assert "no TLS by today's rules" in (got.tls.reason or "")


def test_every_suite_of_this_openssl_is_offered_and_the_worst_last() -> None:
    whole = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    whole.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    offered = tls.unverified_context().get_ciphers()
    assert {one["name"] for one in offered} == {one["name"] for one in whole.get_ciphers()}
    # 0: with certificate and encryption, 1: without certificate, 2: without encryption.
    ranks = [2 if not one["strength_bits"] else 1 if one["auth"] == "auth-null" else 0 for one in offered]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("error", "is_about_host"),
    [
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), True),
        (ssl.SSLError(1, "unsupported protocol"), True),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), False),
        (ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed"), False),
    ],
)
def test_a_connection_that_is_lost_says_nothing_of_a_host(error: Exception, is_about_host: bool) -> None:
    assert tls.is_about_host(error) is is_about_host
    outer = OSError("by a client")
    outer.__cause__ = error
    assert tls.is_about_host(outer) is is_about_host


def test_without_tls_there_are_no_facts_of_it() -> None:
    with SyntheticHost(RESOURCES) as host:
        assert get(host.url).tls is None


def test_a_host_without_tls_on_its_port_fails_and_is_not_distrusted() -> None:
    with SyntheticHost(RESOURCES) as host, pytest.raises(aiohttp.ClientConnectorSSLError):
        get(host.url.replace("http:", "https:"))


def test_without_a_proxy_the_egress_guard_makes_the_sockets() -> None:
    with SyntheticHost(RESOURCES) as host:
        with pytest.raises(aiohttp.ClientConnectorError, match="refused"):
            get(host.url, allowed=())
        assert host.connections_seen == 0


# --- proxies ---


@contextmanager
def proxied(kind: str, tmp_path: Path, authority: Certificate, **fields: object) -> Iterator[tuple[ProxyServer, Proxy]]:
    """A running proxy and what an access profile makes of its URL."""
    server: ProxyServer
    if kind == "socks5":
        server = SocksServer(**fields)  # type: ignore[arg-type]
    else:
        context = make_certificate(ADDRESS, issuer=authority).context(tmp_path) if kind == "https" else None
        server = ConnectProxy(tls=context, **fields)  # type: ignore[arg-type]
    with server:
        user = "orb:w%3Ae%40ver@" if fields.get("login") else ""
        proxy = parse_proxy(f"{kind}://{user}{server.host}", {})
        assert proxy is not None
        yield server, proxy


EVERY_KIND = pytest.mark.parametrize("kind", ["socks5", "http", "https"])


@EVERY_KIND
def test_names_are_resolved_by_the_proxy(kind: str, tmp_path: Path, authority: Certificate) -> None:
    with (
        SyntheticHost(RESOURCES) as host,
        proxied(kind, tmp_path, authority, names={NAME: host.port}) as (server, proxy),
    ):
        got = get(f"http://{NAME}:8080/", proxy=proxy)
    assert got.body == BODY
    assert server.asked == [Asked(NAME, 8080, is_name=True)]


@EVERY_KIND
def test_the_proxys_address_is_not_said_to_be_the_hosts(kind: str, tmp_path: Path, authority: Certificate) -> None:
    with (
        SyntheticHost(RESOURCES) as host,
        proxied(kind, tmp_path, authority, names={NAME: host.port}) as (_, proxy),
    ):
        assert get(f"http://{NAME}/", proxy=proxy).peer is None


@EVERY_KIND
def test_the_proxy_needs_no_permission_of_the_egress_rules(kind: str, tmp_path: Path, authority: Certificate) -> None:
    with (
        SyntheticHost(RESOURCES) as host,
        proxied(kind, tmp_path, authority, names={NAME: host.port}) as (_, proxy),
    ):
        assert get(f"http://{NAME}/", proxy=proxy, allowed=()).body == BODY


@EVERY_KIND
def test_connections_through_a_proxy_are_kept(kind: str, tmp_path: Path, authority: Certificate) -> None:
    with (
        SyntheticHost(RESOURCES) as host,
        proxied(kind, tmp_path, authority, names={NAME: host.port}) as (server, proxy),
    ):
        get_all(*[f"http://{NAME}/"] * 3, proxy=proxy)
    assert len(server.asked) == 1


@EVERY_KIND
def test_tls_goes_through_the_proxy_to_the_host_itself(kind: str, tmp_path: Path, authority: Certificate) -> None:
    good, bad = make_certificate(NAME, issuer=authority), make_certificate(NAME)
    with (
        TlsHost(RESOURCES, good.context(tmp_path)) as good_host,
        TlsHost(RESOURCES, bad.context(tmp_path)) as bad_host,
        proxied(kind, tmp_path, authority, names={NAME: good_host.port, "b.site.com": bad_host.port}) as (_, proxy),
    ):
        verified, unverified = get_all(f"https://{NAME}/", "https://b.site.com/", proxy=proxy)
    reasons = (IN_TLS, IN_TLS) if kind == "https" else (None, "self-signed certificate")
    assert (verified.body, verified.tls) == (BODY, facts(good, reasons[0]))
    assert (unverified.body, unverified.tls) == (BODY, facts(bad, reasons[1]))


@EVERY_KIND
def test_a_login_is_given_to_the_proxy(kind: str, tmp_path: Path, authority: Certificate) -> None:
    with (
        SyntheticHost(RESOURCES) as host,
        proxied(kind, tmp_path, authority, names={NAME: host.port}, login=LOGIN) as (server, proxy),
    ):
        assert get(f"http://{NAME}/", proxy=proxy).body == BODY
    assert server.logins == [LOGIN]


@EVERY_KIND
def test_a_proxy_that_wants_a_login_is_no_connection(kind: str, tmp_path: Path, authority: Certificate) -> None:
    with proxied(kind, tmp_path, authority, login=LOGIN) as (server, proxy):
        anonymous = Proxy(proxy.kind, proxy.host, proxy.port)
        with pytest.raises(DownloadConnectionRefusedError, match="the proxy made no connection"):
            get(f"http://{NAME}/", proxy=anonymous)
    assert server.asked == []


@pytest.mark.parametrize(("kind", "code"), [("socks5", 4), ("socks5", 1), ("http", 502), ("http", 403)])
def test_what_a_proxy_refuses_is_said_by_its_code_alone(
    kind: str, code: int, tmp_path: Path, authority: Certificate
) -> None:
    with proxied(kind, tmp_path, authority) as (server, proxy):
        server.refuses_with = code
        with pytest.raises(DownloadConnectionRefusedError) as refused:
            get(f"http://{NAME}/", proxy=proxy)
    assert str(refused.value) == f"the proxy made no connection: it said {code}"


@EVERY_KIND
def test_a_proxy_that_is_gone_is_no_connection(kind: str, tmp_path: Path, authority: Certificate) -> None:
    with proxied(kind, tmp_path, authority) as (_, proxy):
        pass
    with pytest.raises(DownloadConnectionRefusedError, match="no connection to the proxy"):
        get(f"http://{NAME}/", proxy=proxy)


def test_a_proxy_whose_certificate_is_bad_gets_no_password(tmp_path: Path, authority: Certificate) -> None:
    with ConnectProxy(login=LOGIN, tls=make_certificate(ADDRESS).context(tmp_path)) as server:
        proxy = parse_proxy(f"https://orb:w%3Ae%40ver@{server.host}", {})
        with pytest.raises((DownloadConnectionRefusedError, ssl.SSLError)):
            get(f"http://{NAME}/", proxy=proxy)
    assert server.logins == []


@EVERY_KIND
@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "10.0.0.1", "[::1]", "169.254.169.254", "intranet", "a.internal", "a.local"]
)
def test_what_may_not_be_asked_for_is_never_handed_to_a_proxy(
    kind: str, host: str, tmp_path: Path, authority: Certificate
) -> None:
    with proxied(kind, tmp_path, authority) as (server, proxy):
        with pytest.raises(EgressRefused):
            get(f"http://{host}/", proxy=proxy, allowed=())
        assert server.asked == []


def test_an_address_that_is_allowed_is_handed_to_the_proxy(tmp_path: Path, authority: Certificate) -> None:
    with SyntheticHost(RESOURCES) as host, proxied("socks5", tmp_path, authority) as (server, proxy):
        assert get(host.url, proxy=proxy).body == BODY
    assert server.asked == [Asked(ADDRESS, host.port, is_name=False)]


def test_an_onion_host_is_reached_by_socks(tmp_path: Path, authority: Certificate) -> None:
    with (
        SyntheticHost(RESOURCES) as host,
        proxied("socks5", tmp_path, authority, names={ONION: host.port}) as (server, proxy),
    ):
        assert get(f"http://{ONION}/", proxy=proxy).body == BODY
    assert server.asked == [Asked(ONION, 80, is_name=True)]


def test_an_onion_name_is_never_asked_of_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_: object, **__: object) -> list[object]:
        raise AssertionError("somebody asked DNS")

    monkeypatch.setattr(aiohttp.resolver.ThreadedResolver, "resolve", resolve)
    with pytest.raises(EgressRefused, match="SOCKS"):
        get(f"http://{ONION}/")


@EVERY_KIND
def test_a_proxy_of_the_environment_is_ignored(
    kind: str, tmp_path: Path, authority: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SyntheticHost(RESOURCES) as host, proxied(kind, tmp_path, authority) as (server, proxy):
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, str(proxy))
        assert get(host.url).body == BODY
    assert server.asked == []
