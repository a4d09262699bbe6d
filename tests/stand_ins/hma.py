"""Meta's Hasher-Matcher-Actioner 1.1.7 as a client meets it: its answers, its errors and its quirks (HMA.md).

It is not HMA: no database, no web framework, no PDQ. What a matcher knows goes the same way, though: contents are in
banks, an index is built of them and stored, and a stored index is loaded into memory, each step apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from orbweaver.matcher_client.services import hma
from orbweaver.model import Algorithm
from synthetic_host import ConversingServer

from stand_ins import Running

# Per deployment (HMA.md 7): video_md5 is stock, the others are local classes. The number of hex digits, and what a
# malformed one is complained about as.
SIGNAL_TYPES = {"video_md5": (32, "MD5"), "sha1": (40, "SHA1"), "sha256": (64, "SHA256")}
TYPE_OF: dict[Algorithm, str] = {"sha256": "sha256", "sha1": "sha1", "md5": "video_md5"}
OPTIONS = "&".join(f"{algorithm}={name}" for algorithm, name in TYPE_OF.items())
BANK = "KNOWN_BAD"
LONGEST_REQUEST_LINE = 4094  # gunicorn's default

REASONS = {200: "OK", 302: "FOUND", 400: "BAD REQUEST", 403: "FORBIDDEN", 404: "NOT FOUND", 405: "METHOD NOT ALLOWED"}
REASONS |= {414: "REQUEST URI TOO LONG", 422: "UNPROCESSABLE ENTITY", 429: "TOO MANY REQUESTS"}
REASONS |= {500: "INTERNAL SERVER ERROR", 503: "SERVICE UNAVAILABLE"}
DATABASE_DOWN = (
    "The server encountered an internal error and was unable to complete your request. Either the server is "
    "overloaded or there is an error in the application."
)


class Response(NamedTuple):
    """One answer; a `status` of 0 is a connection that ends without one, a `cut` one ends in the middle of it."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: str = ""
    cut: bool = False


def as_json(value: object, status: int = 200) -> Response:
    return Response(status, json.dumps(value, separators=(",", ":")) + "\n")


def refusal(status: int, message: str) -> Response:
    """The first of the three shapes of errors."""
    return as_json({"message": message}, status)


def invalid(kind: str, where: str, message: str) -> Response:
    """The second shape: what pydantic says, a JSON array."""
    return as_json([{"type": kind, "loc": [where], "msg": message, "input": {}, "url": "https://errors.pydantic"}], 422)


def page(status: int) -> Response:
    """The third shape: a page for people."""
    title = f"{status} {REASONS[status].title()}"
    return Response(status, f"<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n", "text/html; charset=utf-8")


class Request(NamedTuple):
    """What was asked; of a parameter that is given twice HMA uses the first."""

    method: str
    path: str
    parameters: dict[str, str]


@dataclass
class Content:
    """One thing in one bank, with a hash for a signal type. Disabled ones match in raw_lookup only."""

    bank: str
    signal_type: str
    digest: str
    is_enabled: bool = True


@dataclass(frozen=True)
class Index:
    """An index of one signal type: the contents of each digest, as of the newest one in it (seconds since 1970)."""

    built_to: int
    contents: dict[str, list[int]]

    @property
    def size(self) -> int:
        return sum(map(len, self.contents.values()))


Fault = Response | Callable[["HmaState"], object] | None


