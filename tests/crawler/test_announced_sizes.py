"""A body whose headers announce more than a limit allows is refused before it is read, and said."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from contained import Crawled, crawl
from orbweaver.crawler.bodies.body import Body, BodyLimits, BodyReader
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.fetching.budget import Budget
from orbweaver.crawler.transfer_errors import BodyTooLarge, LimitReached
from orbweaver.model import Limits, Outcome, Skip
from raw_server import RawServer

FILE = b"\x89PNG\r\n\x1a\n" + os.urandom(3_000)
PAGE = b"<!doctype html><img src='file.png'>"
LARGE = 10 * 2**30
ALLOWED = 8 * 2**30


def head(*lines: str, status: str = "200 OK", of: str = "image/png") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {of}", *lines, "", ""]).encode()


def length(size: int) -> str:
    return f"Content-Length: {size}"


def whole(size: int) -> str:
    return f"Content-Range: bytes 0-{size - 1}/{size}"


PART = "206 Partial Content"
SMALL = head(length(len(FILE))) + FILE
# No byte of a body follows, and the connection stays open: whoever waits for one waits for long.
TOO_LARGE = {
    "/length.png": head(length(LARGE)),
    "/compressed.png": head(length(LARGE), "Content-Encoding: gzip"),
    "/gone.png": head(length(LARGE), status="404 Not Found"),
    "/busy.png": head(length(LARGE), status="503 Busy"),
    "/range.png": head(length(LARGE), whole(LARGE), status=PART),
    "/range-in-chunks.png": head("Transfer-Encoding: chunked", whole(LARGE), status=PART),
}
OTHERS = {
    "/disagree.png": head(length(50), whole(100), status=PART),
    "/nothing.png": head(length(LARGE), status="204 No Content"),
    "/same.png": head(length(LARGE), status="304 Not Modified"),
    "/small.png": SMALL,
}


def crawl_files(files: dict[str, bytes], **fields: Any) -> tuple[Crawled, RawServer, bytes]:
    page = b"<!doctype html>" + b"".join(b"<img src='%s'>" % path.encode() for path in files)
    first = head(length(len(page)), of="text/html") + page
    answers = {"/": [first], **{path: [answer] for path, answer in files.items()}}
    with RawServer(answers, keeps_alive=True) as server:
        return crawl(server.url, stall_timeout=60, **fields), server, page


def by_path(found: Crawled) -> dict[str, Skip]:
    return {"/" + skip.url.rpartition("/")[2]: skip for skip in found.skips}


def test_a_file_that_is_announced_as_too_large_is_refused_at_once() -> None:
    found, server, page = crawl_files(TOO_LARGE | OTHERS, file_bytes=ALLOWED)
    skips = by_path(found)
    for path in TOO_LARGE:
        # A file may be there that nobody hashed.
        assert (skips[path].outcome, skips[path].is_failure) == (Outcome.TOO_LARGE, True)
        assert skips[path].reason == f"{LARGE} bytes were announced, and {ALLOWED} are allowed"
        assert server.requests.count(path) == 1
    assert (skips["/disagree.png"].outcome, skips["/disagree.png"].is_failure) == (Outcome.INCOMPLETE, True)
    # These have no body, whatever they announce.
    assert Outcome.TOO_LARGE not in {skips["/nothing.png"].outcome, skips["/same.png"].outcome}
    assert found.urls == [server.url + "small.png"]
    assert found.tally.bytes_read == len(page) + len(FILE)


def test_a_file_that_is_announced_as_larger_than_what_is_left_of_the_budget_costs_nothing_of_it() -> None:
    files = {"/file.png": head(length(20_000)), "/small.png": SMALL}
    found, server, page = crawl_files(files, limits=Limits(max_bytes=15_000), host_connections=1)
    skip = by_path(found)["/file.png"]
    # The operator's choice, and no failure, as when the budget is spent.
    assert (skip.outcome, skip.rule, skip.is_failure) == (Outcome.LIMIT, "limit.max_bytes", False)
    assert skip.reason == f"20000 bytes were announced, and {15_000 - len(page)} are left of max_bytes"
    assert server.requests.count("/file.png") == 1
    assert found.urls == [server.url + "small.png"]


# --- what is read of a body, by its declared type ---


def read(
    chunks: list[bytes], announced: int, *, of: str, html_bytes: int, file_bytes: int, max_bytes: int = 2**60
) -> Body:
    async def arriving() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    reader = BodyReader(
        content_type=of,
        content_encoding="",
        limits=BodyLimits(html_bytes, file_bytes, grace_seconds=60, slowest_bytes_per_second=0),
        announced_bytes=announced,
        admit_bytes=Budget(Limits(max_bytes=max_bytes)).admit,
    )
    return asyncio.run(reader.read(arriving()))


def test_a_file_of_exactly_the_limits_is_read() -> None:
    size = len(FILE)
    found = read([FILE], size, of="image/png", html_bytes=10, file_bytes=size, max_bytes=size)
    assert found.digests == digests_of(FILE)


def test_of_a_page_that_is_announced_as_endless_the_beginning_is_read() -> None:
    found = read([PAGE] * 1_000, 10**15, of="text/html", html_bytes=2_000, file_bytes=8_000, max_bytes=8_000)
    assert found.html == (PAGE * 100)[:2_000]
    assert found.is_document_cut


def test_a_file_behind_the_name_of_a_page_is_refused_by_its_first_bytes() -> None:
    chunks = [FILE]
    with pytest.raises(BodyTooLarge, match=r"^100000 bytes were announced, and 50000 are allowed$"):
        read(chunks, 100_000, of="text/html", html_bytes=2_000, file_bytes=50_000)
    with pytest.raises(LimitReached, match=r"^100000 bytes were announced, and 50000 are left of max_bytes$"):
        read(chunks, 100_000, of="text/html", html_bytes=2_000, file_bytes=200_000, max_bytes=50_000)


def test_a_page_that_would_be_read_to_the_limit_of_a_file_is_refused_at_once() -> None:
    """As with Scrapy's download_maxsize, which may be smaller than what is held of a page."""
    with pytest.raises(BodyTooLarge, match="announced"):
        read([], 1_000, of="text/html", html_bytes=2_000, file_bytes=500)
