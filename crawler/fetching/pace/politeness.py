"""Lets each request start when its host may be asked and a slot is free, for pages and files alike."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from orbweaver import model
from orbweaver.crawler.fetching.pace.host_delays import OVERLOADED, HostDelays, Reason, retry_after_seconds
from orbweaver.crawler.fetching.pace.shared_pace import HostShare, SharedPace
from orbweaver.crawler.transfer_errors import Interrupted

# A request that waits longer than this should keep no slot from other hosts.
LONG_WAIT_SECONDS: Final = 2.0
# The worker that gives out places, and knows what hosts asked of others, tells nobody: so often it is looked at.
LOOK_SECONDS: Final = 0.05
# Hosts with nothing to remember are forgotten beyond this many: a hostile site has a name for every link.
_HOSTS_BEFORE_SWEEP: Final = 1_000

_ENDED: Final = "the recrawl is stopping"


@dataclass(frozen=True, slots=True)
class State:
    """Whether a host may be asked: `reason` is None when a request could start now, which it cannot for `seconds`.

    Nobody knows when a slot becomes free: `seconds` is 0 then.
    """

    reason: Reason | None
    seconds: float
    running: int
    waiting: int


@dataclass(slots=True, eq=False)
class _Host:
    """One host: its delays, how many requests are under way, and those that wait, in order.

    Each that waits has its number in the order of all hosts. `share` is None where nothing is shared.
    """

    delays: HostDelays
    share: HostShare | None = None
    running: int = 0
    waiting: deque[tuple[int, asyncio.Future[None]]] = field(default_factory=deque)


class Politeness:
    """Lets requests start.

    At most `connections` requests run at once, at most `connections_per_host` of them to one host, and two starts to
    a host are `delay_seconds` apart, or as many as set_delay() asks. A request that waits holds no slot, so a host
    that pauses keeps no other one waiting. Requests that wait for one host start in the order in which they came.

        async with politeness.slot(host):
            answer = await fetch(url)
        politeness.note(host, seconds=0.2, status=answer.status, retry_after=answer.headers.get("Retry-After"))

    note() makes a host slower that answers slowly, and pauses one that says that it is overloaded: HostDelays decides.
    With a `pace` a request also waits for a place at the address of its host, which other recrawls may have.
    All methods belong to the event loop's thread. `clock` gives seconds and never goes back.
    """

    def __init__(
        self,
        *,
        connections: int,
        connections_per_host: int,
        delay_seconds: float = 0,
        clock: Callable[[], float] = time.monotonic,
        pace: SharedPace | None = None,
    ) -> None:
        self._pace = pace
        self._connections = self._free = connections
        self._per_host = connections_per_host
        self._delay = delay_seconds
        self._clock = clock
        self._hosts: dict[str, _Host] = {}
        self._sweep_at = _HOSTS_BEFORE_SWEEP
        self._with_waiters: dict[_Host, None] = {}
        self._said_to_wait: dict[_Host, int] = {}
        self._arrivals = 0
        self._is_ended = False
        # Called when a request has to wait for long.
        self.on_long_wait: Callable[[], None] = _ignore
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def slot(self, host: str) -> Slot:
        """Return a context that is entered when a request to `host` may start, and holds its slot until it is left."""
        return Slot(self, host)

    def note(self, host: str, *, seconds: float, status: int | None, retry_after: str | None = None) -> None:
        """Learn from an answer that came after `seconds`; a `status` of None means that none came.

        Slow answers raise the delay between starts at once; quick ones lower it step by step. 429 and 503 pause the
        host for everybody: as long as Retry-After says, else twice as long each time.
        """
        known = self._host(host)
        asked = None if retry_after is None else retry_after_seconds(retry_after, model.now())
        if known.delays.note(self._clock(), seconds=seconds, status=status, retry_after=asked):
            if known.share is not None and status in OVERLOADED:
                known.share.asked_to_wait(status, asked)
            self._tell_of_long_wait(known)
        if known.waiting:
            self.admit()

    def set_delay(self, host: str, seconds: float) -> None:
        """Let `seconds` pass between two starts to `host`, as its robots.txt asks; a longer delay of ours holds."""
        known = self._host(host)
        known.delays.robots_delay = seconds
        if known.waiting:
            self.admit()

    def state(self, host: str) -> State:
        """Say whether a request to `host` could start now, and what keeps it from starting."""
        known = self._hosts.get(host) or _Host(HostDelays(self._delay))
        seconds = max(0.0, _opens_at(known) - self._clock())
        reason: Reason | None = None
        if seconds:
            reason = known.delays.reason
        elif known.running >= self._per_host or self._free <= 0:
            reason = Reason.SLOTS
        elif known.share is not None and known.share.is_without_a_place:
            reason = Reason.SHARED
        return State(reason=reason, seconds=seconds, running=known.running, waiting=len(known.waiting))

    @property
    def running(self) -> int:
        """The number of requests that are under way."""
        return self._connections - self._free

    def kept_by(self, hosts: Iterable[str] = ()) -> Reason | None:
        """Say what keeps requests from starting, of the host that opens first: one where some wait, or of `hosts`.

        None when no such host is kept from being asked.
        """
        now = self._clock()
        named = (self._hosts[host] for host in hosts if host in self._hosts)
        asked = list(dict.fromkeys((*self._with_waiters, *named)))
        kept = [known.delays for known in asked if _opens_at(known) > now]
        if kept:
            return min(kept, key=lambda delays: delays.opens_at).reason
        is_without_a_place = any(known.share.is_without_a_place for known in asked if known.share is not None)
        return Reason.SHARED if is_without_a_place else None

    @property
    def long_waits(self) -> int:
        """The number of requests that wait for hosts that will not be asked for longer than LONG_WAIT_SECONDS."""
        soon = self._clock() + LONG_WAIT_SECONDS
        return sum(len(known.waiting) for known in self._with_waiters if _opens_at(known) > soon)

    def end(self) -> None:
        """End all waiting: requests that wait, and those that come from now on, get Interrupted."""
        self._is_ended = True
        for known in self._with_waiters:
            for _, future in known.waiting:
                if not future.done():
                    future.set_exception(Interrupted(_ENDED))
            known.waiting.clear()
        self._with_waiters.clear()
        self._wake(math.inf, self._clock())

    async def enter(self, host: str) -> None:
        """Take a slot for `host`, when it may have one; leave() must follow. `slot` does both. Raises Interrupted."""
        if self._is_ended:
            raise Interrupted(_ENDED)
        known = self._host(host)
        if not known.waiting and self._free > 0 and known.running < self._per_host:
            now = self._clock()
            if _opens_at(known) <= now and self._start(known, now):
                return
        future = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        known.waiting.append((self._arrivals, future))
        self._with_waiters[known] = None
        self.admit()
        self._tell_of_long_wait(known)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.leave(host)  # the slot came together with the cancellation
            else:
                self._forget_waiter(known, future)
            raise

    def leave(self, host: str) -> None:
        """Give a slot back."""
        known = self._hosts[host]
        known.running -= 1
        self._free += 1
        if known.share is not None:
            known.share.end()
        if self._with_waiters:
            self.admit()

    def admit(self) -> None:
        """Start the requests that may start now, in order of arrival, and wake up again when the next one may."""
        now = self._clock()
        wake_at = math.inf
        without_place: set[_Host] = set()
        while self._free > 0:
            first: _Host | None = None
            wake_at = now + LOOK_SECONDS if without_place else math.inf
            for known in self._with_waiters:
                if known.running >= self._per_host or known in without_place:
                    continue
                opens_at = _opens_at(known)
                if opens_at > now:
                    wake_at = min(wake_at, opens_at)
                elif first is None or known.waiting[0][0] < first.waiting[0][0]:
                    first = known
            if first is None:
                break
            _, future = first.waiting[0]
            if not future.done() and not self._start(first, now):
                without_place.add(first)
                continue
            first.waiting.popleft()
            if not first.waiting:
                del self._with_waiters[first]
            if not future.done():  # else it is cancelled, and its task has not run yet
                future.set_result(None)
        self._say_who_waits(now)
        # Without a free slot it is leave() that goes on, and no timer is needed.
        self._wake(wake_at if self._free > 0 else math.inf, now)

    def _start(self, known: _Host, now: float) -> bool:
        """Start a request, if the host has a place for it."""
        if known.share is not None and not known.share.begin():
            return False
        known.running += 1
        known.delays.start(now)
        self._free -= 1
        return True

    def _say_who_waits(self, now: float) -> None:
        if self._pace is None:
            return
        waiting = {known: len(known.waiting) for known in self._with_waiters if _opens_at(known) <= now}
        for known in self._said_to_wait.keys() | waiting.keys():
            assert known.share is not None
            known.share.wait(waiting.get(known, 0))
        self._said_to_wait = waiting

    def _forget_waiter(self, known: _Host, future: asyncio.Future[None]) -> None:
        known.waiting = deque(waiter for waiter in known.waiting if waiter[1] is not future)
        if not known.waiting:
            self._with_waiters.pop(known, None)
        self.admit()

    def _wake(self, at: float, now: float) -> None:
        if at == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = None
        if at < math.inf:
            self._timer = asyncio.get_running_loop().call_later(at - now, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        self.admit()

    def _tell_of_long_wait(self, known: _Host) -> None:
        if known.waiting and _opens_at(known) - self._clock() > LONG_WAIT_SECONDS:
            self.on_long_wait()

    def _host(self, host: str) -> _Host:
        known = self._hosts.get(host)
        if known is None:
            if len(self._hosts) >= self._sweep_at:
                self._sweep()
            share = None if self._pace is None else self._pace.share_of(host)
            known = self._hosts[host] = _Host(HostDelays(self._delay), share)
        return known

    def _sweep(self) -> None:
        now = self._clock()
        self._hosts = {name: known for name, known in self._hosts.items() if not self._can_be_forgotten(known, now)}
        self._sweep_at = max(_HOSTS_BEFORE_SWEEP, 2 * len(self._hosts))

    def _can_be_forgotten(self, known: _Host, now: float) -> bool:
        return not (known.running or known.waiting) and known.delays.has_nothing_to_remember(now)


def _opens_at(known: _Host) -> float:
    """Take what the fleet knows of a host now, and return from when on the host may be asked."""
    if known.share is not None:
        known.delays.fleet_until, known.delays.fleet_delay = known.share.pace
        known.delays.sharers = known.share.sharers
    return known.delays.opens_at


class Slot:
    """One slot for one request; made by Politeness.slot()."""

    __slots__ = ("_host", "_politeness")

    def __init__(self, politeness: Politeness, host: str) -> None:
        self._politeness = politeness
        self._host = host

    async def __aenter__(self) -> None:
        await self._politeness.enter(self._host)

    async def __aexit__(self, *_: object) -> None:
        self._politeness.leave(self._host)


def _ignore() -> None:
    """Do nothing: nobody is to be told."""