@dataclass
class HmaState:
    """Everything that decides HMA's answers, to be changed while it is served.

    `faults` are used up by lookups, one each, in order: an answer in place of the right one, a change of the state
    right before it, or None.
    """

    banks: dict[str, float] = field(default_factory=lambda: {BANK: 1.0})  # with matching_enabled_ratio
    contents: dict[int, Content] = field(default_factory=dict)
    stored: dict[str, Index] = field(default_factory=dict)
    loaded: dict[str, Index] = field(default_factory=dict)
    is_loaded: bool = True
    is_stale: bool = False
    has_database: bool = True
    has_matcher: bool = True
    has_hasher: bool = False
    has_curator: bool = False
    closes_connections: bool = False  # as gunicorn's sync workers, upstream's default, do
    repeats_numbers: bool = False  # as the APP_HOOK of docs/matching-services.md makes it do
    faults: list[Fault] = field(default_factory=list)
    now: Callable[[], float] = time.time
    coin: random.Random = field(default_factory=random.Random)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def bank(self, signal_type: str, digest: str, bank: str = BANK) -> int:
        """Put a hash into a bank; nobody finds it before `build` and `load`. Returns the content's id."""
        content_id = next(self._ids)
        self.contents[content_id] = Content(bank, signal_type, digest)
        return content_id

    def build(self) -> None:
        """Build every index and store it: /m/index/status shows it from now on."""
        for signal_type in SIGNAL_TYPES:
            found: dict[str, list[int]] = {}
            for content_id, content in sorted(self.contents.items()):
                if content.signal_type == signal_type:
                    found.setdefault(content.digest, []).append(content_id)
            self.stored[signal_type] = Index(int(self.now()), found)

    def empty(self) -> None:
        """Begin anew with a fresh database: nothing is banked, and it says that it is ready."""
        self.contents, self.stored, self.loaded = {}, {}, {}

    def load(self) -> None:
        """Load what is stored: lookups use it from now on."""
        self.loaded = dict(self.stored)
        self.is_loaded = True

    def add(self, signal_type: str, digest: str, bank: str = BANK) -> int:
        """Put a hash into a bank, build and load."""
        content_id = self.bank(signal_type, digest, bank)
        self.build()
        self.load()
        return content_id

    def remove(self, signal_type: str, digest: str) -> None:
        """Take a hash out of every bank, build and load."""
        for content_id, content in list(self.contents.items()):
            if (content.signal_type, content.digest) == (signal_type, digest):
                del self.contents[content_id]
        self.build()
        self.load()

    def answer(self, request: Request) -> Response:
        """Answer one request."""
        match request.path.split("/")[1:]:
            case ["status"]:
                return self._status()
            case ["status", "live"]:
                return Response(200, "I-AM-ALIVE", "text/html; charset=utf-8")
            case ["m", *rest] if self.has_matcher:
                return self._match(rest, request)
            case ["h", "hash"] if self.has_hasher:
                return as_json({"video_md5": "0cc175b9c0f1b6a831c399e269772661"})
            case ["c", "signal_type"] if self.has_curator:
                return as_json([{"enabled_ratio": 1.0, "name": name} for name in ("pdq", *SIGNAL_TYPES)])
            case _:
                return page(404)

    def _status(self) -> Response:
        """Say whether it is ready; a database that is down does not show here, nor does an index that is empty."""
        if not self.is_loaded:
            return Response(503, "INDEX-NOT-LOADED", "text/html; charset=utf-8")
        if self.is_stale:
            return Response(503, "INDEX-STALE", "text/html; charset=utf-8")
        return Response(200, "I-AM-ALIVE", "text/html; charset=utf-8")

    def _match(self, path: list[str], request: Request) -> Response:
        match (request.method, path):
            case ("GET", ["index", "status"]):
                return self._index_status(request.parameters)
            case ("GET", ["lookup"]):
                return self._fault() or self._lookup(request.parameters)
            case ("GET", ["raw_lookup"]):
                return self._fault() or self._raw_lookup(request.parameters)
            case ("POST", ["lookup"]):
                return as_json({"video_md5": {}}) if self.has_hasher else _no_hasher()
            case (_, ["index", "status"] | ["lookup"] | ["raw_lookup"]):
                return page(405)
            case _:
                return page(404)

    def _fault(self) -> Response | None:
        fault = self.faults.pop(0) if self.faults else None
        if callable(fault):
            fault(self)
            return None
        return fault

    def _index_status(self, parameters: dict[str, str]) -> Response:
        """Describe the stored indexes, whatever is in memory."""
        if not self.has_database:
            return refusal(500, DATABASE_DOWN)
        names = ["pdq", *SIGNAL_TYPES]
        if (only := parameters.get("signal_type")) is not None:
            if only not in names:
                return refusal(400, f"No such signal type '{only}'")
            names = [only]
        return as_json({name: _describe(self.stored.get(name)) for name in names})

    def _lookup(self, parameters: dict[str, str]) -> Response:
        """Answer GET /m/lookup: `bypass_coinflip` is accepted and has no effect."""
        if "url" in parameters:
            return as_json({}) if self.has_hasher else _no_hasher()
        if not parameters.get("signal") or not parameters.get("signal_type"):
            return refusal(400, "Either url or both signal and signal_type are required")
        if parameters.get("bypass_coinflip", "false") not in {"true", "false"}:
            return invalid("bool_parsing", "bypass_coinflip", "Input should be a valid boolean")
        found = self._find(parameters)
        if isinstance(found, Response):
            return found
        coin = random.Random(parameters["seed"]).random() if "seed" in parameters else self.coin.random()
        wanted = parameters["banks"].split(",") if parameters.get("banks") else list(self.banks)
        by_bank: dict[str, list[dict[str, object]]] = {}
        for content_id in found:
            content = self.contents.get(content_id)  # a deleted one is gone at once: the database is asked
            if content and content.is_enabled and content.bank in wanted and self.banks[content.bank] >= coin:
                by_bank.setdefault(content.bank, []).append({"bank_content_id": content_id, "distance": "-"})
        return as_json(by_bank)

    def _raw_lookup(self, parameters: dict[str, str]) -> Response:
        for name in ("signal", "signal_type"):
            if name not in parameters:
                return invalid("missing", name, "Field required")
        include = parameters.get("include_distance", "false")
        if include not in {"true", "false"}:
            return invalid("bool_parsing", "include_distance", "Input should be a valid boolean")
        found = self._find(parameters)
        if isinstance(found, Response):
            return found
        if include == "true":
            return as_json({"matches": [{"bank_content_id": one, "distance": "-"} for one in found]})
        return as_json({"matches": found})

    def _find(self, parameters: dict[str, str]) -> list[int] | Response:
        if not self.has_database:
            return refusal(500, DATABASE_DOWN)
        signal_type, digest = parameters["signal_type"], parameters["signal"]
        if signal_type not in SIGNAL_TYPES:
            return refusal(400, f"No such SignalType '{signal_type}'")
        digits, name = SIGNAL_TYPES[signal_type]
        digest = digest.strip().lower()
        if len(digest) != digits or digest.strip("0123456789abcdef"):
            return refusal(400, f"invalid signal: '{digest}' is not a valid {name} hash")
        if not self.is_loaded:
            return refusal(503, "index not yet ready")
        index = self.loaded.get(signal_type)
        return index.contents.get(digest, []) if index else []


