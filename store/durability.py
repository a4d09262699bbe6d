"""Whether the store keeps what it is given: version, append-only file, no eviction; and waiting for its disk.

With STORE_REPLICAS the disks of so many replicas are waited for as well, so that a fail-over loses nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.store.errors import StoreUnfit
from orbweaver.store.reads import Read
from redis.exceptions import RedisError, ResponseError

OLDEST_VERSION = (7, 2)  # WAITAOF came with Redis 7.2, from which Valkey was forked
RESTORE = "restore"
DISK_WAIT_MILLISECONDS = 5_000
ASK_AGAIN_MILLISECONDS = 10
# redis-py gives a silent connection up after five seconds; those of workers are more patient.
PROOF_MILLISECONDS = 4_000


@dataclass(frozen=True)
class Finding:
    """One promise of the store: what was asked, what was found, and the mend when it is not kept."""

    what: str
    found: str
    is_kept: bool
    mend: str = ""


def inspect(store: Store, replicas: int = 0) -> Iterator[Finding]:
    """Yield a finding for each promise: version, role, replicas when some are asked for, appendonly, maxmemory-policy.

    A server that hides CONFIG (managed services) gives a finding that is not kept and says so.
    """
    server = store.info("server")
    kind = "Valkey" if "valkey_version" in server else "Redis"
    version = str(server.get("valkey_version") or server.get("redis_version") or "0")
    yield judge_version(kind, version)
    if store.exists(keys.restoring()):
        yield Finding(RESTORE, "not finished", False, "run `orbweaver restore FILE` again")
    replication = store.info("replication")
    is_primary = replication.get("role") == "master"
    yield Finding("role", "primary" if is_primary else "replica", is_primary, "name its primary in STORE_URL")
    if replicas:
        yield judge_replicas(replication, replicas)
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


def judge_replicas(replication: Mapping[str, Any], replicas: int) -> Finding:
    """Return the finding for a primary that says this of its replicas, when so many are asked for. Pure."""
    several = [one for name, one in replication.items() if name.startswith("slave") and isinstance(one, dict)]
    online = sum(one.get("state") == "online" for one in several)
    mend = f"start them, or lower STORE_REPLICAS={replicas}; the embedded store has none"
    return Finding("replicas", f"{online} connected, {replicas} needed", online >= replicas, mend)


def require(store: Store, replicas: int = 0, *, is_restoring: bool = False) -> None:
    """Refuse a store that would lose cases, that has fewer replicas than must keep them, or a half of a backup.

    The latter is for who is about to restore a whole one (`is_restoring`).

    Raises StoreUnfit with every broken promise and its mend in one line.
    """
    broken = [finding for finding in inspect(store, replicas) if not finding.is_kept]
    if is_restoring:
        broken = [finding for finding in broken if finding.what != RESTORE]
    if broken:
        said = "; ".join(f"{finding.what} is {finding.found}: {finding.mend}" for finding in broken)
        raise StoreUnfit(f"the store would not keep cases: {said}")


def prove(store: Store, replicas: int = 0) -> Finding:
    """Write a counter, wait for the disks as every job that makes cases does, and say on what a promise rests."""
    other = store.info("replication").get("connected_slaves", 0)
    reason = unconfirmed(store, replicas)
    if reason is not None:
        return Finding("promise", f"none ({reason})", False, "no case would be confirmed")
    if replicas:
        rests_on = f"a case is confirmed when it is on the disks of the store and of {replicas} of its {other} replicas"
    elif other:
        rests_on = (
            f"a case is confirmed when it is on the store's own disk; a fail-over to one of its {other} replicas can "
            "lose the newest: set STORE_REPLICAS"
        )
    else:
        rests_on = "a case is confirmed when it is on the store's own disk"
    return Finding("promise", rests_on, True)


def unconfirmed(store: Store, replicas: int = 0) -> str | None:
    """Say why the disks do not confirm now what was written so far; None when they do."""
    try:
        wait_for_disk(store, replicas, milliseconds=PROOF_MILLISECONDS)
    except StoreUnfit as error:
        return str(error)
    return None


def reading_server() -> Read[str]:
    """Return the read of the id that the store's server gave itself when it started."""
    return Read(lambda pipe: pipe.info("server"), lambda answers: _run_of(answers[0]))


@contextlib.contextmanager
def kept(store: Store, replicas: int = 0, *, server: str | None = None) -> Iterator[None]:
    """Have all that is written in the block on the disks when it ends without an error.

    The store may have changed its server meanwhile, and what the one before was given last may be lost with it, though
    it said yes. So this raises StoreUnfit, too, when another server than at the beginning confirms; the caller's job is
    then done again. Who has just read which `server` that is need not have it asked again.
    """
    if server is None:
        server = _run_of(store.info("server"))
    yield
    if wait_for_disk(store, replicas) != server:
        raise StoreUnfit("the store restarted or failed over meanwhile: what it was given last may be lost")


def wait_for_disk(store: Store, replicas: int = 0, *, milliseconds: int = DISK_WAIT_MILLISECONDS) -> str:
    """Block until everything written so far is on the disks of the store and of so many replicas (WAITAOF 1 N).

    WAITAOF waits for the last write of its own connection, so one is made first; what other connections wrote
    before it comes earlier in the append-only file. Returns the id that the server gave itself when it started. Raises
    StoreUnfit when the disks do not confirm in time; the caller's job is then done again.
    """
    pipe = store.pipeline(transaction=False)
    pipe.incr(keys.disk_fence())
    if replicas:
        # A replica answers the first question before it has written to its disk, and by itself only once a second.
        pipe.execute_command("WAITAOF", 1, replicas, ASK_AGAIN_MILLISECONDS)
    pipe.execute_command("WAITAOF", 1, replicas, milliseconds)
    pipe.info("server")
    try:
        *_, (local, others), server = pipe.execute()
    except RedisError as error:
        raise StoreUnfit(f"the store cannot confirm that cases are on disk: {error}") from error
    seconds = milliseconds // 1_000
    if int(local) < 1:
        raise StoreUnfit(f"the store did not write to disk within {seconds} s: check its disk and appendfsync")
    if int(others) < replicas:
        raise StoreUnfit(
            f"{int(others)} of the {replicas} replicas that STORE_REPLICAS asks for wrote to their disks within "
            f"{seconds} s: check the replicas, their disks and their appendonly"
        )
    return _run_of(server)


def _run_of(server: Mapping[str, Any]) -> str:
    return str(server.get("run_id"))
