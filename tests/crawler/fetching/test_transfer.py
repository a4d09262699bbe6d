"""What a server does with lengths, ranges and methods has an outcome each, and reaches no other URL."""

from __future__ import annotations

import asyncio
import gzip
import os

import pytest
from contained import Crawled, crawl
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.fetching.connecting.connections import ConnectionLimits, Connections
from orbweaver.crawler.fetching.connecting.egress_guard import Guard
from orbweaver.crawler.rules.address_rules import parse_networks
from orbweaver.model import Outcome
from raw_server import RawServer

FILE = b"\x89PNG\r\n\x1a\n" + os.urandom(3_000)
OTHER = b"\x89PNG\r\n\x1a\n" + os.urandom(500)


def answer(
    body: bytes, *headers: str, length: int | None = None, status: str = "200 OK", of: str = "image/png"
) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {of}", f"Content-Length: {size}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n", headers: str = "") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
    return head.encode() + body + end


def page(*references: str) -> bytes:
    return answer("".join(f"<img src='{one}'>" for one in references).encode(), of="text/html")


def crawl_file(*pieces: bytes) -> tuple[Crawled, str]:
    with RawServer({"/": [page("file.png")], "/file.png": list(pieces)}) as server:
        return crawl(server.url), server.url + "file.png"


def assert_outcome(found: Crawled, url: str, outcome: Outcome, rule: str) -> None:
    skip = found.skip_of(url)
    assert (skip.outcome, skip.rule, skip.is_failure) == (outcome, rule, True)
    assert url not in found.urls


# --- lengths ---


def test_a_body_shorter_than_its_length_is_incomplete() -> None:
    found, url = crawl_file(answer(FILE, length=len(FILE) + 1))
    assert_outcome(found, url, Outcome.INCOMPLETE, "fetch.incomplete")


@pytest.mark.parametrize("is_silent", [False, True], ids=["closed", "silent"])
def test_a_redirect_is_followed_whatever_becomes_of_its_body(is_silent: bool) -> None:
    rests = [
        b"Content-Length: 100\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Content-Length: 100\r\n\r\nshort",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ]
    names = [f"/{number}" for number in range(len(rests))]
    moved = {
        name: [f"HTTP/1.1 302 Found\r\nLocation: {name}.png\r\n".encode() + rest]
        for name, rest in zip(names, rests, strict=True)
    }
    files = {f"{name}.png": [answer(FILE + name.encode())] for name in names}
    with RawServer({"/": [page(*names)], **moved, **files}, keeps_alive=is_silent) as server:
        found = crawl(server.url)
    assert sorted(one.final_url for one in found.sightings) == [f"{server.url}{name[1:]}.png" for name in names]
    assert found.skips == []


def test_a_chunked_body_without_its_end_is_incomplete() -> None:
    found, url = crawl_file(chunked(FILE, end=b""))
    assert_outcome(found, url, Outcome.INCOMPLETE, "fetch.incomplete")


def test_a_chunked_body_whose_end_never_comes_is_a_timeout() -> None:
    answers = {"/": [page("file.png")], "/file.png": [chunked(FILE, end=b"")]}
    with RawServer(answers, keeps_alive=True) as server:
        found = crawl(server.url, stall_timeout=1)
    assert_outcome(found, server.url + "file.png", Outcome.TIMEOUT, "fetch.timeout")


SMUGGLED = answer(OTHER, "X-Smuggled: yes")


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([answer(FILE) + SMUGGLED], id="a longer body than its length says"),
        pytest.param([answer(FILE) + b"\r\n\r\nrubbish"], id="a surplus that is no answer"),
        pytest.param([answer(b"") + SMUGGLED], id="a surplus after an empty body"),
        pytest.param([chunked(FILE) + SMUGGLED], id="a surplus after the last chunk"),
        pytest.param([chunked(FILE, end=b"0\r\nTrailer: x\r\n\r\n") + b"rubbish"], id="rubbish after the trailers"),
    ],
)
def test_what_is_sent_beyond_the_end_of_a_body_reaches_no_other_url(pieces: list[bytes]) -> None:
    names = ["file.png", *(f"{number}.png" for number in range(5))]
    others = {f"/{name}": [answer(FILE[: 100 + place])] for place, name in enumerate(names)}
    with RawServer({"/": [page(*names)], **others, "/file.png": pieces}, keeps_alive=True) as server:
        found = crawl(server.url, host_connections=1)
    assert digests_of(OTHER) not in {sighting.digests for sighting in found.sightings}
    by_path = {sighting.url.rpartition("/")[2]: sighting.digests for sighting in found.sightings}
    assert {name: by_path[name] for name in names[1:]} == {
        name: digests_of(FILE[: 100 + place]) for place, name in enumerate(names) if place
    }
    assert by_path.get("file.png", digests_of(FILE)) == digests_of(FILE)


