"""Serves all hosts from one process, with a latency an answer, and counts what each host sees of its visitors.

`python -m bench.fleet.server PAGES FILES LATENCY` prints its port. Each line that it reads is a question; the answer is
a line of JSON: what was seen since the question before. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field

from bench.fleet import hosts
from bench.fleet.hosts import Shape

ANY_LOOPBACK = "0.0.0.0"  # one socket for thousands of loopback addresses


@dataclass
class Seen:
    """The counts of one host: its requests by path, and the most connections and requests that there were at once."""

    requests: dict[str, int] = field(default_factory=dict)
    connections: int = 0
    most_connections: int = 0
    under_way: int = 0
    most_under_way: int = 0


class Counts:
    """The counts of all hosts, and their moments: seconds of the monotonic clock, which all processes share."""

    def __init__(self) -> None:
        self.hosts: dict[str, Seen] = {}
        self.first = self.last = 0.0

    def of(self, host: str) -> Seen:
        return self.hosts.setdefault(host, Seen())


class Serving(asyncio.Protocol):
    """One connection: requests of any kind are answered one after the other, each after the latency."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._host = transport.get_extra_info("sockname")[0]
        self._seen = self._site.counts.of(self._host)
        self._seen.connections += 1
        self._seen.most_connections = max(self._seen.most_connections, self._seen.connections)

    def connection_lost(self, _: Exception | None) -> None:
        self._seen.connections -= 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            counts, seen = self._site.counts, self._seen
            counts.first = counts.first or time.monotonic()
            seen.requests[path] = seen.requests.get(path, 0) + 1
            seen.under_way += 1
            seen.most_under_way = max(seen.most_under_way, seen.under_way)
            asyncio.get_running_loop().call_later(self._site.latency, self._answer, path)

    def _answer(self, path: str) -> None:
        self._seen.under_way -= 1
        self._site.counts.last = time.monotonic()
        if not self._transport.is_closing():
            self._transport.write(self._site.answer(self._host, path))


class Site:
    """The answers of every host, with a latency in seconds."""

    def __init__(self, shape: Shape, latency: float) -> None:
        self._answers = hosts.answers_of(shape)
        self.latency = latency
        self.counts = Counts()

    def answer(self, host: str, path: str) -> bytes:
        if path not in self._answers:
            return b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nnot found"
        answer = self._answers[path] or hosts.Answer("image/jpeg", hosts.body_of(host, path))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
        return head.encode() + answer.body

    def counted(self) -> str:
        """Return what was seen, as JSON, and count from zero."""
        counts, self.counts = self.counts, Counts()
        seen = {host: asdict(one) for host, one in counts.hosts.items()}
        return json.dumps({"first": counts.first, "last": counts.last, "hosts": seen})


async def serve(site: Site) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Serving(site), ANY_LOOPBACK, 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(site.counted(), flush=True)


def main() -> None:
    pages, files, latency = sys.argv[1:]
    asyncio.run(serve(Site(Shape(int(pages), int(files)), float(latency))))


if __name__ == "__main__":
    main()
