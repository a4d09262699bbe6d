"""A host is asked no faster than it may be, and one that pauses keeps no other waiting."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

import aiohttp
import pytest
from aiohttp import web
from orbweaver.crawler.fetching import fetcher
from orbweaver.crawler.fetching.pace.host_delays import (
    FIRST_BACK_OFF_SECONDS,
    MOST_LATENCY_DELAY_SECONDS,
    MOST_PAUSE_SECONDS,
    SLOW_ANSWER_SECONDS,
    Reason,
)
from orbweaver.crawler.fetching.pace.politeness import LONG_WAIT_SECONDS, Politeness
from orbweaver.crawler.transfer_errors import Interrupted
from synthetic_host import Resource, SyntheticHost

A, B = "a.example", "b.example"
Result = TypeVar("Result")


class Time:
    """Seconds that pass only when every task waits, and then at once."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class _Selector(selectors.SelectSelector):
    def __init__(self, time: Time) -> None:
        super().__init__()
        self._time = time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits, and no timer is set"
        self._time.seconds += timeout
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, time: Time) -> None:
        super().__init__(_Selector(time))
        self.time = time  # type: ignore[method-assign,assignment]


def at_once(act: Callable[[Time], Coroutine[object, object, Result]]) -> Result:
    """Run `act` with a clock that jumps over every wait."""
    time = Time()
    with asyncio.Runner(loop_factory=lambda: _Loop(time)) as runner:
        return runner.run(act(time))


class Visits:
    """Requests that take `seconds` each, with the times at which they started, and the most that ran at once."""

    def __init__(self, politeness: Politeness, time: Time) -> None:
        self.politeness = politeness
        self.time = time
        self.began = time.seconds
        self.starts: list[tuple[str, float]] = []
        self.running: dict[str, int] = {}
        self.most_running: dict[str, int] = {}

    async def visit(self, host: str, *, seconds: float = 1.0, name: str | None = None) -> None:
        async with self.politeness.slot(host):
            self.starts.append((name or host, self.time.seconds - self.began))
            for key in (host, "all"):
                self.running[key] = self.running.get(key, 0) + 1
                self.most_running[key] = max(self.most_running.get(key, 0), self.running[key])
            await asyncio.sleep(seconds)
            for key in (host, "all"):
                self.running[key] -= 1


async def all_of(*visits: Awaitable[None]) -> None:
    await asyncio.gather(*visits)


# --- slots ---


def test_a_host_has_no_more_than_its_slots() -> None:
    async def act(time: Time) -> Visits:
        visits = Visits(Politeness(connections=10, connections_per_host=2, clock=time), time)
        await all_of(*(visits.visit(A) for _ in range(7)))
        return visits

    assert at_once(act).most_running[A] == 2


def test_all_hosts_together_have_no_more_than_all_slots() -> None:
    async def act(time: Time) -> Visits:
        visits = Visits(Politeness(connections=3, connections_per_host=2, clock=time), time)
        await all_of(*(visits.visit(host) for host in (A, B, "c.example") for _ in range(4)))
        return visits

    assert at_once(act).most_running["all"] == 3


def test_those_who_wait_start_in_the_order_in_which_they_came() -> None:
    async def act(time: Time) -> list[str]:
        visits = Visits(Politeness(connections=1, connections_per_host=1, clock=time), time)
        names = [f"{host}{number}" for number in range(5) for host in "ab"]
        await all_of(*(visits.visit(A if name[0] == "a" else B, name=name) for name in names))
        return [name for name, _ in visits.starts]

    assert at_once(act) == [f"{host}{number}" for number in range(5) for host in "ab"]


def test_nobody_who_comes_later_overtakes_one_who_waits_for_the_same_host() -> None:
    async def act(time: Time) -> list[str]:
        visits = Visits(Politeness(connections=1, connections_per_host=1, clock=time), time)

        async def again_and_again(name: str) -> None:
            for _ in range(3):
                await visits.visit(A, name=name)

        await all_of(again_and_again("first"), again_and_again("second"))
        return [name for name, _ in visits.starts]

    assert at_once(act) == ["first", "second"] * 3