def _describe(index: Index | None) -> dict[str, object]:
    if index is None:
        return {"built_to": -1, "present": False, "size": 0}
    return {"built_to": index.built_to, "present": True, "size": index.size}


def _no_hasher() -> Response:
    return refusal(403, "Hashing is disabled, missing role")


class HmaServer(ConversingServer):
    """Serves `state` over kept-alive connections; `requests` is everything that was asked, in order of arrival.

    When it `waits_for` a number of lookups, none but the first is answered before so many wait at the same time;
    `most_waiting` is how many did. `seconds_a_lookup` is what each takes, one after the other, as in one process.
    """

    def __init__(self) -> None:
        super().__init__()
        self.state = HmaState()
        self.waits_for: asyncio.Barrier | None = None
        self.requests: list[Request] = []
        self.connections_seen = 0
        self.most_waiting = 0
        self.seconds_a_lookup = 0.0
        self._process = asyncio.Lock()
        self._waiting = 0

    @property
    def lookups(self) -> list[tuple[str, str]]:
        """The signal types and digests that were looked up."""
        looked_up = (one.parameters for one in self.requests if one.path in {"/m/lookup", "/m/raw_lookup"})
        return [(one.get("signal_type", ""), one.get("signal", "")) for one in looked_up]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_seen += 1
        super()._accept(reader, writer)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection ends with it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, _, headers = head.partition("\r\n")
        method, target, _ = line.split(" ")
        number = ""
        for header in headers.split("\r\n"):
            name, _, value = header.partition(":")
            if name.lower() == "content-length":
                await reader.readexactly(int(value))
            if name.lower() == "x-request-id" and self.state.repeats_numbers:
                number = f"{header}\r\n"
        parts = urlsplit(target)
        parameters = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        request = Request(method, parts.path, parameters)
        self.requests.append(request)
        if self.waits_for is not None and request.path == "/m/lookup" and len(self.lookups) > 1:
            self._waiting += 1
            self.most_waiting = max(self.most_waiting, self._waiting)
            await self.waits_for.wait()
            self._waiting -= 1
        if self.seconds_a_lookup and request.path == "/m/lookup":
            async with self._process:
                await asyncio.sleep(self.seconds_a_lookup)
        is_too_long = len(line) > LONGEST_REQUEST_LINE
        response = page(414) if is_too_long else self.state.answer(request)
        if response.status == 0:
            return False
        ends = self.state.closes_connections or response.cut or is_too_long
        body = response.body.encode()
        writer.write(
            f"HTTP/1.1 {response.status} {REASONS[response.status]}\r\nServer: gunicorn\r\n"
            f"Connection: {'close' if ends else 'keep-alive'}\r\nContent-Type: {response.content_type}\r\n"
            f"Content-Length: {len(body)}\r\n{number}{response.headers}\r\n".encode()
            + (body[: len(body) // 2] if response.cut else body)
        )
        await writer.drain()
        return not ends


@contextmanager
def serving() -> Iterator[HmaServer]:
    """An HMA with one synthetic hash of each type in it, for an index of nothing is no index."""
    with HmaServer() as server:
        for signal_type, (digits, _) in SIGNAL_TYPES.items():
            server.state.add(signal_type, "5e" * (digits // 2))
        yield server


@contextmanager
def run() -> Iterator[Running]:
    """HMA as the contract suite meets it."""
    with serving() as server:
        yield Running(
            scheme="hma+http",
            port=server.port,
            add=lambda algorithm, digest: (server.state.add(TYPE_OF[algorithm], digest), None)[1],
            remove=lambda algorithm, digest: server.state.remove(TYPE_OF[algorithm], digest),
            algorithms=tuple(TYPE_OF),
            options=OPTIONS,
            most_at_once=hma.DEFAULT_CONNECTIONS,
        )
