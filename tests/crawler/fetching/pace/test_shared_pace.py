"""A recrawl fills no more places at an address than its worker gives it, and leaves hosts alone that asked others."""

from __future__ import annotations

import asyncio
import mmap
import os
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.fetching.connecting.connections import ConnectionLimits, Connections
from orbweaver.crawler.fetching.connecting.egress_guard import Guard
from orbweaver.crawler.fetching.pace.host_delays import Reason
from orbweaver.crawler.fetching.pace.pace_board import MOST_ADDRESSES, MOST_HOSTS, THE_REST, PaceBoard
from orbweaver.crawler.fetching.pace.politeness import Politeness
from orbweaver.crawler.fetching.pace.shared_pace import (
    MOST_ADDRESSES_OF_A_NAME,
    HostShare,
    PaceNews,
    SharedPace,
    own_pace_networks,
    plain_address,
)
from orbweaver.crawler.rules.address_rules import parse_networks
from orbweaver.settings import Settings
from synthetic_host import Resource, SyntheticHost

HERE = "192.0.2.1"


class Told:
    """The messages of a crawl process to its worker, and the worker's side of the board."""

    def __init__(self, *, is_proxied: bool = False, own_pace: tuple[str, ...] = ()) -> None:
        self.seconds = 1_000.0
        self.reached: list[tuple[str, tuple[str, ...]]] = []
        self.waits: list[tuple[str, int, float | None]] = []
        self.board = PaceBoard()
        news = PaceNews(lambda *said: self.reached.append(said), lambda *said: self.waits.append(said))
        self.pace = SharedPace(
            self.board,
            news,
            own_pace=own_pace_networks(own_pace),
            is_proxied=is_proxied,
            clock=lambda: self.seconds,
        )


def test_an_address_in_a_url_is_told_before_the_first_request_which_waits_for_its_place() -> None:
    told = Told()
    share = told.pace.share_of(f"{HERE}:8080")
    assert told.reached == [(f"{HERE}:8080", (HERE,))]
    assert not share.begin()
    assert (share.is_without_a_place, told.board.under_way(0)) == (True, 0)
    told.board.say_places(0, 2, sharers=1)
    assert [share.begin() for _ in range(3)] == [True, True, False]
    assert told.board.under_way(0) == 2
    share.end()
    assert (told.board.under_way(0), share.begin()) == (1, True)
    assert told.pace.share_of(f"{HERE}:8080") is share


def test_hosts_at_one_address_share_its_places() -> None:
    told = Told()
    one, other = (told.pace.share_of(f"{HERE}:{port}") for port in (80, 8080))
    assert [addresses for _, addresses in told.reached] == [(HERE,), ()]
    told.board.say_places(0, 1, sharers=3)
    assert (one.begin(), other.begin()) == (True, False)
    assert one.sharers == other.sharers == 3


def test_a_name_has_one_request_under_way_until_its_addresses_are_known() -> None:
    told = Told()
    share = told.pace.share_of("h.test")
    assert told.reached == [("h.test", ())]
    assert [share.begin(), share.begin()] == [True, False]
    told.pace.learn("h.test", ["192.0.2.1", "2001:db8::1"])
    assert told.reached[1] == ("h.test", ("192.0.2.1", "2001:db8::1"))
    assert [told.board.under_way(row) for row in (0, 1)] == [1, 1]  # the request that learnt them
    told.board.say_places(0, 2, sharers=1)
    assert not share.begin()  # it could go to the other address
    told.board.say_places(1, 2, sharers=1)
    assert share.begin()
    told.pace.learn("h.test", ["192.0.2.2"])
    assert [told.board.under_way(row) for row in (0, 1, 2)] == [0, 0, 2]
    told.pace.learn("h.test", ["192.0.2.2"])
    assert len(told.reached) == 3


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%e0", "fe80::1"),
    ],
)
def test_an_address_is_known_by_one_text(text: str, plain: str) -> None:
    assert plain_address(text) == plain


def test_through_a_proxy_the_address_is_not_ours_to_count() -> None:
    told = Told(is_proxied=True)
    share = told.pace.share_of(HERE)
    told.pace.learn(HERE, [HERE])
    assert [share.begin() for _ in range(3)] == [True] * 3
    assert told.reached == [(HERE, ())]


