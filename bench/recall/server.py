"""Plays the sites on loopback, a host each by its address, and counts which files it handed out whole, and to whom.

It writes its answers byte by byte, because some hosts answer as no library would.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.crawl.server import free_ports
from bench.recall.archives import FORMS
from bench.recall.file_bytes import content_type
from bench.recall.site import Answer, Site

HOSTS_A_NET = 250
GONE = Answer("Not found", status=404, content_type="text/plain")


def _chunked(body: bytes) -> bytes:
    pieces = [body[at : at + 700] for at in range(0, len(body), 700)]
    return b"".join(b"%X\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _deflated_raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "gzip and stray bytes": lambda body: gzip.compress(body, mtime=0) + b"\r\n<!-- served in 3 ms -->",
    "gzip in two members": lambda body: gzip.compress(body[:700], mtime=0) + gzip.compress(body[700:], mtime=0),
    "deflate": zlib.compress,
    "deflate without its head": _deflated_raw,
    "chunked": _chunked,
    "chunked gzip": lambda body: _chunked(gzip.compress(body, mtime=0)),
}


@dataclass
class Seen:
    """The requests since the last look: labels of files by site, and how many requests there were and led nowhere."""

    files: dict[str, set[str]] = field(default_factory=dict)
    requests: int = 0
    gone: int = 0
    paths: dict[str, list[str]] = field(default_factory=dict)


class Playing:
    """The sites while they are played: `starts` has the URL of each by its name."""

    def __init__(self, sites: Sequence[Site], port: int) -> None:
        self._port = port
        self._sites: dict[str, Site] = {}
        self._answers: dict[str, Mapping[str, tuple[Answer, ...]]] = {}
        self.starts: dict[str, str] = {}
        self._seen = Seen()
        self._asked: Counter[tuple[str, str]] = Counter()
        for number, site in enumerate(sites):
            place = f"{number // HOSTS_A_NET}.{number % HOSTS_A_NET + 1}"
            self.starts[site.name] = f"http://127.1.{place}:{port}{site.start}"
            for net, answers in ((1, site.answers), (2, site.other)):
                if not answers:
                    continue
                self._sites[f"127.{net}.{place}:{port}"] = site
                self._answers[f"127.{net}.{place}:{port}"] = {
                    self._filled(site, path): one for path, one in answers.items()
                }

    @property
    def addresses(self) -> list[str]:
        return [host.partition(":")[0] for host in self._sites]

    def look(self) -> Seen:
        """Return what was asked for since the last look."""
        seen, self._seen, self._asked = self._seen, Seen(), Counter()
        return seen

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(self.answer(head.decode("latin-1")))
            await writer.drain()
        writer.close()

    def answer(self, request: str) -> bytes:
        """Return all bytes of the answer to the head of a request."""
        first, *lines = request.rstrip("\r\n").split("\r\n")
        method, path, *_ = [*first.split(" "), "", ""]
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        host = headers.get("host", "")
        if host not in self._sites:
            return _bytes_of(GONE, b"Not found")
        site = self._sites[host]
        self._asked[host, path] += 1
        self._seen.requests += 1
        self._seen.paths.setdefault(site.name, []).append(path)
        found = self._choose(host, path, headers) if method != "POST" else GONE
        self._seen.gone += found.status in {404, 410} and path not in {"/robots.txt", "/favicon.ico"}
        body = self._body(site, host, path, found)
        if found.file and 200 <= found.status < 300 and method == "GET":
            self._seen.files.setdefault(site.name, set()).add(found.file)
        filled = replace(found, headers=tuple(self._filled(site, line) for line in found.headers))
        whole = _bytes_of(filled, body)
        return whole if method != "HEAD" else whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    def _choose(self, host: str, path: str, headers: Mapping[str, str]) -> Answer:
        site, number = self._sites[host], self._asked[host, path]
        for key in (path, path.partition("?")[0]):
            for one in self._answers[host].get(key, ()):
                if (not one.first or number <= one.first) and self._holds(site, one.when, headers):
                    return one
            if host.startswith("127.1.") and (key in site.files or key in site.archives):
                return Answer(file=key, content_type=content_type(key))
        return GONE

    def _holds(self, site: Site, when: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        asked = {name: headers.get(name.lower()) for name in when}
        return all(
            re.search(self._filled(site, pattern), asked[name] or "") if pattern else asked[name] is None
            for name, pattern in when.items()
        )

    def _body(self, site: Site, host: str, path: str, found: Answer) -> bytes:
        if found.file in site.archives:
            one = site.archives[found.file]
            members = {name: site.bytes_of(f"{found.file}!/{name}") for name in one.members}
            return FORMS[one.form](members)
        if found.file:
            return site.bytes_of(found.file)
        if isinstance(found.text, bytes):
            return found.text
        text = found.text.replace("{visit}", str(self._asked[host, path]))
        return site.with_data_uris(self._filled(site, text)).encode()

    def _filled(self, site: Site, text: str) -> str:
        if "{" not in text:
            return text
        own = self.starts[site.name].split("/")[2]
        return text.replace("{host}", own).replace("{other}", own.replace("127.1.", "127.2.", 1))


def _bytes_of(found: Answer, body: bytes) -> bytes:
    packed = PACKINGS[found.packing](body)
    if found.head:
        head = found.head.replace("{length}", str(len(packed))).strip("\n").replace("\n", "\r\n")
        return head.encode("latin-1") + b"\r\n\r\n" + packed
    lines = [f"HTTP/1.1 {found.status} Answer", "Connection: close", *found.headers]
    if found.content_type is not None:
        lines.append(f"Content-Type: {found.content_type}")
    lines.append(
        "Transfer-Encoding: chunked" if found.packing.startswith("chunked") else f"Content-Length: {len(packed)}"
    )
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + packed


@contextlib.contextmanager
def playing(sites: Sequence[Site]) -> Iterator[Playing]:
    """Play sites in a thread, until the block is left."""
    loop = asyncio.new_event_loop()
    played = Playing(sites, free_ports(1)[0])
    server = loop.run_until_complete(asyncio.start_server(played.converse, played.addresses, played._port, limit=2**17))
    thread = threading.Thread(target=loop.run_forever, name="sites")
    thread.start()
    try:
        yield played
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
