"""One way to fetch for pages and files: tries again what may have been chance, and holds a host's limit for both."""

from __future__ import annotations

import asyncio
import os

import pytest
from aiohttp import web
from contained import crawl
from orbweaver.model import Limits
from synthetic_host import Resource, SyntheticHost

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(3_000)


def first_busy_then_fine(status: int) -> Resource:
    asked = 0

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.Response(status=status) if asked == 1 else web.Response(body=PNG, content_type="image/png")

    return Resource(None, answer)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_a_busy_host_answers_is_asked_for_once_more(status: int) -> None:
    with SyntheticHost({"/a.png": first_busy_then_fine(status)}) as host:
        assert crawl(host.url + "a.png").urls == [host.url + "a.png"]
        assert host.paths == ["/a.png"] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_what_a_host_means_is_asked_for_once(status: int) -> None:
    with SyntheticHost({"/a.png": Resource("text/plain", b"no", status=status)}) as host:
        crawl(host.url + "a.png")
        assert host.paths == ["/a.png"]


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_a_hosts_connections_are_limited_for_pages_and_files_together(limit: int) -> None:
    references = "".join(f'<a href="/p{number}">p</a><img src="/f{number}.png">' for number in range(40))
    pages = {f"/p{number}": Resource("text/html", b"<p>") for number in range(40)}

    async def answer_when_full(_: web.BaseRequest) -> web.Response:
        while host.max_concurrent_requests_seen < limit:  # however slowly the others come
            await asyncio.sleep(0.001)
        return web.Response(body=PNG, content_type="image/png")

    files = {f"/f{number}.png": Resource(None, answer_when_full) for number in range(40)}
    with SyntheticHost({"/": Resource("text/html", references.encode()), **pages, **files}) as host:
        crawled = crawl(host.url, host_connections=limit)
        assert (crawled.tally.files, crawled.tally.pages) == (40, 41)
        assert host.max_concurrent_requests_seen <= limit
        assert host.connections_seen <= limit + 1  # kept alive and used again
        assert host.max_concurrent_requests_seen == limit


def test_a_page_and_a_file_cost_their_own_limits_whichever_lane_they_take() -> None:
    references = "".join(f'<a href="/p{number}">p</a><img src="/f{number}.png">' for number in range(10))
    pages = {f"/p{number}": Resource("text/html", b"<p>") for number in range(10)}
    files = {f"/f{number}.png": Resource("image/png", PNG) for number in range(10)}
    with SyntheticHost({"/": Resource("text/html", references.encode()), **pages, **files}) as host:
        crawled = crawl(host.url, limits=Limits(max_pages=3, max_files=4))
    assert (crawled.tally.pages, crawled.tally.files) == (4, 4)  # the reported page is not counted
    assert {skip.rule for skip in crawled.skips} == {"limit.max_pages", "limit.max_files"}