def test_at_an_address_of_a_cdn_each_host_has_its_own_pace() -> None:
    told = Told(own_pace=Settings().own_pace_networks)
    names = {"a.test": "104.16.0.1", "b.test": "2606:4700::1", "c.test": "151.101.1.1", "d.test": HERE}
    shares = {name: told.pace.share_of(name) for name in names}
    for name, address in names.items():
        told.pace.learn(name, [address])
    assert told.pace.share_of("127.0.0.1:8080").begin()
    assert [addresses for _, addresses in told.reached if addresses] == [(HERE,)]
    assert {name: [share.begin() for _ in range(3)] for name, share in shares.items()} == {
        **dict.fromkeys(("a.test", "b.test", "c.test"), [True] * 3),
        "d.test": [False] * 3,
    }


def test_where_others_are_nothing_begins_when_the_lease_is_over() -> None:
    told = Told()
    share = told.pace.share_of(HERE)
    told.board.say_places(0, 2, sharers=2, is_leased=True)
    told.board.say_lease(told.seconds + 5)
    assert share.begin()
    told.seconds += 6
    assert not share.begin()
    told.board.say_places(0, 2, sharers=1)
    assert share.begin()


def test_what_is_told_is_bounded_and_the_rest_has_one_place() -> None:
    told = Told()
    names = [f"h{number}.test" for number in range(MOST_HOSTS + 5)]
    shares = [told.pace.share_of(name) for name in names]
    for number, name in enumerate(names):
        told.pace.learn(name, [f"192.0.2.{number}"])
    told.pace.learn(names[0], [f"198.51.100.{number}" for number in range(100)])
    assert sum(len(addresses) for _, addresses in told.reached) == THE_REST
    assert len([host for host, addresses in told.reached if not addresses]) == MOST_HOSTS
    assert shares[-1].rows == shares[0].rows == (THE_REST,)
    assert (shares[-1].begin(), shares[0].begin()) == (True, False)
    assert shares[-1].pace == (0.0, 0.0)
    shares[-1].end()
    assert shares[0].begin()
    assert MOST_ADDRESSES_OF_A_NAME < MOST_ADDRESSES


steps = st.lists(st.tuples(st.sampled_from(["begin", "end", "give", "learn", "wait"]), st.integers(0, 3)), max_size=60)


@given(steps)
def test_the_board_says_what_is_under_way_and_more_than_the_places_never_begins(steps: list[tuple[str, int]]) -> None:
    told = Told()
    shares: list[HostShare] = [told.pace.share_of(name) for name in ("a.test", "b.test", HERE)]
    running = [0, 0, 0]
    for step, number in steps:
        one = number % 3
        if step == "begin" and shares[one].begin():
            running[one] += 1
            assert all(told.board.under_way(row) <= told.board.places(row) for row in shares[one].rows or ())
        elif step == "end" and running[one]:
            shares[one].end()
            running[one] -= 1
        elif step == "give":
            for row in range(4):
                told.board.say_places(row, number, sharers=1)
        elif step == "learn":
            told.pace.learn("ab"[one % 2] + ".test", [f"192.0.2.{number}", HERE])
        elif step == "wait":
            shares[one].wait(number)
    for row in range(4):
        assert told.board.under_way(row) == sum(
            count for share, count in zip(shares, running, strict=True) if row in (share.rows or ())
        )


def test_a_board_is_seen_by_who_maps_it_and_inherited_by_nobody() -> None:
    board = PaceBoard()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, Path("/proc/self/maps").read_bytes())
        PaceBoard(board.descriptor).say_under_way(3, 7)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        inherited = pipe.read().decode()
    os.waitpid(child, 0)
    assert board.under_way(3) == 7
    assert "/memfd:pace" in Path("/proc/self/maps").read_text()
    assert "/memfd:pace" not in inherited
    board.close()
    assert mmap.PAGESIZE >= MOST_ADDRESSES * 5 + MOST_HOSTS * 16 + 8


# --- what politeness does with it ---


async def _entered(politeness: Politeness, host: str, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(politeness.enter(host)) for _ in range(count)]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


def test_a_request_waits_for_its_place_and_starts_when_the_worker_gives_it() -> None:
    async def act() -> None:
        told = Told()
        politeness = Politeness(connections=2, connections_per_host=2, pace=told.pace)
        tasks = await _entered(politeness, HERE, 3)
        assert [task.done() for task in tasks] == [False] * 3
        assert (politeness.state(HERE).reason, told.board.waiting(0)) == (Reason.SHARED, 3)
        told.board.say_places(0, 1, sharers=2)
        await tasks[0]
        assert [task.done() for task in tasks] == [True, False, False]
        assert (told.board.under_way(0), told.board.waiting(0)) == (1, 2)
        politeness.leave(HERE)
        await tasks[1]
        told.board.say_places(0, 0, sharers=2)
        politeness.leave(HERE)
        politeness.admit()
        for _ in range(3):
            await asyncio.sleep(0)
        assert not tasks[2].done()
        told.board.say_places(0, 2, sharers=2)
        await tasks[2]
        assert told.board.waiting(0) == 0

    asyncio.run(act())


