"""Pages of the hosts, by due time or by name, with a filter: the work for a page is bounded, however many there are."""

from __future__ import annotations

import fnmatch
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from orbweaver.queue.hosts import host_clock, host_store
from orbweaver.queue.hosts.host_clock import HostClock
from orbweaver.queue.hosts.host_store import KnownHost
from orbweaver.queue.hosts.shown import situation
from orbweaver.queue.hosts.shown.situation import HostOnlooker, HostState, Situation
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text

# For one page: so many hosts are told from others by a few numbers, and of so many the records are read.
MOST_LOOKED_AT: Final = 2_000
MOST_READ: Final = 200
_PLAIN_BEGINNING: Final = re.compile(r"[^*?\[]*")


class HostOrder(StrEnum):
    """The order of the hosts: those that are under way or due soonest first, or by name."""

    DUE = "due"
    NAME = "name"


@dataclass(frozen=True)
class HostFilter:
    """Which hosts are meant: their names match `glob`, and they are in `state`; None: all.

    Those of a state are in the order of their due times, which is by name where they have none.
    """

    glob: str | None = None
    state: HostState | None = None

    @classmethod
    def of_words(cls, words: str, state: HostState | None = None) -> HostFilter:
        """Return the filter for what a person wrote: a pattern, or a part of a name.

        >>> HostFilter.of_words("Example").glob, HostFilter.of_words("*.example").glob, HostFilter.of_words(" ").glob
        ('*example*', '*.example', None)
        """
        words = words.strip().lower()
        is_pattern = any(character in words for character in "*?")
        return cls((words if is_pattern else f"*{words}*") if words else None, state)


@dataclass(frozen=True)
class HostPage:
    """Some hosts, in order. `after` is the place from which the next page goes on; None: these are the last.

    `looked_at` is how many hosts were looked at for it: with a filter a page may have few, and others come after.
    """

    hosts: tuple[tuple[KnownHost, Situation], ...]
    after: str | None
    looked_at: int


class _HostSet(NamedTuple):
    """A part of the hosts, of one sorted set; a letter names it in the place of a page."""

    letter: str
    key: str
    least: float
    most: float


class _ListPlace(NamedTuple):
    part: str
    score: float
    name: str

    @property
    def words(self) -> str:
        return f"{self.part}|{self.score!r}|{self.name}"


def page(
    store: Store, settings: Settings, chosen: HostFilter, order: HostOrder, *, after: str | None = None, size: int = 50
) -> HostPage:
    """Return the hosts that come after a place; one that cannot be read is the beginning. Raises RedisError."""
    host_store.require_names(store)
    look = situation.look(store, settings)
    shown: list[tuple[KnownHost, Situation]] = []
    looked_at = read = 0
    for places in _chunks(store, chosen, order, _read_place(after), look.at, size):
        looked_at += len(places)
        kept = _kept(store, places, chosen, look.at)
        for start in range(0, len(kept), size):
            some = kept[start : start + size]
            told = _told(look, some)
            read += len(some)
            for place in some:
                if place.name in told and chosen.state in {None, told[place.name][1].state}:
                    shown.append(told[place.name])
                if len(shown) == size:
                    return HostPage(tuple(shown), place.words, looked_at)
            if read >= MOST_READ:
                return HostPage(tuple(shown), some[-1].words, looked_at)
        if looked_at >= MOST_LOOKED_AT:
            return HostPage(tuple(shown), places[-1].words, looked_at)
    return HostPage(tuple(shown), None, looked_at)


def found(
    store: Store, settings: Settings, chosen: HostFilter, order: HostOrder = HostOrder.NAME
) -> Iterator[tuple[KnownHost, Situation]]:
    """Yield all hosts that are meant, as they are when they are come to. Raises RedisError."""
    host_store.require_names(store)
    look = situation.look(store, settings)
    for places in _chunks(store, chosen, order, None, look.at, host_store.READ_AT_ONCE):
        told = _told(look, kept := _kept(store, places, chosen, look.at))
        for place in kept:
            if place.name in told and chosen.state in {None, told[place.name][1].state}:
                yield told[place.name]


def _told(look: HostOnlooker, places: Sequence[_ListPlace]) -> dict[str, tuple[KnownHost, Situation]]:
    known = host_store.read_hosts(look.store, [one.name for one in places])
    return {host.name: (host, told) for host, told in zip(known, look.situations(known), strict=True)}