def test_a_free_slot_is_taken_without_giving_up_the_turn_of_the_loop() -> None:
    politeness = Politeness(connections=1, connections_per_host=1)
    coroutine = politeness.slot(A).__aenter__()
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert politeness.state(A).running == 1


def test_a_failed_request_gives_its_slot_back() -> None:
    async def act(time: Time) -> int:
        politeness = Politeness(connections=1, connections_per_host=1, clock=time)
        with pytest.raises(ConnectionError):
            async with politeness.slot(A):
                raise ConnectionError
        async with politeness.slot(A):
            return politeness.state(A).running

    assert at_once(act) == 1


@pytest.mark.parametrize("cancelled", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2), (3,), (1, 3)])
@pytest.mark.parametrize("turns", range(4))
def test_a_cancelled_request_leaks_no_slot(cancelled: tuple[int, ...], turns: int) -> None:
    async def act(time: Time) -> tuple[int, int]:
        politeness = Politeness(connections=1, connections_per_host=1, delay_seconds=1, clock=time)
        visits = Visits(politeness, time)
        tasks = [asyncio.create_task(visits.visit(A, seconds=0)) for _ in range(4)]
        for _ in range(turns):  # a slot may have been given to a task that has not run since
            await asyncio.sleep(0)
        for number in cancelled:
            tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await visits.visit(A)
        return politeness.state(A).running, politeness.state(A).waiting

    assert at_once(act) == (0, 0)


def test_a_slot_that_comes_together_with_a_cancellation_goes_to_the_next() -> None:
    async def act(time: Time) -> list[str]:
        politeness = Politeness(connections=1, connections_per_host=1, clock=time)
        visits = Visits(politeness, time)
        await politeness.enter(A)
        unlucky = asyncio.create_task(visits.visit(A, name="unlucky"))
        lucky = asyncio.create_task(visits.visit(A, name="lucky"))
        await asyncio.sleep(0)
        politeness.leave(A)
        unlucky.cancel()
        await lucky
        return [name for name, _ in visits.starts]

    assert at_once(act) == ["lucky"]


def test_a_waiter_that_was_cancelled_and_has_not_run_since_takes_no_slot() -> None:
    async def act(time: Time) -> tuple[int, int]:
        politeness = Politeness(connections=1, connections_per_host=1, clock=time)
        await politeness.enter(A)
        waiter = asyncio.create_task(Visits(politeness, time).visit(A))
        await asyncio.sleep(0)
        waiter.cancel()
        politeness.leave(A)
        await asyncio.gather(waiter, return_exceptions=True)
        return politeness.state(A).running, politeness.state(A).waiting

    assert at_once(act) == (0, 0)


def test_who_was_cancelled_waits_no_more() -> None:
    async def act(time: Time) -> int:
        politeness = Politeness(connections=1, connections_per_host=1, clock=time)
        politeness.note(A, seconds=0, status=429, retry_after="60")
        waiter = asyncio.create_task(Visits(politeness, time).visit(A))
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        return politeness.state(A).waiting

    assert at_once(act) == 0


def test_nobody_overtakes_between_the_end_of_a_wait_and_the_waking_of_who_waits() -> None:
    async def act(time: Time) -> list[str]:
        politeness = Politeness(connections=1, connections_per_host=1, clock=time)
        visits = Visits(politeness, time)
        politeness.note(A, seconds=0, status=429, retry_after="60")
        first = asyncio.create_task(visits.visit(A, name="first"))
        await asyncio.sleep(0)
        time.seconds += 60  # and the timer has not run yet
        await visits.visit(A, name="second")
        await first
        return [name for name, _ in visits.starts]

    assert at_once(act) == ["first", "second"]


