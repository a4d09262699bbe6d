"""Serves the host over a link of a limited rate, and counts what goes over it.

`python -m bench.revisit.server FILES BYTES BITS_A_SECOND` prints its port. Each line that it reads is a question; the
answer is a line of JSON: what was seen since the question before. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field

from bench.revisit.site import OF_NOTE, Site

PIECE_BYTES = 16_384


@dataclass
class Seen:
    """Counts of the link: bytes in both directions, headers counted, and the paths that were sent in full."""

    sent: int = 0
    received: int = 0
    requests: int = 0
    unchanged: int = 0
    in_full: list[str] = field(default_factory=list)
    first: float = 0.0
    last: float = 0.0


class Link:
    """Sends one piece after the other, whoever's it is, at the rate of the link."""

    def __init__(self, bits_a_second: float) -> None:
        self._bytes_a_second = bits_a_second / 8
        self._free_at = 0.0

    async def send(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        for start in range(0, len(answer), PIECE_BYTES):
            piece = answer[start : start + PIECE_BYTES]
            self._free_at = max(self._free_at, time.monotonic()) + len(piece) / self._bytes_a_second
            await asyncio.sleep(self._free_at - time.monotonic())
            writer.write(piece)
            await writer.drain()


class Server:
    """The host behind its link."""

    def __init__(self, site: Site, link: Link) -> None:
        self._site, self._link = site, link
        self._seen = Seen()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                seen = self._seen
                seen.first = seen.first or time.monotonic()
                seen.requests += 1
                seen.received += len(head)
                answer = self._answer(head, seen)
                await self._link.send(writer, answer)
                seen.sent += len(answer)
                seen.last = time.monotonic()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def counted(self) -> str:
        """Return what was seen, as JSON, and count from zero."""
        seen, self._seen = self._seen, Seen()
        return json.dumps(asdict(seen))

    def _answer(self, head: bytes, seen: Seen) -> bytes:
        request, *lines = head.decode("latin-1").split("\r\n")
        path = request.split(" ")[1]
        page = self._site.page(path)
        if page is not None:
            return _http(200, page, "Content-Type: text/html")
        etag = f'"{path}"'
        versions = f"Content-Type: image/jpeg\r\nETag: {etag}\r\nLast-Modified: {OF_NOTE}"
        if f"if-none-match: {etag}" in (line.lower() for line in lines):
            seen.unchanged += 1
            return _http(304, b"", versions)
        body = self._site.body(path)
        if body is None:
            return _http(404, b"not found", "Content-Type: text/plain")
        seen.in_full.append(path)
        return _http(200, body, versions)


def _http(status: int, body: bytes, headers: str) -> bytes:
    length = "" if status == 304 else f"Content-Length: {len(body)}\r\n"
    return (
        f"HTTP/1.1 {status} Status\r\nDate: Sun, 29 Nov 2026 10:00:00 GMT\r\n{headers}\r\n{length}\r\n".encode() + body
    )


async def serve(server: Server) -> None:
    listening = await asyncio.start_server(server.converse, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(server.counted(), flush=True)


def main() -> None:
    files, file_bytes, bits_a_second = sys.argv[1:]
    asyncio.run(serve(Server(Site(int(files), int(file_bytes)), Link(float(bits_a_second)))))


if __name__ == "__main__":
    main()
