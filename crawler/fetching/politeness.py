"""When a request to a host may start: slots, delays and back-off, one implementation for pages and files alike."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from orbweaver import model
from orbweaver.crawler.transfer_errors import Interrupted

# An answer that takes longer than this says that the host is slow; below it nobody is ever slowed down.
SLOW_ANSWER_SECONDS: Final = 2.0
MOST_LATENCY_DELAY_SECONDS: Final = 30.0
# A latency delay below this is over: halving would go on for ever.
LEAST_LATENCY_DELAY_SECONDS: Final = 0.05
# No host may make us wait longer than this at a time, whatever its Retry-After says.
MOST_PAUSE_SECONDS: Final = 300.0
FIRST_BACK_OFF_SECONDS: Final = 1.0
_MOST_DOUBLINGS: Final = 20
# Who waits longer than this is better not waited for, when there are other hosts.
LONG_WAIT_SECONDS: Final = 2.0
# Hosts with nothing to remember are forgotten beyond this many: a hostile site has a name for every link.
_HOSTS_BEFORE_SWEEP: Final = 1_000

_OVERLOADED: Final = frozenset({429, 503})
_SERVER_ERROR: Final = 500
_ENDED: Final = "the recrawl is stopping"
_DIGITS = re.compile(r"[0-9]+")


class Reason(StrEnum):
    """What keeps the next request to a host from starting."""

    DELAY = "delay"  # delay_seconds of the scope's access profile
    ROBOTS = "robots"  # Crawl-delay of robots.txt
    LATENCY = "latency"
    RETRY_AFTER = "retry-after"
    BACK_OFF = "back-off"  # 429 or 503 without a Retry-After that can be used
    SLOTS = "slots"  # as many requests as are allowed are under way


@dataclass(frozen=True, slots=True)
class State:
    """How one host stands: `reason` is None when a request could start now, `seconds` is how long at least it cannot.

    Of slots nobody knows when one becomes free: `seconds` is 0 then.
    """

    reason: Reason | None
    seconds: float
    running: int
    waiting: int


@dataclass(slots=True, eq=False)
class _Host:
    """What is known of one host; moments are the clock's."""

    robots_delay: float = 0.0
    latency_delay: float = 0.0
    last_start: float = -math.inf
    paused_until: float = -math.inf
    pause_began: float = -math.inf
    pause_reason: Reason = Reason.BACK_OFF
    overloads: int = 0
    running: int = 0
    # Who waits, in order, each with its slot in the order of all hosts.
    waiting: deque[tuple[int, asyncio.Future[None]]] = field(default_factory=deque)


