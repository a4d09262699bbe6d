"""NCMEC Hash Sharing v2, its reading half (matcher_client/lists/ncmec_client.py names the sources): status and entries.

Documented or observed: the paths, Basic authentication, the XML, `from` exclusive and `to` inclusive, each entry in
its latest state only, no order, ids unique for a member only, `next` relative to the base URL. Inferred: that paging
is by offset (`start`), and the texts of errors.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.sax.saxutils import escape, quoteattr

from stand_ins.answering import Asked, Reply, answering

USERNAME = "testington"
PASSWORD = "correct horse"
NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
BASE = "/npo"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


@dataclass(frozen=True)
class Entry:
    """The latest state of one member's entry; `timestamp` is ISO 8601 in whole seconds with Z."""

    member: int
    id: str
    timestamp: str
    fingerprints: dict[str, str] = field(default_factory=dict)
    classification: str | None = "A1"
    kind: str = "image"
    is_deleted: bool = False

    def xml(self) -> str:
        tag = f"deleted{self.kind.capitalize()}" if self.is_deleted else self.kind
        parts = [
            f"<member id={quoteattr(str(self.member))}>Member {self.member}</member>",
            f"<timestamp>{self.timestamp}</timestamp>",
            f"<id>{escape(self.id)}</id>",
        ]
        if not self.is_deleted:
            if self.classification is not None:
                parts.append(f"<classification>{self.classification}</classification>")
            prints = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in self.fingerprints.items())
            parts.append(f"<fingerprints>{prints}</fingerprints>")
        return f"<{tag}>{''.join(parts)}</{tag}>"


@dataclass
class RunningNcmec:
    """The stand-in on 127.0.0.1; `entries` may be changed while it runs, by `put`.

    `interject` may answer in its place, given the request and the number (from 1) of the page it asks for, or 0.
    """

    port: int
    options: str
    page_size: int = 3
    entries: dict[tuple[int, str], Entry] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    interject: Callable[[Asked, int], Reply | None] | None = None

    @property
    def url(self) -> str:
        return f"ncmec+http://127.0.0.1:{self.port}{BASE}?{self.options}"

    def put(self, *entries: Entry) -> None:
        for entry in entries:
            self.entries[entry.member, entry.id] = entry

    def queries(self) -> list[dict[str, str]]:
        """The query of each request for entries, in order."""
        urls = [urlsplit(one.path) for one in self.asked]
        return [
            {name: values[0] for name, values in parse_qs(url.query).items()}
            for url in urls
            if url.path == f"{BASE}/v2/entries"
        ]

    def page(self, query: dict[str, list[str]]) -> Reply:
        since, until = query["from"][0], query["to"][0]
        found = [one for one in self.entries.values() if since < one.timestamp <= until]
        found.sort(key=lambda one: hashlib.md5(f"{one.member}{one.id}".encode()).digest())  # any order but time's
        start = int(query.get("start", ["1"])[0])
        shown = found[start - 1 : start - 1 + self.page_size]
        parts = [
            f'<{kind}s count="{len(of_kind)}" maxTimestamp="{max(one.timestamp for one in of_kind)}">'
            f"{''.join(one.xml() for one in of_kind)}</{kind}s>"
            for kind in ("image", "video")
            if (of_kind := [one for one in shown if one.kind == kind])
        ]
        if start - 1 + self.page_size < len(found):
            following = {"from": since, "to": until, "start": start + self.page_size, "size": self.page_size}
            link = f"/v2/entries?{urlencode({**following, 'max': len(found)})}"
            parts.append(f"<paging><next>{escape(link)}</next></paging>")
        return xml(f'<queryResult xmlns="{NAMESPACE}">{"".join(parts)}</queryResult>')


def xml(document: str) -> Reply:
    """An answer of XML."""
    return Reply(content_type="application/xml", body=(_HEAD + document).encode())


@contextmanager
def run() -> Iterator[RunningNcmec]:
    """Serve until the context ends."""
    expected = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    servers: list[RunningNcmec] = []

    def answer(request: Asked) -> Reply:
        (server,) = servers
        server.asked.append(request)
        url = urlsplit(request.path)
        query = parse_qs(url.query)
        is_page = url.path == f"{BASE}/v2/entries"
        number = 1 + (int(query.get("start", ["1"])[0]) - 1) // server.page_size if is_page else 0
        reply = server.interject(request, number) if server.interject is not None else None
        if reply is not None:
            return reply
        if request.headers.get("authorization") != expected:
            return Reply(401, "text/html", b"<h1>Unauthorized</h1>")
        if is_page:
            return server.page(query)
        if url.path == f"{BASE}/v2/status":
            return xml(
                f'<status xmlns="{NAMESPACE}"><ipAddress>127.0.0.1</ipAddress><username>{USERNAME}</username>'
                '<member id="1">Sir Testington</member></status>'
            )
        return Reply(404, "text/html", b"<h1>Not Found</h1>")

    with TemporaryDirectory() as folder, answering(answer) as port:
        for name, secret in (("username", USERNAME), ("password", PASSWORD)):
            Path(folder, name).write_text(secret + "\n")
        servers.append(RunningNcmec(port, f"username=file:{folder}/username&password=file:{folder}/password"))
        yield servers[0]
