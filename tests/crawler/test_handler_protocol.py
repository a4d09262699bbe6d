"""What Scrapy expects of a download handler, one test each; docs/decisions/0019 has the list and says where we differ.

The expectations are those of Scrapy's documentation (download handlers, request meta keys, signals) and of the test
suite that its own HTTP handlers pass. Only the public protocol is used: whatever is behind the handler may change.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gzip
import inspect
import logging
import os
import re
import ssl
import stat
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NamedTuple

import isolated_network
import pytest
from contained import run
from loopback_ports import closed_port
from orbweaver.crawler import recrawl
from orbweaver.crawler.containment import sandbox
from orbweaver.settings import Settings
from scrapy import Request, Spider, signals
from scrapy.core.downloader.handlers import DownloadHandlers
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    NotSupported,
    ResponseDataLossError,
    StopDownload,
    UnsupportedURLSchemeError,
)
from scrapy.http import Response
from scrapy.settings import Settings as ScrapySettings
from scrapy.utils.misc import build_from_crawler, load_object
from synthetic_host import ADDRESS, ConversingServer, Resource
from tls_host import TlsHost, make_certificate

PAGE = b"<!DOCTYPE html><title>Works</title>"
FILE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
HTML_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


def page(body: bytes = PAGE, *lines: bytes, status: bytes = b"200 OK") -> bytes:
    """An answer of HTML with more header lines."""
    head = [b"HTTP/1.1 " + status, b"Content-Type: text/html", b"Content-Length: %d" % len(body), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def file(*lines: bytes) -> bytes:
    head = [b"HTTP/1.1 200 OK", b"Content-Type: image/png", b"Content-Length: %d" % len(FILE), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + FILE


class RecordingServer(ConversingServer):
    """Answers each path with given bytes, keeps its connections alive, and records what was received on each.

    With a `greeting` it speaks first, and closes: another protocol.
    """

    def __init__(
        self, answers: Mapping[str, bytes | None] | None = None, *, closes: bool = False, greeting: bytes = b""
    ) -> None:
        super().__init__()
        self._greeting = greeting
        self._answers = dict(answers or {})
        self._closes = closes
        self.connections = 0
        self.open_connections = 0
        self.requests: list[bytes] = []

    @property
    def header_lines(self) -> list[bytes]:
        """The header lines of the last request."""
        return self.requests[-1].partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]

    def values_of(self, name: bytes) -> list[bytes]:
        lines = (line.partition(b":") for line in self.header_lines)
        return [value.strip() for found, _, value in lines if found.lower() == name.lower()]

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            if self._greeting:
                writer.write(self._greeting)
                await writer.drain()
            while not self._greeting:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                self.requests.append(head + body)
                answer = self._answers.get(head.split(b" ")[1].decode(), page())
                if answer is None:
                    await reader.read()  # silence, until the client goes
                    return
                writer.write(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if head.startswith(b"HEAD") else answer)
                await writer.drain()
                if self._closes:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()


class Call(NamedTuple):
    """One Request, and signals that are listened to while it is downloaded."""

    url: str
    method: str = "GET"
    headers: Any = None
    body: bytes = b""
    meta: dict[str, Any] | None = None
    stops_at: Any = None


@dataclass(frozen=True)
class Reply:
    """What the handler gave, in parts that pickle."""

    kind: str = ""
    url: str = ""
    status: int = 0
    headers: dict[bytes, list[bytes]] = field(default_factory=dict)
    body: bytes = b""
    text: str = ""
    flags: tuple[str, ...] = ()
    certificate: bytes | None = None
    ip_address: Any = None
    protocol: str | None = None
    latency: float | None = None
    error: type[Exception] | None = None
    message: str = ""
    signals: tuple[str, ...] = ()
    log: tuple[str, ...] = ()


def make_crawler(settings: dict[str, Any], scrapy_settings: dict[str, Any]) -> Crawler:
    own = ScrapySettings()
    own.setmodule("orbweaver.settings", priority="project")
    recrawl.apply_settings(Settings(**{"allow_addresses": ("127.0.0.0/8",), **settings}), own)
    own.update(scrapy_settings, priority="cmdline")
    crawler = Crawler(Spider, own)
    crawler.spider = Spider("plain")  # Scrapy has made it before the handler is built
    return crawler


def make_handler(crawler: Crawler, scheme: str = "http") -> Any:
    """Build what the settings name, as Scrapy does."""
    return build_from_crawler(load_object(crawler.settings.getwithbase("DOWNLOAD_HANDLERS")[scheme]), crawler)


def call_here(
    calls: Sequence[Call],
    ports: Sequence[int],
    settings: dict[str, Any],
    scrapy_settings: dict[str, Any],
    at_once: bool,
) -> list[Reply]:
    sandbox.enter(tcp_ports=ports, memory_bytes=2**32, cpu_seconds=60)

    async def call_all() -> list[Reply]:
        crawler = make_crawler(settings, scrapy_settings)
        handler = make_handler(crawler)
        try:
            if at_once:
                return list(await asyncio.gather(*(call_one(crawler, handler, call) for call in calls)))
            return [await call_one(crawler, handler, call) for call in calls]
        finally:
            await handler.close()

    return asyncio.run(call_all())


class _Noted(logging.Handler):
    """Notes what Scrapy and our own code log, at whatever level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in {"scrapy", "orbweaver"}:
            self.messages.append(record.getMessage())


