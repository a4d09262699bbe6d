"""Which hosts are due, and who has each one now: claims with fence tokens and leases, by the clock of the server.

Each step is one script (the `.lua` files beside this one), so nothing is half done when a scheduler or the store ends
in the middle, and any number of schedulers may run at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orbweaver.store import keys
from orbweaver.store.connection import Store, text

if TYPE_CHECKING:
    from redis.client import Pipeline
    from redis.commands.core import Script

# A scheduler renews the lease of each host that it still sees under way; nobody else has to wait for longer.
LEASE_SECONDS: Final = 60.0
# The most hosts that one claim makes ready: some 10 ms of the server's time.
MADE_READY_AT_ONCE: Final = 1_000
# What an operator asks for goes before all else (due_claim.lua).
ASKED_SLACK: Final = -1e10
NEVER: Final = math.inf
VISITS_KEPT: Final = 10
TOTALS_KEPT_SECONDS: Final = 40 * 24 * 3600


@dataclass(frozen=True, slots=True)
class HostClaim:
    """A host that was claimed, and the token without which nothing is written about its visit."""

    name: str
    fence: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A host that somebody has, until `ends_at` (seconds since 1970); `recrawl_id` and `run_id` once they are known."""

    name: str
    fence: int
    ends_at: float
    recrawl_id: str | None = None
    run_id: str | None = None

    @property
    def claim(self) -> HostClaim:
        """The claim by which it is held."""
        return HostClaim(self.name, self.fence)


class HostCounts(NamedTuple):
    """How many hosts wait for their time, are due, are under way, and are not due at all."""

    waiting: int
    ready: int
    leased: int
    never: int

    @property
    def hosts(self) -> int:
        """All of them."""
        return sum(self)


@dataclass(frozen=True, slots=True)
class Setting:
    """The writes of `set_due`: when a host is due (None: leave it), changes of its clock, a visit, the day's totals.

    `fields` are set and `removed` are removed from the hash of its clock. `wish` is that which the caller has seen.
    """

    due: float | None
    fields: Mapping[str, str]
    removed: Sequence[str] = ()
    wish: str = ""
    visit: str = ""
    totals: Mapping[str, float] | None = None


def server_time(store: Store) -> datetime:
    """Return the time by which all hosts are due: that of the store's server."""
    seconds, microseconds = store.time()
    return datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)


def claim(
    store: Store,
    most: int,
    *,
    unasked: int | None = None,
    seconds: float = LEASE_SECONDS,
    made_ready: int | None = None,
) -> list[HostClaim]:
    """HostClaim at most so many hosts that are due, the most urgent first; leases that have ended come back before.

    `unasked` is the most of those that no operator has asked for (None: no such limit).
    """
    names = _claim(store)(
        keys=[keys.due(), keys.ready(), keys.leases(), keys.claims(), keys.last_fence()],
        args=[
            most,
            most if unasked is None else unasked,
            seconds,
            MADE_READY_AT_ONCE if made_ready is None else made_ready,
            keys.host_clock(""),
        ],
    )
    return [HostClaim(text(name), int(fence)) for name, fence in zip(names[::2], names[1::2], strict=True)]


def set_due(
    target: Store | Pipeline, script: Script, name: str, setting: Setting, *, fence: int | None = None, day: str = ""
) -> Any:
    """Write a setting; with a fence it also ends the lease, and nothing is written when the token is an old one.

    `script` is that of `setting_script`; `day` names the day whose totals are counted. Of a store it returns whether it
    was written, of a pipeline itself.
    """
    totals = setting.totals or {}
    answer = script(
        keys=[
            keys.due(),
            keys.ready(),
            keys.leases(),
            keys.claims(),
            keys.host_clock(name),
            keys.host_visits(name),
            keys.visits_of_day(day),
        ],
        args=[
            name,
            "" if fence is None else fence,
            "" if setting.due is None else _score(setting.due),
            setting.wish,
            setting.visit,
            VISITS_KEPT,
            TOTALS_KEPT_SECONDS,
            len(setting.removed),
            *setting.removed,
            len(totals),
            *(part for field, count in totals.items() for part in (field, f"{count:.6g}")),
            *(part for pair in setting.fields.items() for part in pair),
        ],
        client=target,
    )
    return answer if answer is target else bool(answer)