def _kept(store: Store, places: Sequence[_ListPlace], chosen: HostFilter, at: datetime) -> list[_ListPlace]:
    """Return the places of hosts that may be meant, by their names and the few numbers of their clocks."""
    kept = [one for one in places if chosen.glob is None or fnmatch.fnmatchcase(one.name, chosen.glob)]
    if chosen.state in {None, HostState.UNDER_WAY, HostState.UNREADABLE}:
        return kept
    clocks = host_store.clocks(store, [one.name for one in kept])
    return [one for one, clock in zip(kept, clocks, strict=True) if _may_be(chosen.state, clock, at.timestamp())]


def _may_be(state: HostState | None, clock: HostClock, at: float) -> bool:
    match state:
        case HostState.PAUSED:
            return clock.stop == host_clock.Stop.PAUSED
        case HostState.RETIRED:
            return clock.stop == host_clock.Stop.RETIRED
        case HostState.EXPIRED:
            return clock.expires_at is not None and clock.expires_at <= at
        case _:
            return clock.stop is None and (clock.expires_at is None or clock.expires_at > at)


def _chunks(
    store: Store, chosen: HostFilter, order: HostOrder, place: _ListPlace | None, at: datetime, size: int
) -> Iterator[list[_ListPlace]]:
    """Yield the places of hosts that come after a place, some at a time."""
    is_plain = chosen == HostFilter()
    count = size if is_plain else host_store.READ_AT_ONCE
    if order is HostOrder.NAME and chosen.state is None:
        found = _PLAIN_BEGINNING.match(chosen.glob or "")
        prefix, after = found[0] if found else "", "" if place is None else place.name
        while names := host_store.names_after(store, after, count, prefix=prefix):
            yield [_ListPlace("a", 0, name) for name in names]
            after = names[-1]
        return
    parts = _parts(chosen.state, at.timestamp())
    letters = [one.letter for one in parts]
    first = letters.index(place.part) if place is not None and place.part in letters else 0
    for part in parts[first:]:
        here = place if place is not None and place.part == part.letter else None
        while some := _after(store, part, here, count):
            yield some
            here = some[-1]


def _parts(state: HostState | None, at: float) -> list[_HostSet]:
    """Return where hosts of a state are, in order."""
    leased = _HostSet("l", keys.leases(), -math.inf, math.inf)
    ready = _HostSet("r", keys.ready(), -math.inf, math.inf)
    come = _HostSet("c", keys.due(), -math.inf, at)
    later = _HostSet("w", keys.due(), math.nextafter(at, math.inf), sys.float_info.max)
    never = _HostSet("n", keys.due(), math.inf, math.inf)
    match state:
        case None:
            return [leased, ready, come, later, never]
        case HostState.UNDER_WAY:
            return [leased]
        case HostState.READY:
            return [ready, come]
        case HostState.WAITING:
            # A host that was due and then asked to be left alone is among those that are ready.
            return [later, come, ready, never]
        case HostState.PAUSED | HostState.RETIRED:
            return [never]
        case _:
            return [never, ready, come, later]


def _after(store: Store, part: _HostSet, place: _ListPlace | None, count: int) -> list[_ListPlace]:
    """Return the next places of a part; hosts under way are by name, because their leases are renewed all the time."""
    if part.letter == "l":
        names = sorted(text(one) for one in store.execute_command("ZRANGE", part.key, 0, -1))
        return [_ListPlace("l", 0, one) for one in names if place is None or one > place.name][:count]
    start = _start(store, part, place)
    while rows := _ranked(store, part, start, count):
        places = [_ListPlace(part.letter, score, name) for name, score in rows]
        following = [
            one for one in places if (place is None or one[1:] > place[1:]) and part.least <= one.score <= part.most
        ]
        if following or places[-1].score > part.most:
            return following
        start += count
    return []


def _ranked(store: Store, part: _HostSet, start: int, count: int) -> list[tuple[str, float]]:
    rows = store.execute_command("ZRANGE", part.key, start, start + count - 1, "WITHSCORES")
    flat = [one for row in rows for one in row] if rows and isinstance(rows[0], list | tuple) else rows
    return [(text(name), float(score)) for name, score in zip(flat[::2], flat[1::2], strict=True)]


def _start(store: Store, part: _HostSet, place: _ListPlace | None) -> int:
    # Also with a place: one that somebody made up would begin before the part, and all hosts before it be read.
    first = int(store.zcount(part.key, "-inf", f"({part.least!r}"))
    if place is None:
        return first
    if store.zscore(part.key, place.name) == place.score:
        return max(first, int(store.execute_command("ZRANK", part.key, place.name) or 0) + 1)
    return max(first, int(store.zcount(part.key, "-inf", f"({place.score!r}")))


def _read_place(words: str | None) -> _ListPlace | None:
    part, _, rest = (words or "").partition("|")
    score, _, name = rest.partition("|")
    try:
        place = _ListPlace(part, float(score), name)
    except ValueError:
        return None
    return None if math.isnan(place.score) or not name else place