@pytest.mark.parametrize("late", [SMUGGLED, b"\r\n\r\nrubbish"])
def test_what_comes_on_an_idle_connection_answers_no_request(late: bytes) -> None:
    """What comes after the next request was sent is its answer: nothing but the server knows better."""

    async def ask() -> list[bytes]:
        limits = ConnectionLimits(connections=1, connections_per_host=1, connect_seconds=300)
        connections = Connections(Guard(parse_networks(["127.0.0.0/8"])), limits)
        bodies = []
        try:
            for name in ("late.png", "next.png"):
                response = await connections.ask("GET", server.url + name, [])
                bodies.append(await response.read())
                await asyncio.to_thread(server.answered.get)
        finally:
            await connections.close()
        return bodies

    with RawServer({"/late.png": [answer(FILE), late], "/next.png": [answer(OTHER[:99])]}, keeps_alive=True) as server:
        assert asyncio.run(ask()) == [FILE, OTHER[:99]]
        assert server.connections == 2


def test_what_follows_the_end_of_an_encoded_body_is_not_part_of_the_file() -> None:
    found, url = crawl_file(answer(gzip.compress(FILE) + b"rubbish", "Content-Encoding: gzip"))
    (sighting,) = found.sightings
    assert sighting.url == url
    assert sighting.digests == digests_of(FILE)
    assert sighting.http.bytes_received == len(gzip.compress(FILE)) + len(b"rubbish")


def test_a_list_of_encodings_is_undone_in_its_order() -> None:
    body = gzip.compress(gzip.compress(FILE))
    found, _ = crawl_file(answer(body, "Content-Encoding: gzip", "Content-Encoding: x-gzip"))
    assert [sighting.digests for sighting in found.sightings] == [digests_of(FILE)]


# --- ranges and methods ---


def test_a_part_is_an_outcome_of_its_own() -> None:
    found, url = crawl_file(answer(FILE, f"Content-Range: bytes 0-3007/{len(FILE) + 1}", status="206 Partial Content"))
    assert_outcome(found, url, Outcome.PARTIAL, "fetch.partial")


def test_a_part_that_is_the_whole_is_hashed() -> None:
    whole = f"Content-Range: bytes 0-{len(FILE) - 1}/{len(FILE)}"
    found, _ = crawl_file(answer(FILE, whole, status="206 Partial Content"))
    assert [sighting.digests for sighting in found.sightings] == [digests_of(FILE)]


def test_a_part_that_is_said_to_be_the_whole_and_is_not_is_incomplete() -> None:
    lie = f"Content-Range: bytes 0-{len(FILE)}/{len(FILE) + 1}"
    found, url = crawl_file(answer(FILE, lie, status="206 Partial Content"))
    assert_outcome(found, url, Outcome.INCOMPLETE, "fetch.incomplete")


@pytest.mark.parametrize("status", ["405 Method Not Allowed", "501 Not Implemented"])
def test_a_host_that_answers_no_get_is_said_so(status: str) -> None:
    found, url = crawl_file(answer(b"words", "Allow: HEAD", status=status, of="text/html"))
    assert_outcome(found, url, Outcome.METHOD_REFUSED, f"http.{status[:3]}")


def test_a_page_where_a_file_was_expected_is_noted_and_read() -> None:
    error_page = answer(b"<!doctype html><title>Not found</title><img src=logo.png>", of="text/html")
    answers = {"/": [page("file.png")], "/file.png": [error_page], "/logo.png": [answer(OTHER)]}
    with RawServer(answers) as server:
        found = crawl(server.url)
    skip = found.skip_of(server.url + "file.png")
    assert (skip.outcome, skip.rule, skip.is_failure, skip.status) == (Outcome.ERROR_PAGE, "error_page", False, 200)
    assert found.urls == [server.url + "logo.png"]
