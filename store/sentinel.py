"""A store behind Sentinel: its URL, and a client that asks the sentinels which server is the primary today.

The URL is `sentinel://[user:password@]host[:port][,host[:port]...]/name[/db][?options]`, as most clients write it (only
the scheme differs); `sentinels://` is the same with TLS, to the sentinels, too. The options are those of redis-py's
URLs; `sentinel_username` and `sentinel_password` are for the sentinels themselves.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from orbweaver.store.refusals import PatientConnection
from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from redis.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

PLAIN, TLS = "sentinel", "sentinels"
SCHEMES = (PLAIN, TLS)
FORM = "sentinel://host:port,host:port/name"
DEFAULT_PORT = 26379
# A new connection waits for so long while a primary is chosen; sentinels begin after `down-after-milliseconds`, which
# is 30 seconds if nobody changes it.
FAIL_OVER_SECONDS = 60.0
# A sentinel that does not answer for so long is passed over.
ANSWER_SECONDS = 2.0
PAUSE_SECONDS = 0.1
_HOST = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:@,/?#\s]+))(?::(?P<port>[0-9]{1,5}))?")
# The characters that a server's configuration accepts in the name of a primary.
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class SentinelAddress:
    """Where the sentinels are, the name that the primary has there, and how it and they are connected to."""

    sentinels: tuple[tuple[str, int], ...]
    name: str
    is_tls: bool
    # They hold passwords.
    options: Mapping[str, Any] = field(repr=False)
    sentinel_options: Mapping[str, Any] = field(repr=False)


def is_sentinel(url: str) -> bool:
    """Whether a store URL has one of the schemes of this module."""
    return url.partition("://")[0] in SCHEMES


def read_url(url: str) -> SentinelAddress:
    """Read a store URL. Raises ValueError with a reason that has no part of the URL in it."""
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    authority, _, path = place.partition("/")
    credentials, at, hosts = authority.rpartition("@")
    name, _, database = path.partition("/")
    name = unquote(name)
    if not name:
        raise ValueError("the name of the primary is missing")
    if _NAME.fullmatch(name) is None:
        raise ValueError("the name of the primary may have letters, digits, dots, dashes and underscores only")
    if database and not database.isdecimal():
        raise ValueError("the database behind the name must be a number")
    sentinels = tuple(_read_host(host) for host in hosts.split(","))
    is_tls = scheme == TLS
    # redis-py reads the rest as it reads it for one server, whose own place does not matter here.
    options = dict(parse_url(f"{'rediss' if is_tls else 'redis'}://{credentials}{at}localhost/{database}?{query}"))
    for unused in ("host", "port", "path", "connection_class"):
        options.pop(unused, None)
    own = {key: options.pop(key) for key in ("sentinel_username", "sentinel_password") if key in options}
    sentinel_options = {key.removeprefix("sentinel_"): value for key, value in own.items()}
    if is_tls:
        sentinel_options |= {"ssl": True} | {key: value for key, value in options.items() if key.startswith("ssl_")}
    return SentinelAddress(sentinels, name, is_tls, options, sentinel_options)


def _read_host(written: str) -> tuple[str, int]:
    found = _HOST.fullmatch(written)
    if found is None:
        raise ValueError("each sentinel is written as host or host:port, with commas between them and no blanks")
    port = int(found["port"] or DEFAULT_PORT)
    if not 0 < port < 65_536:
        raise ValueError("a port is a number from 1 to 65535")
    return found["ipv6"] or found["name"], port


def client(address: SentinelAddress, *, patience: float = FAIL_OVER_SECONDS, **options: Any) -> Redis:
    """Return a client that finds the primary whenever it connects; nothing is connected yet.

    While there is none, a connection waits for `patience` seconds from the first failure. After that each try fails at
    once, with a redis ConnectionError that says what each sentinel said, until one succeeds. `options` are those of
    redis-py.
    """
    sentinels = _Sentinels(address, patience)
    pool = _PrimaryPool(  # type: ignore[no-untyped-call]
        address.name,
        sentinels,
        connection_class=_TlsConnection if address.is_tls else _PrimaryConnection,
        **{**options, **address.options},
    )
    found: Redis = Redis.from_pool(pool)
    return found


def sentinels_of(store: Redis) -> _Sentinels | None:
    """Return the sentinels that a client asks, None for a client of one server."""
    pool = store.connection_pool
    return pool.sentinel_manager if isinstance(pool, _PrimaryPool) else None


class _Sentinels(Sentinel):
    """The sentinels of one primary, and since when it cannot be connected to."""

    def __init__(self, address: SentinelAddress, patience: float) -> None:
        options = {
            "socket_connect_timeout": ANSWER_SECONDS,
            "socket_timeout": ANSWER_SECONDS,
            "retry": Retry(NoBackoff(), retries=0),  # there are others to ask
            **address.sentinel_options,
        }
        super().__init__(address.sentinels, sentinel_kwargs=options)  # type: ignore[no-untyped-call]
        self.address = address
        self._patience = patience
        self._lock = threading.Lock()
        self._lost_at: float | None = None

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the address of the primary, as the first sentinel that knows one says.

        Raises MasterNotFoundError, a ConnectionError, with what each of them said.
        """
        said = []
        for sentinel in list(self.sentinels):
            try:
                known: Any = sentinel.sentinel_masters()
            except (RedisError, OSError) as error:
                said.append(f"{_place_of(sentinel)}: {error}")
                continue
            state = known.get(service_name)
            if state is None:
                said.append(f"{_place_of(sentinel)} knows no primary of this name")
            elif not self.check_master_state(state, service_name):  # type: ignore[no-untyped-call]
                said.append(f"{_place_of(sentinel)} says that it is down")
            else:
                return str(state["ip"]), int(state["port"])
        raise MasterNotFoundError(f"no primary {service_name}: {'; '.join(said)}")

    def ports(self) -> frozenset[int]:
        """Return the TCP ports of the sentinels, and of the primary and all replicas that they know.

        Raises MasterNotFoundError.
        """
        name = self.address.name
        _, primary = self.discover_master(name)
        replicas = {int(port) for _, port in self.discover_slaves(name)}  # type: ignore[no-untyped-call]
        return frozenset({primary, *replicas, *(port for _, port in self.address.sentinels)})

    def note_lost(self) -> bool:
        """Note that a connection could not be made; returns whether to wait for a primary."""
        with self._lock:
            if self._lost_at is None:
                self._lost_at = time.monotonic()
            return time.monotonic() - self._lost_at < self._patience

    def note_found(self) -> None:
        """Note that a connection was made."""
        with self._lock:
            self._lost_at = None