class Politeness:
    """Decides when a request to a host may start.

    At most `connections` requests run at once, at most `connections_per_host` of them to one host, and two starts to
    a host are `delay_seconds` apart, or as many as set_delay() asks. Who waits for a host holds no slot, so a host
    that pauses keeps no other one waiting. Those who wait for one host start in the order in which they came.

        async with politeness.slot(host):
            answer = await fetch(url)
        politeness.note(host, seconds=0.2, status=answer.status, retry_after=answer.headers.get("Retry-After"))

    note() makes a host slower that answers slowly, and pauses one that says that it is overloaded. All methods belong
    to the event loop's thread. `clock` gives seconds and never goes back.
    """

    def __init__(
        self,
        *,
        connections: int,
        connections_per_host: int,
        delay_seconds: float = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free = connections
        self._per_host = connections_per_host
        self._delay = delay_seconds
        self._clock = clock
        self._hosts: dict[str, _Host] = {}
        self._sweep_at = _HOSTS_BEFORE_SWEEP
        self._with_waiters: dict[_Host, None] = {}
        self._arrivals = 0
        self._is_ended = False
        # Called when somebody has to wait for long.
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
        now = self._clock()
        # What was asked before the host paused says nothing about whether the pause was long enough.
        is_news = now - seconds >= known.pause_began
        if status in _OVERLOADED:
            self._pause(known, now, retry_after, is_news=is_news)
        elif status is not None and is_news:
            known.overloads = 0
        known.latency_delay = _latency_delay(known.latency_delay, seconds, status)
        if known.waiting:
            self.admit()

    def set_delay(self, host: str, seconds: float) -> None:
        """Let `seconds` pass between two starts to `host`, as its robots.txt asks; a longer delay of ours holds."""
        known = self._host(host)
        known.robots_delay = seconds
        if known.waiting:
            self.admit()

    def state(self, host: str) -> State:
        """Say whether a request to `host` could start now, and what keeps it from starting."""
        known = self._hosts.get(host) or _Host()
        now = self._clock()
        seconds = max(0.0, self._opens_at(known) - now)
        reason: Reason | None = None
        if seconds:
            reason = known.pause_reason if known.paused_until >= self._opens_at(known) else self._delay_reason(known)
        elif known.running >= self._per_host or self._free <= 0:
            reason = Reason.SLOTS
        return State(reason=reason, seconds=seconds, running=known.running, waiting=len(known.waiting))

    @property
    def long_waits(self) -> int:
        """How many requests wait for hosts that will not be asked for longer than LONG_WAIT_SECONDS."""
        soon = self._clock() + LONG_WAIT_SECONDS
        return sum(len(known.waiting) for known in self._with_waiters if self._opens_at(known) > soon)

    def end(self) -> None:
        """Let nobody wait any longer: who does, and who comes from now on, gets Interrupted."""
        self._is_ended = True
        for known in self._with_waiters:
            for _, future in known.waiting:
                if not future.done():
                    future.set_exception(Interrupted(_ENDED))
            known.waiting.clear()
        self._with_waiters.clear()
        self._wake(math.inf, self._clock())

    async def enter(self, host: str) -> None:
        """Take a slot for `host`, when it may have one; leave() must follow. `turn` does both. Raises Interrupted."""
        if self._is_ended:
            raise Interrupted(_ENDED)
        known = self._host(host)
        if not known.waiting and self._free > 0 and known.running < self._per_host:
            now = self._clock()
            if self._opens_at(known) <= now:
                self._start(known, now)
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
        if self._with_waiters:
            self.admit()

    def admit(self) -> None:
        """Start those who may start now, who came first first, and wake up again when the next one may."""
        now = self._clock()
        wake_at = math.inf
        while self._free > 0:
            first: _Host | None = None
            wake_at = math.inf
            for known in self._with_waiters:
                if known.running >= self._per_host:
                    continue
                opens_at = self._opens_at(known)
                if opens_at > now:
                    wake_at = min(wake_at, opens_at)
                elif first is None or known.waiting[0][0] < first.waiting[0][0]:
                    first = known
            if first is None:
                break
            _, future = first.waiting.popleft()
            if not first.waiting:
                del self._with_waiters[first]
            if not future.done():  # cancelled, and its task has not run yet
                self._start(first, now)
                future.set_result(None)
        # Without a free slot it is leave() that goes on, and no timer is needed.
        self._wake(wake_at if self._free > 0 else math.inf, now)

    def _start(self, known: _Host, now: float) -> None:
        known.running += 1
        known.last_start = now
        self._free -= 1

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

    def _opens_at(self, known: _Host) -> float:
        """Return the moment from which on time allows a start."""
        return max(known.paused_until, known.last_start + max(self._delay, known.robots_delay, known.latency_delay))

    def _delay_reason(self, known: _Host) -> Reason:
        _, reason = max(
            (known.latency_delay, Reason.LATENCY), (known.robots_delay, Reason.ROBOTS), (self._delay, Reason.DELAY)
        )
        return reason

    def _pause(self, known: _Host, now: float, retry_after: str | None, *, is_news: bool) -> None:
        asked = None if retry_after is None else retry_after_seconds(retry_after, model.now())
        if asked is None and not is_news:
            return  # the same overload, said again by answers that were under way
        if is_news:
            known.overloads += 1
            known.pause_began = now
        reason = Reason.RETRY_AFTER
        if asked is None:
            asked = FIRST_BACK_OFF_SECONDS * 2 ** min(known.overloads - 1, _MOST_DOUBLINGS)
            reason = Reason.BACK_OFF
        until = now + min(asked, MOST_PAUSE_SECONDS)
        if until > known.paused_until:
            known.paused_until = until
            known.pause_reason = reason
            self._tell_of_long_wait(known)

    def _tell_of_long_wait(self, known: _Host) -> None:
        if known.waiting and self._opens_at(known) - self._clock() > LONG_WAIT_SECONDS:
            self.on_long_wait()

    def _host(self, host: str) -> _Host:
        known = self._hosts.get(host)
        if known is None:
            if len(self._hosts) >= self._sweep_at:
                self._sweep()
            known = self._hosts[host] = _Host()
        return known

    def _sweep(self) -> None:
        now = self._clock()
        self._hosts = {name: known for name, known in self._hosts.items() if not self._can_be_forgotten(known, now)}
        self._sweep_at = max(_HOSTS_BEFORE_SWEEP, 2 * len(self._hosts))

    def _can_be_forgotten(self, known: _Host, now: float) -> bool:
        learnt = known.robots_delay or known.latency_delay or known.overloads
        return not (known.running or known.waiting or learnt) and self._opens_at(known) <= now


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
    """Nobody wants to know."""


def _latency_delay(delay: float, seconds: float, status: int | None) -> float:
    """Return the delay between starts after an answer that took `seconds`, as Scrapy's AutoThrottle would.

    Beyond the threshold, starts are as far apart as answers take, which leaves a slow host about one request at a
    time. Errors that come quickly are no sign that a host has recovered.
    """
    target = min(max(0.0, seconds - SLOW_ANSWER_SECONDS), MOST_LATENCY_DELAY_SECONDS)
    if target >= delay:
        return target
    if status is None or status in _OVERLOADED or status >= _SERVER_ERROR:
        return delay
    lowered = (delay + target) / 2
    return lowered if lowered >= LEAST_LATENCY_DELAY_SECONDS else 0.0


def retry_after_seconds(text: str, now: datetime) -> float | None:
    """Return how long a Retry-After asks to wait, at most MOST_PAUSE_SECONDS; None when it asks for no wait.

    It is a number of seconds or an HTTP-date (RFC 9110, 10.2.3). What is neither, lies in the past or is 0 is none.
    """
    text = text.strip()
    if _DIGITS.fullmatch(text):
        # int() refuses thousands of digits; more than nine of them are beyond the longest pause anyway.
        seconds = MOST_PAUSE_SECONDS if len(text.lstrip("0")) > len("999999999") else float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return min(seconds, MOST_PAUSE_SECONDS) if seconds > 0 else None
