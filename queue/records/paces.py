"""Keeps what the fleet shares of the pace of hosts: places at addresses, and which hosts asked to be left alone.

All that a worker asks and writes goes in one round trip, and it asks once a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orbweaver.queue.schedule.host_pace import HostPace, kept_seconds
from orbweaver.store import keys
from orbweaver.store.connection import Store

if TYPE_CHECKING:
    from redis.client import Pipeline

_FIELDS: Final = ("until", "delay", "asked_at", "times")


class Filled(NamedTuple):
    """The state of a worker at an address: places that its recrawls fill, the recrawls, and those that want a place."""

    filled: int
    recrawls: int
    wanting: int


class Part(NamedTuple):
    """The part of an address that a worker gets: places that it may fill, and how many recrawls of others are there."""

    places: int
    others: int


class Answer(NamedTuple):
    """The store's answer to a worker: its time, seconds since 1970, a part of each address and the pace of hosts."""

    at: float
    parts: dict[str, Part]
    paces: dict[str, HostPace]


class Waited(NamedTuple):
    """A host that asked to wait: the pace that was seen, and the one that follows from it."""

    seen: HostPace
    pace: HostPace


def ask(
    store: Store,
    worker: str,
    addresses: Mapping[str, Filled],
    hosts: Sequence[str],
    *,
    number: int,
    places: int,
    lasts: float,
    turn: float,
    waits: Mapping[str, Waited] | None = None,
) -> Answer:
    """Write what a worker has at addresses and what hosts asked for, and read what it gets; one round trip.

    Each question of a worker has a higher `number`. There are `places` at each address. An entry counts for `lasts`
    seconds. Raises ConnectionError and TimeoutError of redis-py while the store is away.
    """
    with store.pipeline(transaction=False) as pipe:
        for host, waited in (waits or {}).items():
            _write(pipe, host, waited)
        arguments = [part for filled in addresses.values() for part in (places, *filled)]
        names = [keys.address(one) for one in addresses]
        pipe.eval(_PLACES, len(names), *names, worker, number, lasts, turn, *arguments)
        read(pipe, hosts)
        answers = pipe.execute()[len(waits or {}) :]
    at, *numbers = answers[0]
    parts = [Part(int(one), int(other)) for one, other in zip(numbers[::2], numbers[1::2], strict=True)]
    paces = dict(zip(hosts, map(pace_of, answers[1:]), strict=True))
    return Answer(int(at) / 1e6, dict(zip(addresses, parts, strict=True)), paces)


def read(pipe: Pipeline, hosts: Sequence[str]) -> None:
    """Queue reading the paces of hosts; `pace_of` reads each answer."""
    for host in hosts:
        pipe.hmget(keys.host_pace(host), *_FIELDS)


def pace_of(stored: Sequence[Any]) -> HostPace:
    """Return the pace that the store has of a host; that of a host without one has its defaults."""
    try:
        until, delay, asked_at, times = (0.0 if one is None else float(one) for one in stored)
    except ValueError:
        return HostPace()
    return HostPace(until, delay, asked_at, int(times))


def paces(store: Store, hosts: Sequence[str]) -> dict[str, HostPace]:
    """Read the paces of hosts in one round trip."""
    with store.pipeline(transaction=False) as pipe:
        read(pipe, hosts)
        return dict(zip(hosts, map(pace_of, pipe.execute()), strict=True))


def _write(pipe: Pipeline, host: str, waited: Waited) -> None:
    seen, pace = waited
    pipe.eval(
        _PACE,
        1,
        keys.host_pace(host),
        repr(seen.asked_at) if seen.times else "",
        repr(pace.until),
        repr(pace.delay),
        repr(pace.asked_at),
        pace.times,
        kept_seconds(pace, pace.asked_at),
    )


def _script(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


_PLACES, _PACE = _script("address_places.lua"), _script("host_pace.lua")
