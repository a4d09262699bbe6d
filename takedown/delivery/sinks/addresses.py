"""Reads the address of a sink over the network. It is the sink's name, too, so nothing in it may be a secret.

webhook+https://engine.example/orbweaver
stream+rediss://redis.example:6379/0?stream=cases
rq+unix:///run/engine/redis.sock?queue=engine&function=engine.jobs.take
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode, urlsplit

from orbweaver.takedown.errors import SinkRefused

MOST_CHARACTERS = 2_000
_FORM = "write SCHEME://HOST:PORT/PATH without blanks"
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_USER = re.compile(r"[A-Za-z0-9_.@-]{1,100}")
_DATABASE = re.compile(r"/?[0-9]{1,3}|/?")
_STREAM = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_FUNCTION = re.compile(r"(?=.{3,200}\Z)[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+")
# The engine's server may be our store, too: keys of ours and of RQ, and our own queues, whose workers refuse such jobs.
_OUR_KEYS = ("orbweaver:", "rq:")
_OUR_QUEUES = frozenset({"recrawl", "match", "takedown"})


@dataclass(frozen=True, kw_only=True)
class SinkAddress:
    """The parts of an address; `place` is host, port and path, by which SINK_SECRETS names the sink.

    `port` is None where the address has none. Of a Unix socket `host` is empty, and `path` is its path.
    """

    kind: str
    transport: str
    host: str
    port: int | None
    path: str
    options: Mapping[str, str]

    @property
    def authority(self) -> str:
        """The host and the port, as a URL has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def place(self) -> str:
        """Where the sink is, without the protocol and the options."""
        return f"{self.authority}{self.path}"

    @property
    def name(self) -> str:
        """The whole address, written in the one way by which addresses are compared."""
        query = urlencode(sorted(self.options.items()), safe=":")
        return f"{self.kind}+{self.transport}://{self.place}" + (f"?{query}" if query else "")

    @property
    def is_on_this_machine(self) -> bool:
        """Whether nobody on the way can read what is sent."""
        if self.host in {"", "localhost"}:
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_address(address: str) -> SinkAddress:
    """Read the address of a webhook, a stream or a queue; raises SinkRefused, which does not quote it.

    Somebody may have written a password into it.
    """
    kind = address.partition("+")[0]
    if kind == "webhook":
        return _webhook(_parsed(address, ("https", "http"), ()))
    return _on_redis(_parsed(address, ("redis", "rediss", "unix"), _OPTIONS[kind]))


def _webhook(found: SinkAddress) -> SinkAddress:
    if found.transport == "http" and not found.is_on_this_machine:
        raise _refused("webhook", "is http, which is for this machine alone: events name abuse URLs, so use https")
    return found


def _on_redis(found: SinkAddress) -> SinkAddress:
    kind, options, is_socket = found.kind, found.options, found.transport == "unix"
    if not _DATABASE.fullmatch(options.get("db", "") if is_socket else found.path) or ("db" in options) > is_socket:
        raise _refused(kind, "has no number of a database: write redis://HOST:PORT/0, or unix:///path?db=0")
    if not _USER.fullmatch(options.get("user", "default")):
        raise _refused(kind, "has a user= that is no name")
    if kind == "stream":
        stream = options.get("stream", "")
        if not _STREAM.fullmatch(stream) or stream.startswith(_OUR_KEYS):
            raise _refused(kind, f"names no stream: add ?stream=NAME, of our keys: {', '.join(_OUR_KEYS)}")
        return found
    queue = options.get("queue", "")
    if not _QUEUE.fullmatch(queue) or queue in _OUR_QUEUES:
        raise _refused(kind, f"names no queue: add ?queue=NAME, and none of {', '.join(sorted(_OUR_QUEUES))}")
    if not _FUNCTION.fullmatch(options.get("function", "")):
        raise _refused(kind, "names no function: add &function=MODULE.NAME, a function of the engine's own")
    return found


_OPTIONS = {"stream": ("stream", "user", "db"), "rq": ("queue", "function", "user", "db")}


def _parsed(address: str, transports: Collection[str], options: Collection[str]) -> SinkAddress:
    """Parse KIND+TRANSPORT://HOST:PORT/PATH?OPTIONS; `transports` and `options` are all that the kind knows."""
    kind = address.partition("+")[0]
    if (
        len(address) > MOST_CHARACTERS
        or not address.isascii()
        or not address.isprintable()
        or not {*" ,"}.isdisjoint(address)
    ):
        raise _refused(kind, f"is too long, or has blanks, commas or letters that are not ASCII: {_FORM}")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        written = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), max_num_fields=10)
    except ValueError:
        raise _refused(kind, f"is not a URL: {_FORM}") from None
    transport = parts.scheme.partition("+")[2]
    if transport not in transports:
        raise _refused(kind, f"begins with none of {', '.join(f'{kind}+{one}://' for one in transports)}")
    if parts.username is not None or parts.password is not None:
        raise _refused(kind, "has a user name or a password in it, and addresses are shown: use SINK_SECRETS")
    if parts.fragment or "#" in address:
        raise _refused(kind, "has a part behind #, which nobody would see: leave it out")
    if (transport == "unix") == bool(host) or (host and not _HOST.fullmatch(host)):
        raise _refused(kind, f"names no host, or no socket: {_FORM}")
    names = [name for name, _ in written]
    if set(names) - set(options) or len(set(names)) < len(names):
        known = ", ".join(f"{one}=" for one in options) or "none, because they would be shown and stored"
        raise _refused(kind, f"has options twice, or others than it can have: {known}")
    return SinkAddress(kind=kind, transport=transport, host=host, port=port, path=parts.path, options=dict(written))


def _refused(kind: str, why: str) -> SinkRefused:
    return SinkRefused(f"TAKEDOWN_SINKS: the address of a {kind} sink {why}")