def test_the_end_lets_nobody_wait_any_longer() -> None:
    async def act(time: Time) -> tuple[list[type], float, int]:
        politeness = Politeness(connections=2, connections_per_host=1, clock=time)
        visits = Visits(politeness, time)
        politeness.note(A, seconds=0, status=429, retry_after="60")
        tasks = [asyncio.create_task(visits.visit(host, seconds=5)) for host in (A, A, B, B)]
        await asyncio.sleep(1)
        politeness.end()
        tasks[1].cancel()  # both at once
        ended = await asyncio.gather(*tasks, visits.visit("c.example"), return_exceptions=True)
        return [type(one) for one in ended], time.seconds - visits.began, politeness.state(A).running

    ended, seconds, running = at_once(act)
    # B's first was under way: ending that is not the matter of politeness.
    assert ended == [Interrupted, asyncio.CancelledError, type(None), Interrupted, Interrupted]
    assert (seconds, running) == (5, 0)


# --- delays ---


def starts_with(politeness_of: Callable[[Time], Politeness], count: int, *, seconds: float = 0.0) -> list[float]:
    async def act(time: Time) -> list[float]:
        visits = Visits(politeness_of(time), time)
        await all_of(*(visits.visit(A, seconds=seconds) for _ in range(count)))
        return [at for _, at in visits.starts]

    return at_once(act)


def test_without_a_delay_nothing_waits() -> None:
    assert starts_with(lambda time: Politeness(connections=2, connections_per_host=2, clock=time), 4) == [0, 0, 0, 0]


def test_the_delay_lies_between_starts_and_not_between_end_and_start() -> None:
    def politeness_of(time: Time) -> Politeness:
        return Politeness(connections=4, connections_per_host=2, delay_seconds=3, clock=time)

    assert starts_with(politeness_of, 4, seconds=2) == pytest.approx([0, 3, 6, 9])


@pytest.mark.parametrize(("ours", "robots", "between"), [(1, 4, 4), (4, 1, 4), (0, 2, 2)])
def test_the_longer_of_our_delay_and_that_of_robots_holds(ours: float, robots: float, between: float) -> None:
    def politeness_of(time: Time) -> Politeness:
        politeness = Politeness(connections=2, connections_per_host=2, delay_seconds=ours, clock=time)
        politeness.set_delay(A, robots)
        return politeness

    assert starts_with(politeness_of, 3) == pytest.approx([0, between, 2 * between])


def test_a_delay_that_is_set_while_somebody_waits_holds_for_them() -> None:
    async def act(time: Time) -> list[float]:
        politeness = Politeness(connections=1, connections_per_host=1, delay_seconds=10, clock=time)
        visits = Visits(politeness, time)
        waiting = [asyncio.create_task(visits.visit(A, seconds=0)) for _ in range(2)]
        await asyncio.sleep(1)
        politeness.set_delay(A, 20)
        await all_of(*waiting)
        return [at for _, at in visits.starts]

    assert at_once(act) == pytest.approx([0, 20])


def test_a_host_with_a_delay_holds_no_slot_that_another_could_use() -> None:
    async def act(time: Time) -> list[tuple[str, float]]:
        politeness = Politeness(connections=1, connections_per_host=1, clock=time)
        politeness.set_delay(A, 100)
        visits = Visits(politeness, time)
        await all_of(*(visits.visit(host) for host in (A, A, A, B, B)))
        return visits.starts

    # B's both come between A's first and second.
    assert [host for host, _ in at_once(act)] == [A, B, B, A, A]


# --- latency ---


def test_a_fast_host_is_never_slowed() -> None:
    async def act(time: Time) -> Reason | None:
        politeness = Politeness(connections=1, connections_per_host=1, clock=time)
        for _ in range(100):
            async with politeness.slot(A):
                await asyncio.sleep(SLOW_ANSWER_SECONDS)
            politeness.note(A, seconds=SLOW_ANSWER_SECONDS, status=200)
        return politeness.state(A).reason

    assert at_once(act) is None


