"""The connection to Redis or Valkey, one place for its options."""

from __future__ import annotations

import re
from typing import Any

from orbweaver.store import refusals, sentinel
from orbweaver.store.errors import RefusedForNow, StoreUnfit, StoreUnreachable
from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

SCHEMES = ("redis", "rediss", "unix", *sentinel.SCHEMES)
CONNECT_SECONDS = 5
Store = Redis


def without_password(url: str) -> str:
    """Return a store URL that may be printed: whatever could be a password is replaced, also where none belongs."""
    shown = re.sub(r"^((?:[^:/?@]*://)?[^:/@]*):.*@", r"\1:***@", url)
    return re.sub(r"(?i)([?&][^=&]*pass[^=&]*=)[^&]*", r"\1***", shown)


def connect(url: str) -> Store:
    """Connect to the store and prove that it answers.

    `url` is redis://, rediss:// or unix://, or sentinel:// (orbweaver.store.sentinel); replies stay bytes. A store that
    is not there is said at once; a short loss of it later is retried for a few seconds, so that a restart does not fail
    a recrawl, and a fail-over is waited for.

    Raises StoreUnreachable, and StoreUnfit while it accepts nothing.
    """
    shown = without_password(url)
    if url.partition("://")[0] not in SCHEMES:
        raise StoreUnreachable(f"STORE_URL {shown!r}: the scheme must be one of {', '.join(SCHEMES)}")
    try:
        with _client(url, patience=0, retry=Retry(NoBackoff(), retries=0)) as probe:
            probe.ping()
        store = _client(
            url,
            patience=sentinel.FAIL_OVER_SECONDS,
            health_check_interval=30,
            retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), retries=6),
            retry_on_error=[RedisConnectionError, RedisTimeoutError],
        )
    except AuthenticationError as error:
        raise StoreUnreachable(f"store {shown} refused the password: check STORE_URL ({error})") from error
    except (ValueError, TypeError) as error:  # what it says may hold a part of the password
        raise StoreUnreachable(
            f"STORE_URL {shown!r} cannot be read: write redis://host:port/0, unix:///path or {sentinel.FORM}"
        ) from error
    except RefusedForNow as error:
        raise StoreUnfit(f"the store {shown}: {error}") from error
    except ResponseError as error:
        raise StoreUnreachable(f"store {shown} refused us: {error}") from error
    except (RedisError, OSError) as error:
        raise StoreUnreachable(f"no store answers at {shown}: start it or correct STORE_URL ({error})") from error
    return store


def _client(url: str, *, patience: float, **options: Any) -> Store:
    """Return a client of a URL; behind sentinels it waits for a primary for `patience` seconds.

    Raises ValueError or TypeError, and StoreUnreachable for a URL that should name sentinels.
    """
    if not sentinel.is_sentinel(url):
        return Redis.from_pool(refusals.patient_pool(url, socket_connect_timeout=CONNECT_SECONDS, **options))
    try:
        address = sentinel.read_url(url)
    except ValueError as error:
        shown = without_password(url)
        raise StoreUnreachable(f"STORE_URL {shown!r} cannot be read, {error}: write {sentinel.FORM}") from error
    return sentinel.client(address, patience=patience, socket_connect_timeout=CONNECT_SECONDS, **options)


def socket_path(store: Store) -> str | None:
    """Return the path of the store's Unix socket, or None when it is reached over TCP."""
    path = store.connection_pool.connection_kwargs.get("path")
    return None if path is None else str(path)


def tcp_ports(store: Store) -> frozenset[int]:
    """Return the TCP ports of the store, none when it is reached over a Unix socket.

    Behind sentinels they are those of the sentinels, the primary and its replicas: who reaches a replica or a sentinel
    reaches the store. Raises a redis ConnectionError when no sentinel knows a primary.
    """
    if socket_path(store) is not None:
        return frozenset()
    sentinels = sentinel.sentinels_of(store)
    if sentinels is not None:
        return sentinels.ports()
    return frozenset({int(store.connection_pool.connection_kwargs.get("port", 6379))})


def place_of(store: Store) -> str:
    """Return where the store is, in words for a log line; no host and no secret."""
    path, sentinels = socket_path(store), sentinel.sentinels_of(store)
    if path is not None:
        return f"at {path}"
    if sentinels is not None:
        return f"{sentinels.address.name}, as its sentinels say"
    return f"at port {', '.join(map(str, tcp_ports(store)))}"


def text(value: bytes | str) -> str:
    """Return a reply of the store as text: our connections give bytes, redis-py's types allow both."""
    return value.decode() if isinstance(value, bytes) else value
