"""Ten files of 200 MB through a real sandboxed recrawl, and through stock Scrapy: how much memory each needs.

`python -m bench.memory [files] [megabytes]`. The level is the memory right before the first request; the growth is the
peak over it. The server is a process of its own and makes its bytes as it goes.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import random
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import scrapy
from aiohttp import web
from orbweaver import settings as orbweaver_settings
from orbweaver.crawler import recrawl
from orbweaver.crawler.handler import HashingDownloadHandler
from orbweaver.crawler.rules import scope
from orbweaver.model import Limits, Report, ScopeKind, Sighting, Skip, Tally
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response

MEGABYTE = 10**6
BLOCK = random.Random(1).randbytes(MEGABYTE)
_context = multiprocessing.get_context("forkserver")
_level = 0
_statm = -1

# For both: what is compared must not differ.
CONNECTIONS = 4


@dataclass(frozen=True)
class MemoryUse:
    """The memory that one way of crawling took; sizes in bytes."""

    sha256s: list[str]
    level: int
    peak: int
    seconds: float
    cpu_seconds: float

    @property
    def growth(self) -> int:
        return self.peak - self.level


def peak_memory() -> int:
    """Return the most memory this process has had, in bytes; a system call, so it works in the sandbox."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def open_statm() -> None:
    """Open what note_level reads: the sandbox forbids to open it, not to read it."""
    global _statm  # noqa: PLW0603 - a fact about the process
    _statm = os.open("/proc/self/statm", os.O_RDONLY)


def note_level() -> None:
    """Take the memory before the first request as the level; later calls change nothing."""
    global _level  # noqa: PLW0603 - a fact about the process
    _level = _level or int(os.pread(_statm, 100, 0).split()[1]) * resource.getpagesize()


class MeasuringHandler(HashingDownloadHandler):
    """Orbweaver's handler, which takes the level before its first request."""

    async def download_request(self, request: scrapy.Request) -> Response:
        note_level()
        return await super().download_request(request)


def serve(sender: Connection, files: int, megabytes: int) -> None:
    """Serve an index and its files until killed; send the port."""

    async def index(_: web.Request) -> web.Response:
        links = "".join(f'<a href="/{number}.bin">{number}</a>' for number in range(files))
        return web.Response(text=f"<!DOCTYPE html>{links}", content_type="text/html")

    async def file(request: web.Request) -> web.StreamResponse:
        length = str(megabytes * MEGABYTE)
        response = web.StreamResponse(headers={"Content-Length": length, "Content-Type": "application/octet-stream"})
        await response.prepare(request)
        for number in range(megabytes):
            turn = (number * 7919 + int(request.match_info["number"])) % MEGABYTE
            await response.write(BLOCK[turn:])
            await response.write(BLOCK[:turn])
        return response

    async def run() -> None:
        app = web.Application()
        app.add_routes([web.get("/", index), web.get("/{number}.bin", file)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sender.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


def crawl_with_orbweaver(sender: Connection, url: str) -> None:
    """Recrawl in the sandbox, as a worker does."""
    sha256s: list[str] = []

    def record(sightings: Sequence[Sighting], skips: Sequence[Skip], _: Tally) -> None:
        sha256s.extend(one.digests.sha256 for one in sightings)
        assert not skips, skips

    settings = orbweaver_settings.Settings(allow_addresses=("127.0.0.0/8",), host_connections=CONNECTIONS)
    orbweaver_settings.DOWNLOAD_HANDLERS.update({"http": f"{__name__}.MeasuringHandler"})
    its_scope = scope.scope_for(ScopeKind.HOST, url, Limits())
    open_statm()
    recrawl.enter_sandbox(its_scope, settings)
    began = time.monotonic()
    recrawl.run(its_scope, [Report(url=url)], record, settings)
    _send(sender, sha256s, began)


def crawl_with_stock_scrapy(sender: Connection, url: str) -> None:
    """Do the same with Scrapy's own handler and the digests made in the callback."""
    sha256s: list[str] = []

    class Stock(scrapy.Spider):
        name = "stock"

        async def start(self) -> Any:
            note_level()
            yield scrapy.Request(url)

        def parse(self, response: Response) -> Any:
            for link in response.css("a::attr(href)").getall():
                yield response.follow(link, callback=self.hash)

        def hash(self, response: Response) -> None:
            for name in ("md5", "sha1"):
                hashlib.new(name, response.body, usedforsecurity=False).hexdigest()
            sha256s.append(hashlib.sha256(response.body).hexdigest())

    open_statm()
    began = time.monotonic()
    process = AsyncCrawlerProcess(
        {
            "CONCURRENT_REQUESTS_PER_DOMAIN": CONNECTIONS,
            "CONCURRENT_REQUESTS": CONNECTIONS,
            "LOG_LEVEL": "ERROR",
            "REMOTE_CONTROL_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "DOWNLOAD_WARNSIZE": 0,
        }
    )
    process.crawl(Stock)
    process.start()
    _send(sender, sha256s, began)


def _send(sender: Connection, sha256s: list[str], began: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    sender.send(
        MemoryUse(sorted(sha256s), _level, peak_memory(), time.monotonic() - began, used.ru_utime + used.ru_stime)
    )


def measure(crawl: Any, url: str) -> MemoryUse:
    """Run one way of crawling in a child."""
    receiver, sender = _context.Pipe(duplex=False)
    process = _context.Process(target=crawl, args=(sender, url))
    process.start()
    sender.close()
    measured: MemoryUse = receiver.recv()
    process.join()
    return measured


def main(files: int = 10, megabytes: int = 200) -> int:
    os.environ.pop("ALLOW_ADDRESSES", None)
    receiver, sender = _context.Pipe(duplex=False)
    server = _context.Process(target=serve, args=(sender, files, megabytes))
    server.start()
    try:
        url = f"http://127.0.0.1:{receiver.recv()}/"
        ours = measure(crawl_with_orbweaver, url)
        stock = measure(crawl_with_stock_scrapy, url)
    finally:
        server.kill()
        server.join()
    assert len(ours.sha256s) == files
    assert ours.sha256s == stock.sha256s, "the digests differ"
    print(f"{files} files of {megabytes} MB, {CONNECTIONS} connections; MB = 10**6 bytes")
    print(f"{'':16}{'level':>8}{'peak':>8}{'growth':>8}{'seconds':>9}{'CPU s':>7}")
    for name, one in (("orbweaver", ours), ("stock Scrapy", stock)):
        sizes = "".join(f"{size / MEGABYTE:8.1f}" for size in (one.level, one.peak, one.growth))
        print(f"{name:16}{sizes}{one.seconds:9.1f}{one.cpu_seconds:7.1f}")
    print(f"growth: {stock.growth / max(ours.growth, 1):.0f} times less than stock Scrapy")
    is_small = ours.growth < 40 * MEGABYTE
    print(f"growth below 40 MB: {'yes' if is_small else 'NO'}")
    return 0 if is_small else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
