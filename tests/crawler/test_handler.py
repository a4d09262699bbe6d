"""The download handler streams bodies into digests, keeps none, and gives no digest that may be wrong."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import hashlib
import os
import resource
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from contained import crawl, run
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hostile_server import PAYLOAD, Behaviour, HostileServer
from multidict import CIMultiDict
from orbweaver.crawler import recrawl
from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.containment import sandbox
from orbweaver.crawler.errors import EgressRefused, SandboxUnavailable
from orbweaver.crawler.fetching.fetcher import TRANSIENT
from orbweaver.crawler.handler import HashingDownloadHandler
from orbweaver.crawler.spider import RecrawlSpider
from orbweaver.crawler.transfer_errors import BadResponse, BodyCut, BodyTooLarge, TransferTooSlow
from orbweaver.settings import Settings
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
)
from scrapy.settings import Settings as ScrapySettings
from synthetic_host import ADDRESS, Resource, SyntheticHost

HTML = b"<!DOCTYPE html><title>Pictures</title>"
PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(20_000)
MEGABYTE = 2**20


@dataclass(frozen=True)
class Answer:
    """What the handler gave for one request, without the parts that do not pickle."""

    kind: str
    status: int
    body: bytes
    headers: dict[str, str]
    flags: list[str]
    ip: str
    protocol: str | None
    certificate: bytes | None
    content: Body | None
    framing: str
    peer: str | None


def make_crawler(settings: dict[str, Any]) -> Crawler:
    scrapy_settings = ScrapySettings()
    scrapy_settings.setmodule("orbweaver.settings", priority="project")
    recrawl.apply_settings(Settings(**{"allow_addresses": ("127.0.0.0/8",), **settings}), scrapy_settings)
    return Crawler(RecrawlSpider, scrapy_settings)


def fetch_here(urls: Sequence[str], ports: Sequence[int], settings: dict[str, Any], is_contained: bool) -> list[Answer]:
    if is_contained:
        sandbox.enter(tcp_ports=ports, memory_bytes=2**32, cpu_seconds=60)

    async def fetch_all() -> list[Answer]:
        handler = HashingDownloadHandler.from_crawler(make_crawler(settings))
        try:
            return [await fetch_one(handler, url) for url in urls]
        finally:
            await handler.close()

    return asyncio.run(fetch_all())


async def fetch_one(handler: HashingDownloadHandler, url: str) -> Answer:
    request = Request(url, meta={"verbatim_url": True})
    response = await handler.download_request(request)
    return Answer(
        type(response).__name__,
        response.status,
        response.body,
        {name.decode().lower(): values[0].decode() for name, values in response.headers.items()},
        response.flags,
        str(response.ip_address),
        response.protocol,
        response.certificate,
        request.meta["answer"].body,
        request.meta["answer"].framing,
        request.meta["answer"].ip,
    )


def fetch(
    *urls: str, ports: Sequence[int] | None = None, environment: dict[str, str] | None = None, **settings: Any
) -> Any:
    """Fetch in a sandboxed child; return one answer, or a list for several URLs."""
    if ports is None:
        ports = [int(url.split("/")[2].rpartition(":")[2]) for url in urls]
    answers = run(fetch_here, urls, ports, settings, True, environment=environment)
    return answers[0] if len(urls) == 1 else answers


def digests(answer: Answer) -> Any:
    assert answer.content is not None
    return answer.content.digests


# --- what reaches the spider ---


def test_a_file_reaches_the_spider_as_digests_without_its_body() -> None:
    with SyntheticHost({"/a.png": Resource("image/png", PNG, {"ETag": '"1"'})}) as host:
        answer = fetch(host.url + "a.png")
    assert answer.body == b""
    assert digests(answer) == digests_of(PNG)
    assert answer.content.html is None
    assert (answer.kind, answer.status, answer.flags) == ("Response", 200, ["hashed"])
    assert (answer.ip, answer.peer, answer.protocol) == ("127.0.0.1", "127.0.0.1", "HTTP/1.1")
    assert answer.headers["etag"] == '"1"'
    assert answer.framing == "length"


def test_a_page_reaches_the_spider_as_html_without_digests() -> None:
    with SyntheticHost({"/": Resource("text/html", HTML)}) as host:
        answer = fetch(host.url)
    assert (answer.kind, answer.body, answer.flags) == ("HtmlResponse", HTML, [])
    assert digests(answer) is None


def test_an_encoded_file_is_hashed_decoded_and_its_encoding_header_is_gone() -> None:
    encoded = Resource("image/png", gzip.compress(PNG), {"Content-Encoding": "gzip"})
    with SyntheticHost({"/a.png": encoded}) as host:
        answer = fetch(host.url + "a.png")
    assert digests(answer) == digests_of(PNG)
    assert "content-encoding" not in answer.headers


def test_encodings_in_several_header_lines_are_all_undone() -> None:
    async def twice(_: web.BaseRequest) -> web.StreamResponse:
        headers = CIMultiDict([("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")])
        return web.Response(body=gzip.compress(gzip.compress(PNG)), headers=headers)

    with SyntheticHost({"/a.png": Resource(None, twice)}) as host:
        assert digests(fetch(host.url + "a.png")) == digests_of(PNG)


def test_a_chunked_file_is_hashed_and_its_framing_said() -> None:
    async def in_chunks(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for place in range(0, len(PNG), 777):
            await response.write(PNG[place : place + 777])
        return response

    with SyntheticHost({"/a.png": Resource(None, in_chunks)}) as host:
        answer = fetch(host.url + "a.png")
    assert digests(answer) == digests_of(PNG)
    assert answer.framing == "chunked"


def test_a_redirect_is_handed_on_and_not_followed() -> None:
    with SyntheticHost(
        {"/a": Resource(None, b"moved", {"Location": "/b"}, 302), "/b": Resource("image/png", PNG)}
    ) as host:
        answer = fetch(host.url + "a")
        assert host.paths == ["/a"]
    assert (answer.status, answer.headers["location"], answer.body) == (302, "/b", b"")
    assert answer.content is None


def test_a_redirect_to_nowhere_is_a_body_like_any_other() -> None:
    with SyntheticHost({"/a": Resource("image/png", PNG, {"Location": ""}, 302)}) as host:
        assert digests(fetch(host.url + "a")) == digests_of(PNG)


def test_no_cookie_is_sent_back_and_nothing_says_where_we_come_from() -> None:
    with SyntheticHost({"/a.png": Resource("image/png", PNG, {"Set-Cookie": "known=1"})}) as host:
        fetch(host.url + "a.png", host.url + "a.png")
        sent = [{name.lower() for name in headers} for _, headers in host.requests]
    assert len(sent) == 2
    assert all(not names & {"cookie", "referer", "authorization", "x-forwarded-for"} for names in sent)


def test_a_proxy_in_the_environment_receives_nothing() -> None:
    with SyntheticHost({"/a.png": Resource("image/png", PNG)}) as host, SyntheticHost({}) as proxy:
        names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
        environment = dict.fromkeys(names, proxy.url) | {"NO_PROXY": "", "no_proxy": ""}
        answer = fetch(host.url + "a.png", ports=[host.port, proxy.port], environment=environment)
        assert digests(answer) == digests_of(PNG)
        crawled = crawl(host.url + "a.png", environment=environment)
        assert crawled.urls == [host.url + "a.png"]
        assert proxy.connections_seen == 0


# --- TLS ---


class TlsHost(SyntheticHost):
    """The same over TLS, with a certificate that nobody has signed, for another name, and expired."""

    def __init__(self, resources: dict[str, Resource], folder: Path) -> None:
        super().__init__(resources)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.certificate = make_certificate(folder)
        self._context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")

    @property
    def url(self) -> str:
        return f"https://{self.host}/"

    async def _open(self) -> int:
        await super()._open()
        site = web.TCPSite(self._runner, ADDRESS, 0, ssl_context=self._context)
        await site.start()
        return int(self._runner.addresses[1][1])


def make_certificate(folder: Path) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another.example")])
    then = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(then)
        .not_valid_after(then + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


def test_an_invalid_certificate_does_not_hide_a_file(tmp_path: Path) -> None:
    with TlsHost({"/a.png": Resource("image/png", PNG)}, tmp_path) as host:
        answer = fetch(host.url + "a.png")
    assert digests(answer) == digests_of(PNG)
    assert answer.certificate == host.certificate


# --- bodies that cannot be trusted ---


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (Behaviour.LIES_LONG, BodyCut),
        (Behaviour.CUT_CHUNKED, BodyCut),
        (Behaviour.CUT_GZIP, BodyCut),
        (Behaviour.NEVER_ENDS, BodyTooLarge),
        (Behaviour.GZIP_BOMB, BodyTooLarge),
        (Behaviour.HEADER_FLOOD, BadResponse),
        (Behaviour.NOT_HTTP, BadResponse),
        (Behaviour.HANGS, DownloadTimeoutError),
        (Behaviour.CLOSES_AT_ONCE, DownloadFailedError),
    ],
)
def test_a_hostile_body_gives_an_error_and_no_digest(behaviour: str, error: type[Exception]) -> None:
    short = {"header_timeout": 0.2, "connect_timeout": 0.2} if behaviour is Behaviour.HANGS else {}
    with HostileServer(behaviour) as server, pytest.raises(error) as raised:
        fetch(server.url + "file.bin", file_bytes=5 * MEGABYTE, **short)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_a_body_that_the_close_ends_is_hashed_and_said_to_be_unsure() -> None:
    with HostileServer(Behaviour.CLOSE_DELIMITED) as server:
        answer = fetch(server.url + "file.bin")
    assert digests(answer) == digests_of(PAYLOAD)
    assert answer.framing == "close"


def test_what_follows_the_declared_length_is_never_part_of_the_body() -> None:
    with HostileServer(Behaviour.LIES_SHORT) as server:
        crawled = crawl(server.url + "file.bin")
    # The parser refuses the answer if the surplus arrives together with the rest.
    if crawled.skips:
        assert [skip.outcome for skip in crawled.skips] == ["bad_response"]
    else:
        assert [one.digests for one in crawled.sightings] == [digests_of(PAYLOAD[: len(PAYLOAD) // 2])]


def test_a_drip_is_ended_by_silence_by_slowness_and_by_the_whole_time() -> None:
    with HostileServer(Behaviour.DRIPS) as server, pytest.raises(DownloadTimeoutError):
        fetch(server.url + "file.bin", stall_timeout=0.3)
    with HostileServer(Behaviour.DRIPS, drip_seconds=0.01) as server, pytest.raises(TransferTooSlow):
        fetch(server.url + "file.bin", grace_period=0.3)
    with HostileServer(Behaviour.DRIPS, drip_seconds=0.01) as server, pytest.raises(DownloadTimeoutError):
        fetch(server.url + "file.bin", transfer_timeout=0.5)


def test_no_message_quotes_what_the_server_sent() -> None:
    with HostileServer(Behaviour.NOT_HTTP) as server, pytest.raises(BadResponse) as raised:
        fetch(server.url + "file.bin")
    for marker in ("220", "mail", "ESMTP"):
        assert marker not in str(raised.value)
    with HostileServer(Behaviour.NOT_HTTP) as server:
        (skip,) = crawl(server.url + "file.bin").skips
    assert skip.outcome == "bad_response"
    assert "ESMTP" not in skip.model_dump_json()


def test_a_broken_chunk_is_an_incomplete_or_bad_answer_that_quotes_nothing() -> None:
    async def broken(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nMARKER\r\nMARKER\r\n"
        )
        request.transport.close()
        return web.Response()

    with SyntheticHost({"/a.png": Resource(None, broken)}) as host:
        (skip,) = crawl(host.url + "a.png").skips
    assert skip.outcome in {"bad_response", "incomplete"}
    assert "MARKER" not in skip.model_dump_json()


# --- where it may connect ---


def listen_on(address: str) -> socket.socket:
    made = socket.create_server((address, 0))
    made.setblocking(False)
    return made


def was_called(listening: socket.socket) -> bool:
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def test_a_refused_address_sees_no_packet_and_is_not_asked_again() -> None:
    with listen_on("127.66.0.1") as listening:
        port = listening.getsockname()[1]
        url = f"http://127.66.0.1:{port}/"
        with pytest.raises(EgressRefused, match=r"address 127\.66\.0\.1 refused: loopback"):
            fetch(url, allow_addresses=("127.0.0.1/32",))
        (skip,) = crawl(url, allow_addresses=("127.0.0.1/32",)).skips
        assert not was_called(listening)
        assert (skip.outcome, skip.rule, skip.is_failure) == ("refused_address", "egress.loopback", True)
        # And allowed, it would have been called.
        crawl(url, header_timeout=0.2, connect_timeout=0.2)
        assert was_called(listening)


def test_only_transient_errors_are_tried_again() -> None:
    assert issubclass(BodyCut, TRANSIENT)
    assert issubclass(DownloadTimeoutError, TRANSIENT)
    for final in (EgressRefused, BodyTooLarge, TransferTooSlow, BadResponse, SandboxUnavailable):
        assert not issubclass(final, TRANSIENT)


def test_a_cut_body_is_tried_once_more_and_a_bad_one_is_not() -> None:
    with HostileServer(Behaviour.LIES_LONG) as server:
        crawl(server.url + "file.bin")
        assert server.requests == ["/robots.txt"] + ["/file.bin"] * 2
    with HostileServer(Behaviour.NOT_HTTP) as server:
        crawl(server.url + "file.bin")
        assert server.requests == ["/robots.txt", "/file.bin"]


def test_a_port_that_the_sandbox_does_not_allow_is_refused_by_the_kernel() -> None:
    with SyntheticHost({}) as host, pytest.raises(EgressRefused, match="the sandbox does not allow this port"):
        fetch(host.url, ports=[443])
    assert host.connections_seen == 0


def test_a_closed_port_and_an_unknown_name_have_errors_of_their_own() -> None:
    with listen_on("127.0.0.1") as listening:
        port = listening.getsockname()[1]
    with pytest.raises(DownloadConnectionRefusedError):
        fetch(f"http://127.0.0.1:{port}/")
    with pytest.raises(CannotResolveHostError):
        fetch(f"http://does-not-exist.invalid:{port}/")


def test_outside_the_sandbox_nothing_is_fetched() -> None:
    with SyntheticHost({}) as host, pytest.raises(SandboxUnavailable, match="must enter the sandbox"):
        run(fetch_here, [host.url], [host.port], {}, False)
    assert host.connections_seen == 0


# --- memory ---


def stream_here(urls: Sequence[str], ports: Sequence[int]) -> tuple[list[str], int]:
    """Return the SHA-256 of each and by how many bytes the peak memory grew over the level before the first."""
    sandbox.enter(tcp_ports=ports, memory_bytes=2**32, cpu_seconds=60)

    async def fetch_all() -> tuple[list[str], int]:
        handler = HashingDownloadHandler.from_crawler(make_crawler({}))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answers = await asyncio.gather(*(fetch_one(handler, url) for url in urls))
        growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        await handler.close()
        return [digests(answer).sha256 for answer in answers], growth

    return asyncio.run(fetch_all())


def test_large_files_stream_in_little_memory() -> None:
    block = os.urandom(MEGABYTE)

    async def large(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(50 * MEGABYTE)})
        await response.prepare(request)
        for _ in range(50):
            await response.write(block)
        return response

    whole = hashlib.sha256()
    for _ in range(50):
        whole.update(block)
    with SyntheticHost({f"/{number}": Resource(None, large) for number in range(3)}) as host:
        found, growth = run(stream_here, [f"{host.url}{number}" for number in range(3)], [host.port])
    assert found == [whole.hexdigest()] * 3
    assert growth < 40 * MEGABYTE


@pytest.mark.parametrize("behaviour", [Behaviour.HEADER_FLOOD, Behaviour.GZIP_BOMB, Behaviour.NEVER_ENDS])
def test_a_flood_does_not_fill_the_memory(behaviour: str) -> None:
    with HostileServer(behaviour) as server:
        crawled = crawl(server.url, server.url + "file.bin", file_bytes=100 * MEGABYTE)
    assert crawled.skip_of(server.url + "file.bin").is_failure
    assert (crawled.memory_peak - crawled.memory_before) * 1024 < 60 * MEGABYTE