def test_a_host_without_a_place_keeps_no_other_waiting() -> None:
    async def act() -> None:
        told = Told()
        politeness = Politeness(connections=2, connections_per_host=2, pace=told.pace)
        waiting = await _entered(politeness, HERE, 2)
        other = await _entered(politeness, "h.test", 1)
        assert [task.done() for task in (*waiting, *other)] == [False, False, True]
        politeness.end()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(act())


def test_delays_are_for_all_who_share_the_address_and_a_wait_is_for_all_who_ask_the_host() -> None:
    moment = 1_000.0
    told = Told()
    politeness = Politeness(
        connections=9, connections_per_host=9, delay_seconds=2, clock=lambda: moment, pace=told.pace
    )

    async def act() -> None:
        told_board = told.board
        told.pace.share_of(HERE)
        told_board.say_places(0, 9, sharers=3)
        await politeness.enter(HERE)
        assert (politeness.state(HERE).seconds, politeness.state(HERE).reason) == (6, Reason.DELAY)
        told_board.say_pace(0, until=0, delay=5)
        assert (politeness.state(HERE).seconds, politeness.state(HERE).reason) == (15, Reason.FLEET)
        told_board.say_pace(0, until=moment + 100, delay=5)
        assert (politeness.state(HERE).seconds, politeness.state(HERE).reason) == (100, Reason.FLEET)

    asyncio.run(act())


@pytest.mark.parametrize(
    ("status", "retry_after", "told"),
    [
        (429, "7", [(HERE, 429, 7.0)]),
        (503, None, [(HERE, 503, None)]),
        (503, "Fri, 31 Dec 9999 23:59:59 GMT", [(HERE, 503, 3_600.0)]),
        (500, "7", []),
        (200, "7", []),
    ],
)
def test_what_a_host_asks_for_is_told(
    status: int, retry_after: str | None, told: list[tuple[str, int, float | None]]
) -> None:
    worker = Told()
    politeness = Politeness(connections=1, connections_per_host=1, pace=worker.pace)
    for _ in range(3):  # the same answer again, of requests that were under way, is no news
        politeness.note(HERE, seconds=1.0, status=status, retry_after=retry_after)
    assert worker.waits[:1] == told


# --- the addresses of names ---


def test_the_addresses_of_a_name_are_told_before_one_of_them_is_connected_to() -> None:
    told = Told()
    before: list[object] = []

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        before.append(list(told.reached))
        return web.Response(text="a")

    async def act(port: int) -> None:
        host = f"localhost:{port}"
        share = told.pace.share_of(host)
        assert share.begin()
        # Only IPv4 of loopback is opened: the guard refuses ::1, so it is not told.
        guard = Guard(parse_networks(["127.0.0.0/8"]))
        connections = Connections(guard, ConnectionLimits(2, 2, 5), pace=told.pace)
        try:
            response = await connections.ask("GET", f"http://{host}/", [])
            response.release()
        finally:
            await connections.close()
        assert told.board.under_way(0) == 1

    with SyntheticHost({"/": Resource(None, answer)}) as server:
        asyncio.run(act(server.port))
    assert before == [[(f"localhost:{server.port}", ()), (f"localhost:{server.port}", ("127.0.0.1",))]]


def test_of_a_name_with_many_addresses_a_few_are_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    many = [{"host": f"198.51.100.{number}"} for number in range(100)]

    async def resolve(*_: object, **__: object) -> list[dict[str, str]]:
        return many

    monkeypatch.setattr(aiohttp.resolver.ThreadedResolver, "resolve", resolve)  # as a hostile DNS answers

    async def act() -> int:
        told.pace.share_of("h.test")
        connections = Connections(Guard(), ConnectionLimits(2, 2, 5), pace=told.pace)
        resolver = connections._session.connector._resolver  # type: ignore[union-attr]
        found = await resolver.resolve("h.test", 80)
        await connections.close()
        return len(found)

    assert asyncio.run(act()) == MOST_ADDRESSES_OF_A_NAME
