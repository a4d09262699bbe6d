"""Serves all hosts of a campaign, as they are in the present round, and counts what was asked for.

`python -m bench.service.server HOSTS` prints its port. Each line that it reads is the number of the next round; the
answer is a line of JSON: what was asked for since the line before. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

from bench.fleet.hosts import address
from bench.fleet.server import ANY_LOOPBACK, Counts, Serving
from bench.service.hosts import PLAIN, PLAIN_VERSION, Hosts, body_of


class Site:
    """All hosts in the present round; `pages` counts the visits of each, `files` what was sent of known files."""

    latency = 0.0

    def __init__(self, hosts: Hosts) -> None:
        self.round = 0
        self.counts = Counts()
        self.pages: Counter[str] = Counter()
        self.files: Counter[str] = Counter()
        self._hosts = hosts
        self._numbers = {address(number): number for number in hosts.all}

    def answer(self, host: str, path: str) -> bytes:
        number = self._numbers.get(host)
        if number is None:
            return _answer(404, "text/plain", b"no such host")
        there = list(self._hosts.files(number, self.round))
        if path == "/":
            self.pages[host] += 1
            images = "".join(f'<p><img src="{one}" alt="a picture"></p>' for one in (PLAIN, *there))
            return _answer(200, "text/html", f"<!DOCTYPE html><title>a board</title>{images}".encode())
        if path == PLAIN:
            return _answer(200, "image/jpeg", body_of(number, PLAIN), f"ETag: {PLAIN_VERSION}\r\n")
        if path in there:
            self.files[host + path] += 1
            return _answer(200, "image/jpeg", body_of(number, path))
        return _answer(404, "text/plain", b"not found")

    def counted(self) -> str:
        """Return what was asked for, as JSON, and count from zero."""
        pages, files, self.pages, self.files, self.counts = self.pages, self.files, Counter(), Counter(), Counts()
        return json.dumps({"pages": pages, "files": files})


def _answer(status: int, content_type: str, body: bytes, header: str = "") -> bytes:
    head = f"HTTP/1.1 {status} .\r\nContent-Type: {content_type}\r\n{header}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(site: Site) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Serving(site), ANY_LOOPBACK, 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        counted = site.counted()
        site.round = int(line)
        print(counted, flush=True)


def main() -> None:
    asyncio.run(serve(Site(Hosts.read(sys.argv[1]))))


if __name__ == "__main__":
    main()