class _PrimaryPool(SentinelConnectionPool):
    """The connections of a client; those to the sentinels are closed with them."""

    sentinel_manager: _Sentinels

    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        if inuse_connections:  # otherwise only the primary has changed
            self.sentinel_manager.close()


class _PrimaryConnection(PatientConnection, SentinelManagedConnection):
    """A connection to the primary, whoever that is when it connects."""

    def connect(self) -> None:
        """Connect, and wait for a fail-over that is under way. Raises a redis ConnectionError or TimeoutError."""
        sentinels: _Sentinels = self.connection_pool.sentinel_manager
        while True:
            try:
                self._connect_retry()  # type: ignore[no-untyped-call]
            except AuthenticationError:
                raise
            except (RedisConnectionError, RedisTimeoutError):
                if not sentinels.note_lost():
                    raise
                time.sleep(PAUSE_SECONDS)
            else:
                sentinels.note_found()
                return

    def connect_to(self, address: tuple[str, int]) -> None:
        """Connect to a server, once. Raises a redis ConnectionError or TimeoutError."""
        self.host, self.port = address
        super().connect_check_health(check_health=False, retry_socket_connect=False)

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:  # noqa: ARG002
        """Connect again: redis-py 8.1 comes here for that, past `connect`, and would go to the server that is gone."""
        self.connect()


class _TlsConnection(_PrimaryConnection, SentinelManagedSSLConnection):
    """The same with TLS."""


def _place_of(sentinel: Redis) -> str:
    options = sentinel.connection_pool.connection_kwargs
    return f"sentinel {options['host']}:{options['port']}"