def delays_after(*answers: tuple[float, int | None]) -> list[float]:
    time = Time()
    politeness = Politeness(connections=9, connections_per_host=9, clock=time)
    delays: list[float] = []

    async def act() -> None:
        for seconds, status in answers:
            await politeness.enter(A)
            politeness.leave(A)
            politeness.note(A, seconds=seconds, status=status)
            delays.append(politeness.state(A).seconds)
            time.seconds += 1_000

    asyncio.run(act())
    return delays


def test_a_slow_answer_raises_the_delay_at_once() -> None:
    assert delays_after((SLOW_ANSWER_SECONDS + 3, 200)) == [3]


def test_no_answer_at_all_counts_as_a_slow_one() -> None:
    assert delays_after((SLOW_ANSWER_SECONDS + 3, None)) == [3]


def test_the_delay_for_a_slow_host_has_an_end() -> None:
    assert delays_after((10_000, 200)) == [MOST_LATENCY_DELAY_SECONDS]


def test_a_host_that_recovers_gets_fast_again_step_by_step() -> None:
    delays = delays_after((SLOW_ANSWER_SECONDS + 8, 200), *[(0.1, 200)] * 10)

    assert delays[:4] == [8, 4, 2, 1]
    assert delays[-1] == 0


def test_quick_errors_are_no_sign_of_recovery() -> None:
    assert delays_after((SLOW_ANSWER_SECONDS + 8, 200), (0.01, 500), (0.01, 502), (0.01, None)) == [8, 8, 8, 8]


def test_a_quick_page_that_is_not_found_is_an_answer_like_any_other() -> None:
    assert delays_after((SLOW_ANSWER_SECONDS + 8, 200), (0.01, 404)) == [8, 4]


# --- overload ---


def test_retry_after_pauses_the_host_for_all_who_wait() -> None:
    async def act(time: Time) -> list[float]:
        politeness = Politeness(connections=9, connections_per_host=9, clock=time)
        visits = Visits(politeness, time)
        politeness.note(A, seconds=0, status=429, retry_after="7")
        await all_of(*(visits.visit(A) for _ in range(3)))
        return [at for _, at in visits.starts]

    assert at_once(act) == pytest.approx([7, 7, 7])


def test_a_pause_that_comes_while_somebody_waits_holds_for_them() -> None:
    async def act(time: Time) -> list[float]:
        politeness = Politeness(connections=1, connections_per_host=1, delay_seconds=2, clock=time)
        visits = Visits(politeness, time)
        waiting = [asyncio.create_task(visits.visit(A, seconds=0)) for _ in range(2)]
        await asyncio.sleep(1)
        politeness.note(A, seconds=0.5, status=503, retry_after="30")
        await all_of(*waiting)
        return [at for _, at in visits.starts]

    assert at_once(act) == pytest.approx([0, 31])


def test_a_host_that_pauses_holds_no_slot_that_another_could_use() -> None:
    async def act(time: Time) -> list[tuple[str, float]]:
        politeness = Politeness(connections=2, connections_per_host=2, clock=time)
        visits = Visits(politeness, time)
        politeness.note(A, seconds=0, status=503, retry_after="60")
        await all_of(*(visits.visit(host) for host in (A, A, A, A, B, B)))
        return visits.starts

    assert at_once(act)[:3] == [(B, 0), (B, 0), (A, pytest.approx(60))]


