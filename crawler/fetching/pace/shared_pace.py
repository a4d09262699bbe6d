"""The pace that a recrawl shares with others: places at its hosts' addresses, and hosts that asked to be left alone.

A crawl process has no store. It tells its worker which hosts it asks and which addresses they have, and reads from the
page that both share (`pace_board.py`) how many requests it may have under way at each address.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Final

from orbweaver.crawler.fetching.pace.pace_board import MOST_ADDRESSES, MOST_HOSTS, THE_REST, PaceBoard
from orbweaver.crawler.rules.address_rules import Network, parse_networks
from orbweaver.crawler.rules.urls import hostname_of

# A name may have any number of addresses: only so many of them are connected to.
MOST_ADDRESSES_OF_A_NAME: Final = 8


@dataclass(frozen=True)
class PaceNews:
    """How a crawl process tells its worker: which host it asks and its addresses, and which host said that it has had
    too many requests, with the seconds that it asks to wait (None: it does not say).
    """

    reached: Callable[[str, tuple[str, ...]], None]
    asked_to_wait: Callable[[str, int, float | None], None]


@cache
def own_pace_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks of OWN_PACE_NETWORKS: a worker reads them once, for all its crawl processes.

    Raises NetworkRefused.
    """
    return parse_networks(texts)


class SharedPace:
    """Knows the places of one crawl process at the addresses of its hosts.

    At an address of `own_pace` each host has its own pace: there are none. Through a proxy (`is_proxied`) the address
    of a host is not known, and is not ours to count.
    """

    def __init__(
        self,
        board: PaceBoard,
        news: PaceNews,
        *,
        own_pace: Collection[Network] = (),
        is_proxied: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.board = board
        self.news = news
        self.clock = clock
        self._own_pace = own_pace
        self._is_proxied = is_proxied
        self._rows: dict[str, int] = {}
        self._shares: dict[str, HostShare] = {}
        self._shares_of: dict[str, list[HostShare]] = {}
        self._addresses: dict[str, tuple[str, ...]] = {}
        self.under_way = [0] * MOST_ADDRESSES
        self.waiting = [0] * MOST_ADDRESSES

    def share_of(self, host: str) -> HostShare:
        """Return the share of a host that is asked from now on; the worker is told of it."""
        share = self._shares.get(host)
        if share is not None:
            return share
        hostname = hostname_of(f"http://{host}/").strip("[]")
        number = len(self._shares)
        share = self._shares[host] = HostShare(self, host, number if number < MOST_HOSTS else None)
        self._shares_of.setdefault(hostname, []).append(share)
        if self._is_proxied:
            self._addresses[hostname] = ()
        elif is_address(hostname):
            self._addresses[hostname] = self._shared([hostname])
        known = self._addresses.get(hostname)
        new = self._number(known or ())
        if new or share.number is not None:
            self.news.reached(host, new)
        share.rows = None if known is None else self._rows_of(known)
        return share

    def learn(self, hostname: str, addresses: Iterable[str]) -> None:
        """Learn the addresses of a name, before the first of them is connected to."""
        shares = self._shares_of.get(hostname, ())
        named = self._shared(addresses)
        if self._is_proxied or not shares or self._addresses.get(hostname) == named:
            return
        self._addresses[hostname] = named
        new = self._number(named)
        if new:
            self.news.reached(shares[0].host, new)
        for share in shares:
            share.move_to(self._rows_of(named))

    def _shared(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Return those addresses at which hosts share a pace, each by the one text by which it is known."""
        plain = dict.fromkeys(map(plain_address, addresses))
        shared = [one for one in plain if not any(ip_address(one) in network for network in self._own_pace)]
        return tuple(shared[:MOST_ADDRESSES_OF_A_NAME])

    def _number(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Give new addresses their rows, in the order in which the worker is told of them; returns these."""
        new = []
        for one in addresses:
            if one not in self._rows and len(self._rows) < THE_REST:
                self._rows[one] = len(self._rows)
                new.append(one)
        return tuple(new)

    def _rows_of(self, addresses: Iterable[str]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self._rows.get(one, THE_REST) for one in addresses))


class HostShare:
    """The share of one host: it counts what is under way and what waits, at each of its addresses.

    A request to a host of several addresses counts at each of them (`rows`). While they are not known (None), one
    request may be under way: the one that will learn them.
    """

    __slots__ = ("_pace", "_under_way", "_waiting", "host", "number", "rows")

    def __init__(self, pace: SharedPace, host: str, number: int | None) -> None:
        self._pace = pace
        self.host = host
        self.number = number
        self.rows: tuple[int, ...] | None = None
        self._under_way = 0
        self._waiting = 0

    def begin(self) -> bool:
        """Begin a request if there is a place for it at each address; `end` must follow. False when there is none.

        It is said first and looked at then. The worker takes a place back first and looks then whether it is filled. So
        at least one of the two sees the other.
        """
        if self.rows is None and self._under_way:
            return False
        self._count(1)
        pace, now = self._pace, self._pace.clock()
        if all(pace.under_way[row] <= pace.board.places(row, now) for row in self.rows or ()):
            return True
        self._count(-1)
        return False

    def end(self) -> None:
        """End a request."""
        self._count(-1)

    def wait(self, count: int) -> None:
        """Say how many requests wait for nothing but a place."""
        change, self._waiting = count - self._waiting, count
        if change:
            for row in self.rows or ():
                self._pace.waiting[row] += change
                self._pace.board.say_waiting(row, self._pace.waiting[row])

    def move_to(self, rows: tuple[int, ...]) -> None:
        """Count what is under way and waits at other addresses from now on."""
        under_way, waiting = self._under_way, self._waiting
        self.wait(0)
        self._count(-under_way)
        self.rows = rows
        self._count(under_way)
        self.wait(waiting)

    @property
    def is_without_a_place(self) -> bool:
        """Whether there is an address at which nothing of ours may be under way now."""
        now = self._pace.clock()
        return any(not self._pace.board.places(row, now) for row in self.rows or ())

    @property
    def sharers(self) -> int:
        """How many recrawls share the address that most of them share, this one among them."""
        return max([1, *(self._pace.board.sharers(row) for row in self.rows or ())])

    @property
    def pace(self) -> tuple[float, float]:
        """Until when the host is left alone (monotonic clock), and the seconds between two requests; 0 for none."""
        return (0.0, 0.0) if self.number is None else self._pace.board.pace(self.number)

    def asked_to_wait(self, status: int, seconds: float | None) -> None:
        """Tell the worker that the host has had too many requests."""
        self._pace.news.asked_to_wait(self.host, status, seconds)

    def _count(self, change: int) -> None:
        self._under_way += change
        pace = self._pace
        for row in self.rows or ():
            pace.under_way[row] += change
            pace.board.say_under_way(row, pace.under_way[row])


def plain_address(text: str) -> str:
    """Return the one text by which an address is known: without a zone, and IPv4 for an IPv4-mapped one."""
    address = ip_address(text.partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_address(hostname: str) -> bool:
    """Whether a text is an IP address, and no name."""
    try:
        ip_address(hostname)
    except ValueError:
        return False
    return True
