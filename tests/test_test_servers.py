"""The servers, and the looks at processes, that other tests rely on do what they claim."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import subprocess
import threading
import zlib
from contextlib import suppress
from pathlib import Path

import aiohttp
import leftovers
import pytest
from aiohttp import web
from fault_proxy import FaultProxy
from hostile.act import ACTS
from hostile_server import BOMB_SIZE, HONEST, PAYLOAD, Behaviour, HostileServer
from orbweaver_command import Workplace, eventually, parent_of
from synthetic_host import ADDRESS, Resource, SyntheticHost, ThreadedServer

TIMEOUT = 20
NAMES = (b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK")
WITH_INDEX = [Behaviour(act.name) for act in ACTS.values() if not act.is_https and not act.spoils_server]


def connect(server: ThreadedServer, path: str = "/file.bin") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode())
    return client


def read_all(client: socket.socket) -> bytes:
    with client:
        return b"".join(iter(lambda: client.recv(65_536), b""))


def ask(server: ThreadedServer, path: str = "/file.bin") -> tuple[bytes, bytes]:
    head, _, body = read_all(connect(server, path)).partition(b"\r\n\r\n")
    return head, body


def read_head(client: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    return head


@pytest.mark.parametrize("behaviour", WITH_INDEX)
def test_the_index_is_in_order_and_links_to_the_trouble(behaviour: str) -> None:
    async def visit(url: str) -> None:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.status == 200
            assert response.content_type == "text/html"
            assert 'href="/' in await response.text()

    with HostileServer(behaviour) as server:
        asyncio.run(visit(server.url))


def test_hangs_reads_and_never_answers() -> None:
    with HostileServer("hangs") as server, connect(server) as client:
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        eventually(lambda: server.requests == ["/file.bin"])


def test_drips_sends_one_byte_at_a_time() -> None:
    with HostileServer("drips", drip_seconds=0.05) as server, connect(server) as client:
        assert read_head(client).startswith(NAMES)
        received = b""
        while len(received) < 5:
            received += client.recv(len(PAYLOAD))
        assert len(received) < 1_000  # some, when nobody looked for a while, but never what one could have had at once
        assert PAYLOAD.startswith(received)


def test_never_ends_goes_on_as_long_as_it_is_read() -> None:
    with HostileServer("never_ends") as server, connect(server) as client:
        assert b"Transfer-Encoding: chunked" in read_head(client)
        received = 0
        while received < 50_000_000:
            received += len(client.recv(2**20))


def test_lies_long_closes_before_its_content_length() -> None:
    with HostileServer("lies_long") as server:
        head, body = ask(server)
    assert f"Content-Length: {len(PAYLOAD) * 2}".encode() in head
    assert body == PAYLOAD


def test_lies_short_sends_more_than_its_content_length() -> None:
    with HostileServer("lies_short") as server:
        head, body = ask(server)
    assert f"Content-Length: {len(PAYLOAD) // 2}".encode() in head
    assert body == PAYLOAD


def test_header_flood_sends_800_megabytes_without_a_body() -> None:
    with HostileServer("header_flood") as server, connect(server) as client:
        received = 0
        tail = b""
        while chunk := client.recv(2**20):
            assert b"\r\n\r\n" not in tail + chunk
            received, tail = received + len(chunk), chunk[-3:]
    assert received > 799_000_000


def test_header_flood_stops_when_the_client_goes_away() -> None:
    with HostileServer("header_flood") as server, connect(server) as client:
        client.recv(2**20)
        client.close()
    assert server.bytes_sent < 100_000_000


def test_cut_chunked_ends_inside_a_chunk() -> None:
    with HostileServer("cut_chunked") as server:
        head, body = ask(server)
    size, _, rest = body.partition(b"\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert len(rest) < int(size, 16)


def test_cut_gzip_ends_inside_the_gzip_body_but_keeps_its_content_length() -> None:
    with HostileServer("cut_gzip") as server:
        head, body = ask(server)
    assert f"Content-Length: {len(body)}\r\n".encode() in head
    with pytest.raises(EOFError):
        gzip.decompress(body)


def test_gzip_bomb_is_a_mebibyte_that_holds_a_gibibyte() -> None:
    with HostileServer("gzip_bomb") as server:
        _, body = ask(server)
    assert len(body) < 1.1 * 2**20
    decoder = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    size = len(decoder.decompress(body, 2**20))
    while not decoder.eof:
        size += len(decoder.decompress(decoder.unconsumed_tail, 2**20))
    assert size == BOMB_SIZE
    assert decoder.unused_data == b""


def test_closes_at_once_says_nothing() -> None:
    with HostileServer("closes_at_once") as server:
        assert read_all(connect(server)) == b""


def test_not_http_answers_in_another_protocol() -> None:
    with HostileServer("not_http") as server:
        assert not read_all(connect(server)).startswith(b"HTTP")


def test_close_delimited_does_not_say_how_long_it_is() -> None:
    with HostileServer("close_delimited") as server:
        head, body = ask(server)
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert b"Content-Length" not in head
    assert body == PAYLOAD


def test_redirect_loop_comes_back_to_where_it_began() -> None:
    with HostileServer("redirect_loop") as server:
        assert b"Location: /again\r\n" in ask(server, "/file.bin")[0] + b"\r\n"
        assert b"Location: /file.bin\r\n" in ask(server, "/again")[0] + b"\r\n"


def test_endless_redirects_lead_ever_further() -> None:
    with HostileServer("endless_redirects") as server:
        assert b"Location: /hop/1\r\n" in ask(server, "/file.bin")[0] + b"\r\n"
        assert b"Location: /hop/42\r\n" in ask(server, "/hop/41")[0] + b"\r\n"


async def fetch_together(urls: list[str], limit: int) -> list[bytes]:
    async def fetch(url: str) -> bytes:
        async with session.get(url) as response:
            return await response.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=limit)) as session:
        return await asyncio.gather(*map(fetch, urls))


def test_connection_counter_counts_connections() -> None:
    with HostileServer("connection_counter") as server:
        bodies = asyncio.run(fetch_together([f"{server.url}file-{n}.bin" for n in range(20)], limit=3))
    assert bodies == [PAYLOAD] * 20
    assert (server.connections_seen, server.max_connections_seen) == (3, 3)


@pytest.mark.parametrize("behaviour", Behaviour)
def test_a_hostile_server_closes_while_it_is_visited(behaviour: str) -> None:
    before = set(threading.enumerate())
    with HostileServer(behaviour) as server, connect(server) as client:
        client.settimeout(0.05)
        with suppress(TimeoutError, ConnectionError):
            client.recv(1)
    assert server.open_connections == 0
    assert set(threading.enumerate()) <= before


def test_a_client_that_comes_while_the_server_closes_is_let_go() -> None:
    with HostileServer("hangs") as server:

        async def come_late() -> asyncio.StreamWriter:
            reader, writer = await asyncio.open_connection(ADDRESS, server.port)
            server._stop.set()  # so its conversation is ended before its first step
            server._accept(reader, writer)
            return writer

        writer = asyncio.run_coroutine_threadsafe(come_late(), server._loop).result()

    assert writer.transport.is_closing()


@pytest.mark.parametrize("server", [HostileServer("hangs"), SyntheticHost({})], ids=["hostile", "synthetic"])
def test_a_client_that_is_accepted_while_the_server_closes_leaves_no_socket(server: ThreadedServer) -> None:
    client = socket.socket()

    def come_and_stop() -> None:
        client.connect((ADDRESS, server.port))  # the kernel lets it in; the loop accepts it in its next turn,
        server._loop.call_soon(server._stop.set)  # and in the one after that the server closes first

    with server, client:
        server._loop.call_soon_threadsafe(come_and_stop)
        server._thread.join()
    gc.collect()  # an open socket would warn now, and fail the test


def test_a_hostile_server_serves_honest_files_too() -> None:
    with HostileServer("hangs") as server:
        assert b'href="/honest.bin"' in asyncio.run(fetch_together([server.url + "after"], limit=1))[0]
        assert asyncio.run(fetch_together([server.url + "honest.bin"], limit=1)) == [HONEST]


def test_a_fault_proxy_ends_with_its_threads_also_when_a_client_stays() -> None:
    before = set(threading.enumerate())
    with FaultProxy() as proxy:
        client = socket.create_connection((ADDRESS, proxy.port))
        eventually(lambda: proxy.connections == 1)
    with client:
        assert set(threading.enumerate()) <= before
        assert client.recv(1) == b""


def test_an_act_may_be_at_another_path() -> None:
    with HostileServer("robots_broken") as server:
        assert ask(server, "/robots.txt")[0].startswith(b"HTTP/1.1 500 ")
        assert asyncio.run(fetch_together([server.url + "file.bin"], limit=1)) == [PAYLOAD]


def test_every_act_says_what_it_does() -> None:
    sentences = [act.sentence for act in ACTS.values()]
    assert len(set(sentences)) == len(sentences)
    assert all(len(sentence) < 120 and not sentence.endswith(".") for sentence in sentences)


def test_a_synthetic_host_serves_what_it_is_given() -> None:
    resources = {
        "/": ("text/html", b"<p>"),
        "/made": ("image/png", lambda: b"made"),
        "/odd%20name?a=1": Resource("image/gif", b"odd", {"ETag": '"1"'}, 203),
        "/untyped": Resource(None, b"x", {"Content-Type": "Image/Weird"}),
        "/own": (None, own_answer),
    }
    with SyntheticHost(resources) as host:
        assert ask_once(host, "/") == (200, "text/html", b"<p>")
        assert ask_once(host, "/made?x") == (200, "image/png", b"made")
        assert ask_once(host, "/odd%20name?a=1") == (203, "image/gif", b"odd")
        assert ask_once(host, "/untyped") == (200, "Image/Weird", b"x")
        assert ask_once(host, "/own") == (418, "text/plain; charset=utf-8", b"GET")
        assert ask_once(host, "/none")[0] == 404
        host.resources["/none"] = ("text/plain", b"now")
        assert ask_once(host, "/none")[0] == 200
    assert host.paths == ["/", "/made?x", "/odd%20name?a=1", "/untyped", "/own", "/none", "/none"]
    assert host.requests[0][1]["X-Visitor"] == "test"


async def own_answer(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=418, text=request.method)


def ask_once(host: SyntheticHost, path: str) -> tuple[int, str, bytes]:
    async def visit() -> tuple[int, str, bytes]:
        url = aiohttp.client.URL(host.url.rstrip("/") + path, encoded=True)
        async with (
            aiohttp.ClientSession(headers={"X-Visitor": "test"}) as session,
            session.get(url) as response,
        ):
            return response.status, response.headers["Content-Type"], await response.read()

    return asyncio.run(visit())


def test_a_synthetic_host_counts_connections_and_concurrent_requests() -> None:
    resources = {f"/{number}": ("image/png", PAYLOAD) for number in range(20)}
    with SyntheticHost(resources, delay=0.02) as host:
        asyncio.run(fetch_together([host.url + path[1:] for path in resources], limit=4))
    assert (host.connections_seen, host.max_connections_seen, host.max_concurrent_requests_seen) == (4, 4, 4)


def test_a_synthetic_host_closes_while_it_is_visited() -> None:
    before = set(threading.enumerate())
    with SyntheticHost({"/": ("text/html", b"")}, delay=600) as host, connect(host, "/") as client:
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)
    assert set(threading.enumerate()) <= before


def test_processes_of_others_may_be_called_anything(tmp_path: Path) -> None:
    # Its arguments, and its name in /proc/PID/stat, are no UTF-8.
    odd = tmp_path / "read\udcff"
    odd.write_text("#!/bin/sh\nread line\n")
    odd.chmod(0o700)
    with subprocess.Popen([odd], stdin=subprocess.PIPE) as stranger:
        assert Workplace(tmp_path).processes() == []
        assert parent_of(stranger.pid) != 0
        assert leftovers.Process(stranger.pid, "") != leftovers._process(stranger.pid)