@pytest.mark.parametrize("asked", ["9" * 5_000, "86400", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_no_host_can_ask_for_a_longer_pause_than_the_longest(asked: str) -> None:
    politeness = Politeness(connections=1, connections_per_host=1, clock=Time())
    politeness.note(A, seconds=0, status=429, retry_after=asked)

    assert politeness.state(A).seconds == MOST_PAUSE_SECONDS


@pytest.mark.parametrize("asked", [None, "", "-5", "0", "soon", "1.5", "٣", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_without_a_wait_that_can_be_read_the_pause_doubles_each_time(asked: str | None) -> None:
    time = Time()
    politeness = Politeness(connections=1, connections_per_host=1, clock=time)
    pauses = []
    for _ in range(12):
        politeness.note(A, seconds=0.1, status=429, retry_after=asked)
        pauses.append(politeness.state(A).seconds)
        time.seconds += 1_000

    assert pauses[:4] == [FIRST_BACK_OFF_SECONDS * factor for factor in (1, 2, 4, 8)]
    assert pauses[-1] == MOST_PAUSE_SECONDS


def test_answers_that_were_under_way_do_not_double_the_pause() -> None:
    time = Time()
    politeness = Politeness(connections=8, connections_per_host=8, clock=time)
    for _ in range(8):
        politeness.note(A, seconds=2, status=429)
        time.seconds += 0.01

    assert politeness.state(A).seconds == pytest.approx(FIRST_BACK_OFF_SECONDS - 0.08)


def test_an_answer_that_was_under_way_does_not_end_the_series() -> None:
    time = Time()
    politeness = Politeness(connections=8, connections_per_host=8, clock=time)
    politeness.note(A, seconds=1, status=429)
    time.seconds += 1
    politeness.note(A, seconds=2, status=200)  # asked before the host paused
    time.seconds += 1
    politeness.note(A, seconds=0.5, status=429)

    assert politeness.state(A).seconds == 2 * FIRST_BACK_OFF_SECONDS


def test_a_good_answer_ends_the_series() -> None:
    time = Time()
    politeness = Politeness(connections=8, connections_per_host=8, clock=time)
    for status in (429, 429, 429, 200, 429):
        politeness.note(A, seconds=0.1, status=status)
        time.seconds += 1_000
    time.seconds -= 1_000

    assert politeness.state(A).seconds == FIRST_BACK_OFF_SECONDS


def test_a_long_wait_is_told_of_when_it_begins_and_counted_while_it_lasts() -> None:
    async def act(time: Time) -> tuple[int, list[int]]:
        told = 0

        def tell() -> None:
            nonlocal told
            told += 1

        politeness = Politeness(connections=1, connections_per_host=1, delay_seconds=LONG_WAIT_SECONDS, clock=time)
        politeness.on_long_wait = tell
        visits = Visits(politeness, time)
        counts = [politeness.long_waits]
        tasks = [asyncio.create_task(visits.visit(A, seconds=0)) for _ in range(2)]
        await asyncio.sleep(0)
        counts.append(politeness.long_waits)  # the second waits, and not for long
        politeness.note(A, seconds=0, status=429, retry_after="60")
        counts.append(politeness.long_waits)
        tasks.append(asyncio.create_task(visits.visit(A, seconds=0)))
        await asyncio.sleep(0)
        counts.append(politeness.long_waits)
        await all_of(*tasks)
        counts.append(politeness.long_waits)
        return told, counts

    assert at_once(act) == (2, [0, 0, 1, 2, 0])


# --- the reason for a wait ---


def test_the_state_says_what_a_host_waits_for() -> None:
    time = Time()
    politeness = Politeness(connections=1, connections_per_host=1, delay_seconds=1, clock=time)

    async def act() -> list[tuple[Reason | None, float]]:
        said = [politeness.state(A)]
        await politeness.enter(A)
        said.append(politeness.state(A))
        time.seconds += 1
        said.append(politeness.state(A))
        politeness.leave(A)
        politeness.set_delay(A, 5)
        said.append(politeness.state(A))
        politeness.note(A, seconds=SLOW_ANSWER_SECONDS + 8, status=200)
        said.append(politeness.state(A))
        politeness.note(A, seconds=0, status=503, retry_after="60")
        said.append(politeness.state(A))
        politeness.note(B, seconds=0, status=429)
        said.append(politeness.state(B))
        return [(one.reason, one.seconds) for one in said]

    assert asyncio.run(act()) == [
        (None, 0),
        (Reason.DELAY, 1),
        (Reason.SLOTS, 0),
        (Reason.ROBOTS, 4),
        (Reason.LATENCY, 7),
        (Reason.RETRY_AFTER, 60),
        (Reason.BACK_OFF, FIRST_BACK_OFF_SECONDS),
    ]


def test_a_site_with_endless_hosts_costs_no_memory() -> None:
    async def act(time: Time) -> int:
        politeness = Politeness(connections=1, connections_per_host=1, clock=time)
        politeness.set_delay("kept.example", 3)
        for number in range(20_000):
            async with politeness.slot(f"{number}.example"):
                pass
        assert politeness.state("kept.example").reason is None
        await politeness.enter("kept.example")
        assert politeness.state("kept.example").reason is Reason.ROBOTS
        return len(politeness._hosts)  # the memory is what the test is about

    assert at_once(act) <= 1_001


# --- real servers ---


async def get(session: aiohttp.ClientSession, politeness: Politeness, url: str) -> int:
    host = url.split("/")[2]
    async with politeness.slot(host):
        began = asyncio.get_running_loop().time()
        async with session.get(url) as answer:
            seconds = asyncio.get_running_loop().time() - began
            politeness.note(host, seconds=seconds, status=answer.status, retry_after=answer.headers.get("Retry-After"))
            await answer.read()
            return answer.status


@pytest.mark.parametrize("slots", [1, 3])
def test_a_real_server_never_sees_more_connections_than_its_slots(slots: int) -> None:
    async def act(urls: list[str]) -> list[int]:
        politeness = Politeness(connections=2 * slots, connections_per_host=slots)
        # A connector without limits of its own: politeness alone must hold.
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            return await asyncio.gather(*(get(session, politeness, url) for url in urls))

    with SyntheticHost({"/": ("text/plain", b"a")}, delay=0.01) as one, SyntheticHost({}, delay=0.01) as other:
        assert len(asyncio.run(act([host.url for _ in range(30) for host in (one, other)]))) == 60
        assert one.max_connections_seen == other.max_connections_seen == slots


def test_a_real_server_that_says_retry_after_is_left_alone_for_so_long() -> None:
    arrivals: list[float] = []

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        arrivals.append(asyncio.get_running_loop().time())
        if len(arrivals) == 1:
            return web.Response(status=429, headers={"Retry-After": "1"})
        return web.Response(text="a")

    async def act(url: str) -> list[int]:
        politeness = Politeness(connections=4, connections_per_host=1)
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(get(session, politeness, url) for _ in range(4)))

    with SyntheticHost({"/": Resource(None, answer)}) as host:
        assert asyncio.run(act(host.url)) == [429, 200, 200, 200]
    assert arrivals[1] - arrivals[0] >= 0.95  # both clocks are the machine's


def test_what_keeps_requests_from_starting_is_that_of_the_host_that_opens_first() -> None:
    async def act(time: Time) -> list[object]:
        politeness = Politeness(connections=2, connections_per_host=1, clock=time)
        said: list[object] = [politeness.kept_by([A]), politeness.running]
        politeness.note(A, seconds=0, status=429, retry_after="60")
        politeness.note(B, seconds=0, status=503)
        said += [politeness.kept_by(), politeness.kept_by([A]), politeness.kept_by([A, B, "unknown.example"])]
        waiting = asyncio.create_task(politeness.enter(A))
        await asyncio.sleep(0)
        said += [politeness.kept_by(), politeness.running]
        await waiting
        return [*said, politeness.running]

    assert at_once(act) == [None, 0, None, Reason.RETRY_AFTER, Reason.BACK_OFF, Reason.RETRY_AFTER, 0, 1]


def test_each_reason_has_a_word_by_which_people_see_it() -> None:
    assert set(fetcher._WAITS_FOR) == set(Reason)
