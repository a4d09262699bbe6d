"""Whether the store keeps what it is given: version, append-only file, no eviction; and waiting for the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.store.errors import StoreUnfit
from redis.exceptions import RedisError, ResponseError

OLDEST_VERSION = (7, 2)  # WAITAOF came with Redis 7.2, from which Valkey was forked
DISK_WAIT_MILLISECONDS = 5_000


@dataclass(frozen=True)
class Finding:
    """One promise of the store: what was asked, what was found, and the mend when it is not kept."""

    what: str
    found: str
    is_kept: bool
    mend: str = ""


def inspect(store: Store) -> Iterator[Finding]:
    """Yield a finding for each promise: version, appendonly, maxmemory-policy.

    A server that hides CONFIG (managed services) gives a finding that is not kept and says so.
    """
    server = store.info("server")
    kind = "Valkey" if "valkey_version" in server else "Redis"
    version = str(server.get("valkey_version") or server.get("redis_version") or "0")
    yield judge_version(kind, version)
    try:
        config = store.config_get("appendonly", "maxmemory-policy")
    except ResponseError as error:
        yield Finding("configuration", f"hidden ({error})", False, "allow CONFIG GET for this user")
        return
    appendonly = str(config.get("appendonly", "no"))
    yield Finding("appendonly", appendonly, appendonly == "yes", "CONFIG SET appendonly yes, and in its file")
    policy = str(config.get("maxmemory-policy", ""))
    yield Finding("maxmemory-policy", policy, policy == "noeviction", "CONFIG SET maxmemory-policy noeviction")


def judge_version(kind: str, version: str) -> Finding:
    """Return the finding for a server of this kind and version, such as "Redis", "7.0.15". Pure."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return Finding("version", f"{kind} {version}", numbers >= OLDEST_VERSION, f"use {kind} 7.2 or newer")


def require(store: Store) -> None:
    """Refuse a store that would lose cases.

    Raises StoreUnfit with every broken promise and its mend in one line.
    """
    broken = [finding for finding in inspect(store) if not finding.is_kept]
    if broken:
        said = "; ".join(f"{finding.what} is {finding.found}: {finding.mend}" for finding in broken)
        raise StoreUnfit(f"the store would not keep cases: {said}")


def wait_for_disk(store: Store) -> None:
    """Block until everything written so far is on the store's disk (WAITAOF 1 0).

    WAITAOF waits for the last write of its own connection, so one is made first; what other connections wrote
    before it comes earlier in the append-only file. Raises StoreUnfit when the store does not confirm within
    five seconds; the caller's job is then done again.
    """
    pipe = store.pipeline(transaction=False)
    pipe.incr(keys.disk_fence())
    pipe.execute_command("WAITAOF", 1, 0, DISK_WAIT_MILLISECONDS)
    try:
        _, (local, _) = pipe.execute()
    except RedisError as error:
        raise StoreUnfit(f"the store cannot confirm that cases are on disk: {error}") from error
    if int(local) < 1:
        raise StoreUnfit("the store did not write to disk within 5 s: check its disk and appendfsync")