async def call_one(crawler: Crawler, handler: Any, call: Call) -> Reply:
    heard: list[str] = []

    def listen(name: str) -> Callable[..., None]:
        def hear(**_: Any) -> None:
            heard.append(name)
            if call.stops_at == name:
                raise StopDownload(fail=False)

        return hear

    listeners = {name: listen(name) for name in ("headers_received", "bytes_received")}
    for name, listener in listeners.items():
        crawler.signals.connect(listener, signal=getattr(signals, name))
    noted = _Noted()
    logging.getLogger().addHandler(noted)
    logging.getLogger().setLevel(logging.DEBUG)
    request = Request(call.url, method=call.method, headers=call.headers, body=call.body, meta=call.meta)
    try:
        response = await handler.download_request(request)
    except Exception as error:
        return Reply(error=type(error), message=str(error), signals=tuple(heard), log=tuple(noted.messages))
    finally:
        logging.getLogger().removeHandler(noted)
    assert isinstance(response, Response)
    assert response.request is request or response.request is None
    return Reply(
        type(response).__name__,
        response.url,
        response.status,
        dict(response.headers.items()),
        response.body,
        getattr(response, "text", ""),
        tuple(response.flags),
        response.certificate,
        response.ip_address,
        response.protocol,
        request.meta.get("download_latency"),
        signals=tuple(heard),
        log=tuple(noted.messages),
    )


def download(
    *calls: Call | str,
    ports: Sequence[int] = (),
    scrapy_settings: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    at_once: bool = False,
    **settings: Any,
) -> Any:
    """Download in a sandboxed child; return one reply, or a list for several calls."""
    whole = [Call(call) if isinstance(call, str) else call for call in calls]
    found = {int(port) for call in whole for port in re.findall(r"^https?://[^/]*?:(\d+)(?:/|\Z)", call.url)}
    arguments = (whole, (*ports, *found), settings, scrapy_settings or {}, at_once)
    replies = run(call_here, *arguments, environment=environment)
    return replies[0] if len(replies) == 1 else replies


# --- the protocol ---


def test_the_handler_has_what_the_protocol_asks() -> None:
    handler = make_handler(make_crawler({}, {}))
    assert isinstance(handler, BaseDownloadHandler)
    assert type(handler).lazy is False
    assert inspect.iscoroutinefunction(handler.download_request)
    assert inspect.iscoroutinefunction(handler.close)
    assert list(inspect.signature(handler.download_request).parameters) == ["request"]


