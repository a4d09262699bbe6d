"""Lets the recrawls of one worker share the places at addresses: at once among themselves, within a second with others.

Each crawl process reads on its board how many requests it may have under way at an address. Once a second the worker
asks the store, in one round trip for all its recrawls, for its part of each address and for the pace of each host.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from orbweaver.crawler.fetching.pace.host_delays import MOST_PAUSE_SECONDS
from orbweaver.queue.fleet.workers.address_places import LATE_SECONDS, TURN_SECONDS, Sharer, granted, shares
from orbweaver.queue.records import paces
from orbweaver.queue.records.paces import Filled, Waited
from orbweaver.queue.recrawl_pace import RecrawlPace
from orbweaver.queue.schedule.host_pace import HostPace, after_wait, delay_at, left_alone_until
from orbweaver.store.connection import Store

ASK_SECONDS: Final = 1.0
# Places that go round are looked at so often: then one that was given back has its next recrawl.
LOOK_SECONDS: Final = 0.1
# When a worker has had no answer for so long, its recrawls begin no request where recrawls of others are, and what they
# had begun has its time to end before its entries do.
UNANSWERED_SECONDS: Final = 5.0
ENTRY_SECONDS: Final = UNANSWERED_SECONDS + LATE_SECONDS


@dataclass(eq=False)
class _Address:
    """An address that recrawls of this worker ask: the places that it may fill there, and recrawls of other workers.

    It may fill none until the store has answered.
    """

    places: int = 0
    others: int = 0
    members: dict[RecrawlPace, Sharer] = field(default_factory=dict)


class SharedPaces:
    """The paces of all recrawls of a worker.

    `looks_at` is the moment of the monotonic clock when `look` is due, `asks_by` when `ask` is for a new address.
    """

    def __init__(self, store: Store, worker: str, *, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._worker = worker
        self._places = places
        self._clock = clock
        self._recrawls: dict[RecrawlPace, None] = {}
        self._addresses: dict[str, _Address] = {}
        self._left: dict[str, None] = {}
        # What hosts asked for since the store was last told, and their paces as they are known here.
        self._waits: dict[str, float | None] = {}
        self._paces: dict[str, HostPace] = {}
        self._seen: dict[str, HostPace] = {}
        self._server_ahead: float | None = None
        self._asks_at = 0.0
        self._answered_at = clock()
        self.looks_at = self.asks_by = math.inf
        self._asked = 0

    def join(self, recrawl: RecrawlPace) -> None:
        """Look after a recrawl from now on."""
        self._recrawls[recrawl] = None
        recrawl.on_news = self._has_news
        self._has_news()

    def leave(self, recrawl: RecrawlPace) -> None:
        """Forget a recrawl whose crawl process has ended, or is to end now."""
        if recrawl not in self._recrawls:
            return
        self._take_waits(recrawl)
        del self._recrawls[recrawl]
        for address in recrawl.rows.keys() & self._addresses.keys():
            members = self._addresses[address].members
            members.pop(recrawl, None)
            if not members:
                del self._addresses[address]
                self._left[address] = None
        self._has_news()

    def look(self) -> None:
        """Share what is known here among the recrawls of this worker, if it is time to."""
        now = self._clock()
        if now < self.looks_at:
            return
        self._take_news()
        self._say_paces(now)
        for recrawl in self._recrawls:
            recrawl.board.say_lease(self._answered_at + UNANSWERED_SECONDS)
        is_unsettled = [self._share(address, known, now) for address, known in self._addresses.items()]
        self.looks_at = now + LOOK_SECONDS if any(is_unsettled) else math.inf

    def ask(self) -> None:
        """Ask the store, if it is time to. Raises ConnectionError and TimeoutError of redis-py while it is away."""
        if self._clock() >= self._asks_at:
            self._ask()

    def let_go(self) -> None:
        """Give back at once what is left of recrawls of which none is under way any more; raises what `ask` raises."""
        if not self._recrawls and (self._left or self._told()):
            self._ask()

    def _ask(self) -> None:
        now = self._clock()
        self._asks_at = now + ASK_SECONDS
        self._take_news()
        self._asked += 1
        hosts = list(dict.fromkeys(host for recrawl in self._recrawls for host in recrawl.hosts))
        waits = {host: Waited(self._seen.get(host, HostPace()), self._paces[host]) for host in self._told()}
        if self._addresses or self._left or hosts or waits:
            filled = {address: self._filled(address, known, now) for address, known in self._addresses.items()}
            answer = paces.ask(
                self._store,
                self._worker,
                filled | {address: Filled(0, 0, 0) for address in self._left},
                hosts,
                number=self._asked,
                places=self._places,
                lasts=ENTRY_SECONDS,
                turn=TURN_SECONDS,
                waits=waits,
            )
            self._server_ahead = answer.at - now
            for address, known in self._addresses.items():
                known.places, known.others = answer.parts[address]
            self._paces, self._seen = dict(answer.paces), answer.paces
            self._left.clear()
            for host in waits:
                del self._waits[host]
            for host, seconds in self._waits.items():  # of the time before the first answer
                self._wait(host, seconds, answer.at)
        self._answered_at = now
        self.asks_by = math.inf
        self._has_news()

    def _has_news(self) -> None:
        self.looks_at = 0.0

    def _take_news(self) -> None:
        for recrawl in self._recrawls:
            self._take_waits(recrawl)
            for address in recrawl.rows:
                if address not in self._addresses:
                    self._addresses[address] = _Address()
                    self._left.pop(address, None)
                    self.asks_by = self._asks_at
                self._addresses[address].members.setdefault(recrawl, Sharer())

    def _take_waits(self, recrawl: RecrawlPace) -> None:
        for host, seconds in recrawl.take_waits().items():
            self._waits[host] = max(self._waits.get(host) or 0.0, seconds or 0.0) or None
            if self._server_ahead is not None:
                self._wait(host, self._waits[host], self._clock() + self._server_ahead)

    def _wait(self, host: str, seconds: float | None, at: float) -> None:
        self._paces[host] = after_wait(self._paces.get(host, HostPace()), at, seconds)

    def _told(self) -> list[str]:
        """Return the hosts whose waits can be written: before the first answer it is not known what time it is."""
        return [] if self._server_ahead is None else [host for host in self._waits if host in self._paces]

    def _say_paces(self, now: float) -> None:
        if self._server_ahead is None:
            return
        at = now + self._server_ahead
        for recrawl in self._recrawls:
            for host, number in recrawl.hosts.items():
                pace = self._paces.get(host)
                if pace is not None:
                    until = left_alone_until(pace, at, MOST_PAUSE_SECONDS) - self._server_ahead
                    recrawl.board.say_pace(number, until=until if pace.times else 0.0, delay=delay_at(pace, at))

    def _share(self, address: str, known: _Address, now: float) -> bool:
        """Share an address; True when it is to be looked at again soon.

        First places are taken back, then it is looked at which are filled, then they are given: a crawl process says
        that it fills a place and then looks whether it has it. So no place is filled twice.
        """
        places, is_leased = known.places, known.others > 0
        boards = [(one.board, one.rows[address]) for one in known.members]
        members = list(known.members.values())
        wants = [
            one.wants(now=now, is_asking=bool(board.under_way(row) or board.waiting(row)))
            for one, (board, row) in zip(members, boards, strict=True)
        ]
        wanted = shares(places, wants, int(now / TURN_SECONDS))
        sharers = len(members) + known.others
        for member, (board, row), share in zip(members, boards, wanted, strict=True):
            member.places = min(member.places, share)
            board.say_places(row, member.places, sharers=sharers, is_leased=is_leased)
        held = [one.filled(board.under_way(row), now) for one, (board, row) in zip(members, boards, strict=True)]
        for member, (board, row), given in zip(members, boards, granted(places, wanted, held), strict=True):
            member.places = given
            board.say_places(row, given, sharers=sharers, is_leased=is_leased)
        return len(members) > places or any(one.places < share for one, share in zip(members, wanted, strict=True))

    def _filled(self, address: str, known: _Address, now: float) -> Filled:
        boards = [(one.board, one.rows[address]) for one in known.members]
        filled = wanting = 0
        for member, (board, row) in zip(known.members.values(), boards, strict=True):
            filled += member.filled(board.under_way(row), now)
            wanting += member.wants(now=now, is_asking=bool(board.under_way(row) or board.waiting(row)))
        return Filled(filled, len(boards), wanting)