def setting_script(store: Store) -> Script:
    """Return the script of `set_due`, to be used for many hosts."""
    return store.register_script(_SET)


def renew(store: Store, claims: Sequence[HostClaim], seconds: float = LEASE_SECONDS) -> frozenset[str]:
    """Lengthen leases; returns the names of the hosts that the caller still has."""
    return _renewed(store, [(one, "") for one in claims], seconds)


def note_recrawl(store: Store, held: HostClaim, recrawl_id: str, run_id: str) -> bool:
    """Note which recrawl visits a claimed host; False when the caller has it no longer."""
    return held.name in _renewed(store, [(held, f"{recrawl_id} {run_id}")], LEASE_SECONDS)


def _renewed(store: Store, noted: Sequence[tuple[HostClaim, str]], seconds: float) -> frozenset[str]:
    if not noted:
        return frozenset()
    kept = store.register_script(_RENEW)(
        keys=[keys.leases(), keys.claims()],
        args=[seconds, *(part for one, note in noted for part in (one.name, one.fence, note))],
    )
    return frozenset(one.name for (one, _), is_kept in zip(noted, kept, strict=True) if is_kept)


def shift(store: Store, moved: Iterable[tuple[str, float, float]]) -> int:
    """Move due times: name, the time that was read, the new one; what has changed meanwhile stays. Returns how many."""
    arguments = [part for name, old, new in moved for part in (name, repr(old), _score(new))]
    return int(store.register_script(_SHIFT)(keys=[keys.due()], args=arguments)) if arguments else 0


def leases(store: Store) -> list[Lease]:
    """Return every host that somebody has, the lease that ends first before the others."""
    with store.pipeline(transaction=True) as pipe:
        pipe.zrange(keys.leases(), 0, -1, withscores=True)
        pipe.hgetall(keys.claims())
        ends, claims = pipe.execute()
    noted = {text(name): text(value).split(" ") for name, value in claims.items()}
    return [_lease(text(name), float(end), noted[text(name)]) for name, end in ends if text(name) in noted]


def _lease(name: str, ends_at: float, noted: Sequence[str]) -> Lease:
    recrawl_id, run_id = noted[1:3] if len(noted) >= 3 else (None, None)
    return Lease(name, int(noted[0]), ends_at, recrawl_id, run_id)


def due_times(store: Store, names: Sequence[str]) -> list[float | None]:
    """Return when hosts that wait are due, infinity for never; None for one that is ready, leased or not there."""
    scores: list[float | None] = list(store.zmscore(keys.due(), list(names))) if names else []
    return scores


def counts(store: Store) -> HostCounts:
    """Return how many hosts are in which state, at one moment.

    A host whose time has come is due, also while no scheduler has moved it from the one sorted set into the other.
    """
    at = server_time(store).timestamp()
    with store.pipeline(transaction=True) as pipe:
        pipe.zcard(keys.due())
        pipe.zcount(keys.due(), "-inf", at)
        pipe.zcount(keys.due(), "+inf", "+inf")
        pipe.zcard(keys.ready())
        pipe.zcard(keys.leases())
        hosts, come, never, ready, leased = pipe.execute()
    return HostCounts(hosts - come - never, come + ready, leased, never)


def lease_of(store: Store, name: str) -> Lease | None:
    """Return the lease of a host, None when nobody has it."""
    with store.pipeline(transaction=True) as pipe:
        pipe.zscore(keys.leases(), name)
        pipe.hget(keys.claims(), name)
        ends_at, noted = pipe.execute()
    return None if ends_at is None or noted is None else _lease(name, float(ends_at), text(noted).split(" "))


def is_ready(store: Store, name: str) -> bool:
    """Whether a host is due and waits for a worker only."""
    return store.zscore(keys.ready(), name) is not None


def _score(seconds: float) -> str:
    return "inf" if seconds == math.inf else f"{seconds:.3f}"


def _script(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _claim(store: Store) -> Script:
    return store.register_script(_CLAIM)


_CLAIM, _SET, _RENEW, _SHIFT = (_script(f"due_{name}.lua") for name in ("claim", "set", "renew", "shift"))