def test_scrapy_builds_one_handler_for_each_scheme_and_none_for_the_dangerous_ones() -> None:
    """Warnings are errors here: an outdated protocol would be one."""

    async def ask(url: str) -> None:
        handlers = DownloadHandlers(make_crawler({}, {}))
        await handlers.download_request_async(Request(url))

    for url in ("file:///etc/passwd", "ftp://127.0.0.1/", "data:,x", "s3://bucket/key"):
        with pytest.raises(NotSupported):
            asyncio.run(ask(url))
    schemes = make_crawler({}, {}).settings.getwithbase("DOWNLOAD_HANDLERS")
    assert {scheme for scheme, path in schemes.items() if path} == {"http", "https"}


def test_the_handler_never_goes_back_to_the_engine() -> None:
    """The protocol forbids it: a download would wait for itself."""
    folder = Path(inspect.getfile(recrawl)).parent
    for name in ("handler", "fetching/fetcher", "fetching/transfer", "fetching/connecting/connections"):
        names = {
            node.attr
            for node in ast.walk(ast.parse((folder / f"{name}.py").read_text()))
            if isinstance(node, ast.Attribute)
        }
        assert not names & {"engine", "download_async", "crawl_async"}, name


def sockets_open() -> int:
    """Count them by asking for every number: /proc cannot be read in the sandbox."""
    count = 0
    for number in range(256):
        with contextlib.suppress(OSError):
            count += stat.S_ISSOCK(os.fstat(number).st_mode)
    return count


def close_here(port: int) -> tuple[int, int, int]:
    sandbox.enter(tcp_ports=(port,), memory_bytes=2**32, cpu_seconds=60)

    async def close_twice() -> tuple[int, int, int]:
        unused = make_handler(make_crawler({}, {}))
        await unused.close()
        before = sockets_open()
        handler = make_handler(make_crawler({}, {}))
        await handler.download_request(Request(f"http://{ADDRESS}:{port}/"))
        kept_alive = sockets_open() - before
        await handler.close()
        await handler.close()
        return kept_alive, sockets_open() - before, len(asyncio.all_tasks()) - 1

    return asyncio.run(close_twice(), debug=True)


def test_close_leaves_no_connection_and_no_task_and_may_be_called_twice() -> None:
    with RecordingServer() as server:
        assert run(close_here, server.port) == (1, 0, 0)
        assert server.connections == 1


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that another thread is about to see."""
    for _ in range(30_000):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came to be")


def cancel_here(port: int, seconds: float) -> None:
    sandbox.enter(tcp_ports=(port,), memory_bytes=2**32, cpu_seconds=60)

    async def cancel() -> None:
        handler = make_handler(make_crawler({}, {}))
        task = asyncio.create_task(handler.download_request(Request(f"http://{ADDRESS}:{port}/silent")))
        done, _ = await asyncio.wait({task}, timeout=seconds)
        assert not done
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        response = await handler.download_request(Request(f"http://{ADDRESS}:{port}/"))
        assert response.status == 200
        await handler.close()

    asyncio.run(cancel())


def test_a_cancelled_download_gives_its_place_and_its_connection_up() -> None:
    for seconds in (0.2, 2, 20):  # until it is long enough for the request to be sent
        with RecordingServer({"/silent": None}) as server:
            run(cancel_here, server.port, seconds)
            until(lambda: server.open_connections == 0)
            connections = server.connections
        if connections == 2:
            break
    assert connections == 2


class PlainSpider(Spider):
    """A spider as anybody would write it, of another project."""

    name = "plain"
    custom_settings = None
    found: list[tuple[str, str, str]]

    async def start(self) -> Any:
        self.found = []
        yield Request(self.url, callback=self.parse, cb_kwargs={"of": "page"})  # type: ignore[attr-defined]

    def parse(self, response: Response, of: str) -> Any:
        self.found.append((of, type(response).__name__, response.url))
        for reference in response.css("a::attr(href)").getall() if of == "page" else ():
            yield response.follow(reference, callback=self.parse, cb_kwargs={"of": "link"})


def crawl_plainly(port: int, with_reactor: bool) -> tuple[list[tuple[str, str, str]], bool]:
    sandbox.enter(tcp_ports=(port,), memory_bytes=2**32, cpu_seconds=60)
    crawler = make_crawler({}, {"TWISTED_REACTOR_ENABLED": with_reactor, "LOG_ENABLED": False})
    process = AsyncCrawlerProcess(crawler.settings)
    plain = process.create_crawler(PlainSpider)
    process.crawl(plain, url=f"http://{ADDRESS}:{port}/")
    process.start(install_signal_handlers=False)
    assert isinstance(plain.spider, PlainSpider)
    return plain.spider.found, "twisted.internet.reactor" in sys.modules


@pytest.mark.parametrize("with_reactor", [False, True])
def test_a_plain_spider_crawls_with_it_with_and_without_a_reactor(with_reactor: bool) -> None:
    linking = page(b"<!DOCTYPE html><a href=/a.png>file</a><a href=/b>page</a>")
    with RecordingServer({"/": linking, "/a.png": file()}) as server:
        found, has_reactor = run(crawl_plainly, server.port, with_reactor)
        root = server.url
    assert sorted(found) == sorted(
        [("page", "HtmlResponse", root), ("link", "Response", root + "a.png"), ("link", "HtmlResponse", root + "b")]
    )
    assert has_reactor is with_reactor


# --- requests ---


def test_the_url_is_sent_as_it_is() -> None:
    with RecordingServer() as server:
        for path in ("/a;b,c?d=[0]&e=%5B1%5D|", "/%C3%A9/%2F/a+b?x=%20+", "/?", "/a//b"):
            url = server.url.rstrip("/") + path
            reply = download(Call(url, meta={"verbatim_url": True}))
            assert reply.status == 200
            # The canonical spelling, which escapes what RFC 3986 has not, and no more.
            sent = server.requests[-1].split(b" ")[1].decode()
            assert sent == path.replace("[", "%5B").replace("]", "%5D").replace("|", "%7C").removesuffix("?")


def test_a_url_without_a_path_asks_for_the_root_and_a_fragment_is_not_sent() -> None:
    with RecordingServer() as server:
        for url in (server.url.rstrip("/"), server.url + "#fragment"):
            assert download(url).status == 200
            assert server.requests[-1].startswith(b"GET / HTTP/1.1\r\n")


def test_headers_are_sent_as_given_each_value_on_its_own_line() -> None:
    given = {"Accept": "text/html", "Accept-Encoding": "gzip, br", "X-Custom": ["foo", "bar"], "Cookie": "a=b"}
    with RecordingServer() as server:
        download(Call(server.url, headers=given))
        assert server.values_of(b"Accept") == [b"text/html"]
        assert server.values_of(b"Accept-Encoding") == [b"gzip, br"]
        assert server.values_of(b"X-Custom") == [b"foo", b"bar"]
        assert server.values_of(b"Cookie") == [b"a=b"]


def test_a_header_of_none_is_not_sent_and_none_is_added() -> None:
    with RecordingServer() as server:
        download(Call(server.url, headers={"Cookie": None, "X-Custom": None}))
        names = {line.partition(b":")[0].lower() for line in server.header_lines}
        assert names <= {b"host", b"connection", b"content-length"}


def test_header_bytes_that_are_not_ascii_arrive_unchanged() -> None:
    with RecordingServer() as server:
        download(Call(server.url, headers={"X-Bytes": b"\xe9\xff"}))
        assert server.values_of(b"X-Bytes") == [b"\xe9\xff"] or server.values_of(b"X-Bytes") == ["éÿ".encode()]


def test_host_is_the_urls_or_the_given_one() -> None:
    with RecordingServer() as server:
        download(server.url)
        assert server.values_of(b"Host") == [server.host.encode()]
        download(Call(server.url, headers={"Host": "another.example"}))
        assert server.values_of(b"Host") == [b"another.example"]


def test_a_body_is_posted_and_none_has_the_length_of_nothing() -> None:
    with RecordingServer() as server:
        assert download(Call(server.url, method="POST", body=b"1" * 100)).status == 200
        assert server.requests[-1].endswith(b"\r\n\r\n" + b"1" * 100)
        assert server.values_of(b"Content-Length") == [b"100"]
        download(Call(server.url, method="POST"))
        assert server.values_of(b"Content-Length") == [b"0"]
        assert server.requests[-1].startswith(b"POST / ")


def test_head_has_headers_and_no_body() -> None:
    with RecordingServer({"/moved": page(b"", b"Location: /b", status=b"302 Found")}) as server:
        reply, moved = download(Call(server.url, method="HEAD"), Call(server.url + "moved", method="HEAD"))
        assert (reply.status, reply.body, reply.headers[b"Content-Length"]) == (200, b"", [b"%d" % len(PAGE)])
        assert (moved.status, moved.headers[b"Location"]) == (302, [b"/b"])
        assert server.connections == 1


def test_a_scheme_that_is_not_http_is_unsupported() -> None:
    for reply in download("unsupp://unsupported.scheme", "ftp://127.0.0.1/", "http://a..b/", ports=(80,)):
        assert reply.error is UnsupportedURLSchemeError


def names_in_isolation(names: isolated_network.Names) -> list[Reply]:
    isolated_network.enter()
    with isolated_network.served(names):
        calls = [Call(f"http://{name}/") for name in names]
        return call_here(calls, (80,), {"allow_addresses": ("93.184.216.34/32",)}, {}, False)


def test_host_names_that_idna_would_not_allow_are_asked_for() -> None:
    reason = run(isolated_network.why_not)
    if reason is not None:
        pytest.skip(reason)
    names = {name: [["93.184.216.34"]] for name in ("a_b.example", "xn--i-7iq.example", "a--b.example", "a-.example")}
    replies = run(names_in_isolation, names)
    assert [(reply.status, reply.error) for reply in replies] == [(200, None)] * len(names)


# --- responses ---


def answers_by_status(*statuses: int) -> dict[str, bytes | None]:
    return {f"/{one}": page(b"" if one in {204, 304} else PAGE, status=b"%d X" % one) for one in statuses}


def test_a_status_is_handed_on() -> None:
    answers = answers_by_status(200, 201, 203, 204, 205, 304, 400, 401, 403, 404, 410, 418, 451, 501, 505)
    with RecordingServer(answers) as server:
        replies = download(*[server.url + path[1:] for path in answers])
        assert [f"/{reply.status}" for reply in replies] == list(answers)
        assert len(server.requests) == len(answers)


def test_a_status_that_may_pass_is_asked_for_once_more_and_then_handed_on() -> None:
    answers = answers_by_status(408, 500, 502, 504, 522, 524)
    with RecordingServer(answers) as server:
        replies = download(*[server.url + path[1:] for path in answers])
        assert [f"/{reply.status}" for reply in replies] == list(answers)
        assert len(server.requests) == 2 * len(answers)


@pytest.mark.parametrize("before", [b"100 Continue", b"103 Early Hints\r\nLink: </a.css>"])
def test_an_informational_answer_is_not_the_answer(before: bytes) -> None:
    with RecordingServer({"/": b"HTTP/1.1 " + before + b"\r\n\r\n" + page()}) as server:
        reply, again = download(server.url, server.url)
    assert (reply.status, reply.body, again.body) == (200, PAGE, PAGE)
    assert b"Link" not in reply.headers


def test_the_response_says_where_it_came_from() -> None:
    with RecordingServer() as server:
        reply = download(server.url + "a?b=c")
    assert (reply.url, reply.protocol, reply.certificate) == (server.url + "a?b=c", "HTTP/1.1", None)
    assert (type(reply.ip_address), str(reply.ip_address)) == (IPv4Address, ADDRESS)
    assert reply.latency is not None
    assert reply.latency > 0


def test_headers_are_handed_on_all_of_them_and_byte_for_byte() -> None:
    lines = (b"Set-Cookie: a=b", b"Set-Cookie: c=d", b"X-Latin: \xe9", b"WWW-Authenticate: Basic", b"X-Empty:")
    with RecordingServer({"/": page(PAGE, *lines)}) as server:
        headers = download(server.url).headers
    assert headers == {
        b"Content-Type": [b"text/html"],
        b"Content-Length": [b"%d" % len(PAGE)],
        b"Set-Cookie": [b"a=b", b"c=d"],
        b"X-Latin": [b"\xe9"],
        b"Www-Authenticate": [b"Basic"],
        b"X-Empty": [b""],
    }


def test_cookies_are_neither_kept_nor_sent() -> None:
    with RecordingServer({"/": page(PAGE, b"Set-Cookie: a=b; Path=/")}) as server:
        first, _ = download(server.url, server.url)
        assert first.headers[b"Set-Cookie"] == [b"a=b; Path=/"]
        assert server.values_of(b"Cookie") == []


def test_a_redirect_is_handed_on() -> None:
    answers: dict[str, bytes | None] = {
        f"/{status}": page(b"moved", b"Location: /\xe9?\xff", status=b"%d Moved" % status)
        for status in (301, 302, 303, 307, 308)
    }
    with RecordingServer(answers) as server:
        replies = download(*[server.url + path[1:] for path in answers])
        assert [f"/{reply.status}" for reply in replies] == list(answers)
        assert all((reply.headers[b"Location"], reply.body) == ([b"/\xe9?\xff"], b"") for reply in replies)
        assert len(server.requests) == len(answers)


def test_a_page_is_text_in_its_own_charset() -> None:
    body = "<!DOCTYPE html><title>ёлка</title>"
    answers = {
        "/declared": HTML_HEAD.replace(b"html\r", b"html; charset=koi8-r\r") + b"Connection: close\r\n\r\n",
        "/meta": HTML_HEAD + b"Connection: close\r\n\r\n<meta charset=koi8-r>",
        "/utf-8": HTML_HEAD + b"Connection: close\r\n\r\n",
    }
    for path, head in answers.items():
        whole = head + body.encode("utf-8" if path == "/utf-8" else "koi8-r")
        with RecordingServer({path: whole}, closes=True) as server:
            reply = download(server.url + path[1:])
        assert (reply.kind, reply.text.rpartition("<title>")[2]) == ("HtmlResponse", "ёлка</title>")


def test_a_page_without_a_declared_type_is_a_page() -> None:
    with RecordingServer({"/": page().replace(b"Content-Type: text/html\r\n", b"")}) as server:
        reply = download(server.url)
    assert (reply.kind, reply.body) == ("HtmlResponse", PAGE)


def test_chunks_are_put_together() -> None:
    head = HTML_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    with RecordingServer(
        {"/": head + b"14;name=value\r\n" + PAGE[:20] + b"\r\nF\r\n" + PAGE[20:] + b"\r\n0\r\n\r\n"}
    ) as server:
        replies = download(server.url, server.url)
        assert [reply.body for reply in replies] == [PAGE, PAGE]
        assert server.connections == 1


def test_connections_are_kept_alive_and_shared_out() -> None:
    with RecordingServer({"/a.png": file()}) as server:
        download(*[server.url, server.url + "a.png"] * 5)
        assert (server.connections, len(server.requests)) == (1, 10)
    with RecordingServer() as server:
        replies = download(*[server.url] * 10, at_once=True, host_connections=3)
        assert [reply.body for reply in replies] == [PAGE] * 10
        assert server.connections <= 3


# --- failures: Scrapy's own exceptions ---


def test_what_cannot_be_reached_has_scrapys_own_exceptions() -> None:
    with closed_port() as port:
        assert issubclass(download(f"http://{ADDRESS}:{port}/").error, DownloadConnectionRefusedError)
    assert issubclass(download("http://does-not-exist.invalid/", ports=(80,)).error, CannotResolveHostError)
    with RecordingServer(greeting=b"SSH-2.0-synthetic\r\n") as server:
        reply = download(f"https://{server.host}/")
        assert issubclass(reply.error, (DownloadConnectionRefusedError, DownloadFailedError))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", DownloadFailedError),
        (b"HTTP/1.1 200 OK\r\nContent-Type: te", DownloadFailedError),
        (HTML_HEAD + b"Content-Length: 100\r\n\r\npartial", ResponseDataLossError),
        (HTML_HEAD + b"Transfer-Encoding: chunked\r\n\r\n7\r\npartial\r\n", ResponseDataLossError),
        (HTML_HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\npartial", ResponseDataLossError),
    ],
    ids=["nothing", "half the headers", "short of its length", "no last chunk", "half a chunk"],
)
def test_a_lost_connection_is_a_failure_or_a_loss_of_data(answer: bytes, expected: type[Exception]) -> None:
    with RecordingServer({"/": answer}, closes=True) as server:
        reply = download(server.url)
    assert reply.error is not None
    assert issubclass(reply.error, expected)


def test_silence_is_a_timeout() -> None:
    answers = {"/silent": None, "/hangs": HTML_HEAD + b"Content-Length: 100\r\n\r\npartial"}
    with RecordingServer(answers) as server:
        for path in answers:
            reply = download(server.url + path[1:], header_timeout=0.2, connect_timeout=0.2, stall_timeout=0.2)
            assert issubclass(reply.error, DownloadTimeoutError)


def test_more_than_the_request_allows_is_cancelled() -> None:
    with RecordingServer({"/a.png": file()}) as server:
        url = server.url + "a.png"
        enough, too_little = download(
            Call(url, meta={"download_maxsize": len(FILE)}), Call(url, meta={"download_maxsize": len(FILE) - 1})
        )
    assert (enough.status, enough.flags) == (200, ("hashed",))
    assert issubclass(too_little.error, DownloadCancelledError)


@pytest.mark.parametrize("head", [HTML_HEAD, b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"], ids=["page", "file"])
def test_more_than_the_request_allows_is_cancelled_as_soon_as_it_is_announced(head: bytes) -> None:
    with RecordingServer({"/": head + b"Content-Length: 1024\r\n\r\npartial"}, closes=True) as server:
        reply = download(Call(server.url, meta={"download_maxsize": 1_000}))
        assert issubclass(reply.error, DownloadCancelledError)
        assert reply.message == "1024 bytes were announced, and 1000 are allowed"
        assert server.connections == 1


def test_a_bad_header_line_is_left_out_and_a_folded_one_is_joined() -> None:
    answers = {"/bad": page(PAGE, b"no colon at all"), "/folded": page(PAGE, b"X-Folded: one\r\n two")}
    with RecordingServer(answers) as server:
        bad, folded = download(server.url + "bad", server.url + "folded")
        assert server.connections == 1
    assert bad.status == 200
    assert not any(b"colon" in name for name in bad.headers)
    assert folded.headers[b"X-Folded"] == [b"one two"]


def test_a_login_for_a_proxy_is_not_sent_to_the_host() -> None:
    with RecordingServer() as server:
        reply = download(Call(server.url, headers={"Proxy-Authorization": "Basic b3JiOncxMg==", "X-Other": "1"}))
        assert reply.status == 200
        assert server.values_of(b"Proxy-Authorization") == []
        assert server.values_of(b"X-Other") == [b"1"]


# --- where we differ on purpose: docs/decisions/0019 says why, row by row ---


def test_a_file_has_no_body() -> None:
    with RecordingServer({"/": file()}) as server:
        reply = download(server.url)
    assert (reply.kind, reply.body, reply.flags) == ("Response", b"", ("hashed",))
    assert reply.headers[b"Content-Length"] == [b"%d" % len(FILE)]


def test_an_encoded_page_is_decoded_and_its_header_gone() -> None:
    with RecordingServer({"/": page(gzip.compress(PAGE), b"Content-Encoding: gzip")}) as server:
        reply = download(server.url)
    assert reply.body == PAGE
    assert b"Content-Encoding" not in reply.headers


@pytest.mark.parametrize("name", ["headers_received", "bytes_received"])
def test_a_signal_cannot_stop_a_download_or_see_its_bytes(name: str) -> None:
    with RecordingServer() as server:
        reply = download(Call(server.url, stops_at=name))
    assert (reply.body, reply.flags, reply.signals) == (PAGE, (), ())


def test_a_loss_of_data_is_never_allowed() -> None:
    cut = HTML_HEAD + b"Content-Length: 100\r\n\r\npartial"
    with RecordingServer({"/": cut}, closes=True) as server:
        reply = download(
            Call(server.url, meta={"download_fail_on_dataloss": False}),
            scrapy_settings={"DOWNLOAD_FAIL_ON_DATALOSS": False},
        )
    assert issubclass(reply.error, ResponseDataLossError)
    assert reply.body == b""


def test_limits_are_orbweavers_settings_and_nothing_is_logged() -> None:
    with RecordingServer() as server:
        reply = download(
            Call(server.url, meta={"download_warnsize": 1}),
            scrapy_settings={"DOWNLOAD_MAXSIZE": 2, "DOWNLOAD_WARNSIZE": 1, "DOWNLOAD_TIMEOUT": 0.0001},
        )
        assert (reply.body, reply.log) == (PAGE, ())


def test_a_request_has_no_deadline_of_its_own() -> None:
    with RecordingServer() as server:
        assert download(Call(server.url, meta={"download_timeout": 0.000001})).status == 200


@pytest.mark.parametrize("key", ["proxy", "bindaddress"])
def test_a_way_out_that_a_request_chooses_is_refused(key: str) -> None:
    """To ignore it would show a host an address that somebody wanted to hide."""
    with RecordingServer() as server, RecordingServer() as other:
        value = other.url if key == "proxy" else ("127.0.0.2", 0)
        reply = download(Call(server.url, meta={key: value}), ports=(other.port,))
        assert reply.error is NotSupported
        assert (server.connections, other.connections) == (0, 0)


def test_a_request_cannot_have_its_body_written(tmp_path: Path) -> None:
    with RecordingServer({"/": file()}) as server:
        reply = download(Call(server.url, meta={"body_file": str(tmp_path / "body")}))
    assert reply.status == 200
    assert list(tmp_path.iterdir()) == []


def test_settings_of_tls_are_ignored_and_nothing_is_logged_of_it(tmp_path: Path) -> None:
    """Each would hide a file, or write the names of hosts into the log."""
    context = make_certificate(ADDRESS, is_rsa=True).context(tmp_path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    settings = {
        "DOWNLOAD_TLS_MIN_VERSION": "TLSv1.3",
        "DOWNLOAD_TLS_MAX_VERSION": "no such version",
        "DOWNLOADER_CLIENT_TLS_METHOD": "TLSv1.3",
        "DOWNLOADER_CLIENT_TLS_CIPHERS": "CAMELLIA256-SHA",
        "DOWNLOADER_CLIENT_TLS_VERBOSE_LOGGING": True,
    }
    with TlsHost({"/": Resource("text/html", PAGE)}, context) as host:
        reply = download(host.url, scrapy_settings=settings)
    assert (reply.body, reply.log) == (PAGE, ())


def test_session_keys_are_never_written(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    with TlsHost({"/": Resource("text/html", PAGE)}, make_certificate(ADDRESS).context(tmp_path)) as host:
        reply = download(host.url, environment={"SSLKEYLOGFILE": str(keys)})
    # OpenSSL would write them, or find no file that it may write, and then nothing could be downloaded.
    assert (reply.status, reply.error) == (200, None)
    assert not keys.exists()


def outside_here(port: int) -> None:
    async def ask() -> None:
        await make_handler(make_crawler({}, {})).download_request(Request(f"http://{ADDRESS}:{port}/"))

    asyncio.run(ask())


def test_outside_the_sandbox_nothing_is_downloaded() -> None:
    with RecordingServer() as server:
        with pytest.raises(Exception, match="must enter the sandbox"):
            run(outside_here, server.port)
        assert server.connections == 0
