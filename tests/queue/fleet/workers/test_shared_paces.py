"""Recrawls of one worker, and of several, share the places at an address; a host that asks one to wait has all wait."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from builders import PATIENCE_SECONDS, an_order, started_worker
from orbweaver.crawler.crawl_messages import AskedToWait, Reached
from orbweaver.crawler.errors import MessageRefused
from orbweaver.crawler.fetching.pace.host_delays import MOST_PAUSE_SECONDS
from orbweaver.crawler.fetching.pace.pace_board import THE_REST
from orbweaver.queue import queues
from orbweaver.queue.fleet.workers.address_places import LATE_SECONDS, TURN_SECONDS
from orbweaver.queue.fleet.workers.shared_paces import ASK_SECONDS, UNANSWERED_SECONDS, SharedPaces
from orbweaver.queue.records import paces, recrawls
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.recrawl_pace import MOST_MESSAGES, RecrawlPace
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery.lanes import server_seconds
from orbweaver_command import eventually
from redis.exceptions import ConnectionError as RedisConnectionError
from shared_address import Load, LoadedHost
from synthetic_host import ADDRESS

HERE = "192.0.2.1"
ROUNDED = 0.01


class Time:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Worker:
    """A worker's paces, and recrawls of it whose crawl processes are played here."""

    def __init__(self, store: Store, name: str, time: Time, *, places: int = 2) -> None:
        self.time = time
        self.paces = SharedPaces(store, name, places=places, clock=time)
        self.recrawls: list[RecrawlPace] = []

    def recrawl(self, host: str = "h.test", *addresses: str) -> RecrawlPace:
        recrawl = RecrawlPace(an_order(host).scope)
        self.recrawls.append(recrawl)
        self.paces.join(recrawl)
        recrawl.hear(Reached(host=host, addresses=addresses))
        return recrawl

    def look(self) -> list[int]:
        """Let the worker look; returns the places of each recrawl at its first address."""
        self.paces.look()
        return [one.board.places(0) for one in self.recrawls]

    def ask(self) -> list[int]:
        self.paces.ask()
        return self.look()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def begin(store: Store, time: Time) -> Iterator[object]:
    begun: list[Worker] = []

    def one(name: str, *, places: int = 2) -> Worker:
        begun.append(Worker(store, name, time, places=places))
        return begun[-1]

    yield one
    for worker in begun:
        for recrawl in worker.recrawls:
            worker.paces.leave(recrawl)
            recrawl.close()


def test_who_is_alone_at_an_address_has_all_places_when_the_store_has_said_so(begin, time) -> None:  # type: ignore[no-untyped-def]
    worker = begin("a")
    worker.recrawl("h.test", HERE)
    assert worker.look() == [0]
    assert worker.paces.asks_by <= time.seconds
    assert worker.ask() == [2]
    assert worker.paces.looks_at > 1e9
    worker.recrawl("o.test", "192.0.2.9")
    assert worker.look() == [2, 0]
    assert worker.paces.asks_by == time.seconds + ASK_SECONDS  # and no sooner


def test_recrawls_of_one_worker_share_at_once_and_a_place_is_given_when_it_is_empty(begin, time) -> None:  # type: ignore[no-untyped-def]
    worker = begin("a")
    first = worker.recrawl("h.test", HERE)
    worker.ask()
    first.board.say_under_way(0, 2)
    second = worker.recrawl("o.test", HERE)
    assert worker.look() == [1, 0]
    assert worker.paces.looks_at < 1e9  # it looks again soon
    first.board.say_under_way(0, 1)
    time.seconds += 1
    assert worker.look() == [1, 1]
    assert (first.board.sharers(0), second.board.sharers(0)) == (2, 2)
    worker.paces.leave(second)
    worker.recrawls.remove(second)
    second.close()
    assert worker.look() == [2]


def test_places_that_are_too_few_go_round_among_those_who_want_one(begin, time) -> None:  # type: ignore[no-untyped-def]
    worker = begin("a", places=1)
    some = [worker.recrawl(f"{name}.test", HERE) for name in "abc"]
    assert worker.ask() == [0, 0, 0]
    for one in some:
        one.board.say_waiting(0, 4)
    had = [0, 0, 0]
    for _ in range(6):
        time.seconds += TURN_SECONDS
        now = worker.look()
        assert sum(now) == 1
        had = [one + more for one, more in zip(had, now, strict=True)]
    assert had == [2, 2, 2]


def test_a_request_that_does_not_end_does_not_keep_the_place_of_others(begin, time) -> None:  # type: ignore[no-untyped-def]
    worker = begin("a", places=1)
    slow = worker.recrawl("slow.test", HERE)
    worker.ask()
    slow.board.say_under_way(0, 255)  # it may say what it likes
    other = worker.recrawl("o.test", HERE)
    other.board.say_waiting(0, 1)
    had = []
    for _ in range(int(LATE_SECONDS + 2 * TURN_SECONDS) + 1):
        time.seconds += 1
        had.append(worker.look()[1])
    assert had[0] == 0
    assert 1 in had


def test_workers_share_when_they_have_asked(begin, time, store: Store) -> None:  # type: ignore[no-untyped-def]
    one, other = begin("a"), begin("b")
    one.recrawl("h.test", HERE)
    assert one.ask() == [2]
    other.recrawl("o.test", HERE)
    assert other.ask() == [0]
    time.seconds += ASK_SECONDS
    assert one.ask() == [1]  # of two that were empty
    assert other.ask() == [0]
    time.seconds += ASK_SECONDS
    assert one.ask() == [1]
    time.seconds += ASK_SECONDS
    assert other.ask() == [1]
    assert one.recrawls[0].board.sharers(0) == 2


def test_a_worker_asks_once_a_second_whatever_it_has(begin, time, store: Store) -> None:  # type: ignore[no-untyped-def]
    worker = begin("a")
    for number in range(100):
        worker.recrawl(f"h{number}.test", f"192.0.2.{number}")
    before = store.info("commandstats").get("cmdstat_eval", {"calls": 0})["calls"]
    for _ in range(50):
        worker.ask()
    for recrawl in worker.recrawls:
        recrawl.hear(AskedToWait(host=next(iter(recrawl.hosts)), status=429))
        worker.ask()
    assert store.info("commandstats")["cmdstat_eval"]["calls"] - before == 1
    time.seconds += ASK_SECONDS
    worker.ask()
    assert store.info("commandstats")["cmdstat_eval"]["calls"] - before == 2 + 100  # each host asked to wait
    for recrawl in worker.recrawls:
        worker.paces.leave(recrawl)
    time.seconds += ASK_SECONDS
    worker.paces.ask()
    assert store.keys(keys.address("*")) == []


def test_when_a_worker_has_no_answers_its_recrawls_begin_nothing_where_others_are(begin, time, store: Store) -> None:  # type: ignore[no-untyped-def]
    one, other = begin("a"), begin("b")
    one.recrawl("h.test", HERE)
    other.recrawl("o.test", HERE)
    one.ask(), other.ask()
    time.seconds += ASK_SECONDS
    one.ask(), other.ask()
    assert one.look() == [1]
    one.paces._store = _Away()
    time.seconds += UNANSWERED_SECONDS + 1
    with pytest.raises(RedisConnectionError):
        one.ask()
    board = one.recrawls[0].board
    assert [board.places(0, time.seconds - 1), board.places(0, time.seconds)] == [1, 0]


class _Away:
    """A store that cannot be reached."""

    def pipeline(self, **_: object) -> object:
        raise RedisConnectionError("away")


# --- hosts that asked to wait ---


def left_alone(recrawl: RecrawlPace, time: Time) -> float:
    """Return for how many seconds more the first host of a recrawl is left alone."""
    return max(0.0, recrawl.board.pace(0)[0] - time.seconds)


def took(store: Store, began: float) -> float:
    """Return how long it has been by the clock of the store, which goes on whatever the test's own clock says."""
    return server_seconds(store) - began + ROUNDED


def test_a_host_that_asks_one_recrawl_to_wait_is_left_alone_by_all(begin, time, store: Store) -> None:  # type: ignore[no-untyped-def]
    one, other = begin("a"), begin("b")
    first, beside, far = one.recrawl(), one.recrawl(), other.recrawl()
    began = server_seconds(store)
    one.ask(), other.ask()
    first.hear(AskedToWait(host="h.test", status=429, seconds=60))
    one.look()
    assert left_alone(beside, time) == pytest.approx(60, abs=0.1)  # at once
    time.seconds += ASK_SECONDS
    one.ask(), other.ask()
    assert 60 - took(store, began) <= left_alone(far, time) <= 60 + ROUNDED
    assert far.board.pace(0)[1] == 1.0
    [pace] = paces.paces(store, ["h.test"]).values()
    assert pace.times == 1
    # A recrawl under way waits no longer than it would by itself; the next visit does.
    far.hear(AskedToWait(host="h.test", status=503, seconds=3_600))
    time.seconds += ASK_SECONDS
    other.ask(), one.ask()
    assert MOST_PAUSE_SECONDS - took(store, began) <= left_alone(first, time) <= MOST_PAUSE_SECONDS + ROUNDED
    longest = paces.paces(store, ["h.test"])["h.test"].until - pace.asked_at
    assert 3_600 - ROUNDED <= longest <= 3_600 + 2 * ASK_SECONDS + took(store, began)


def test_what_a_host_asks_before_the_first_answer_is_not_lost(begin, time, store: Store) -> None:  # type: ignore[no-untyped-def]
    worker = begin("a")
    worker.recrawl().hear(AskedToWait(host="h.test", status=429))
    worker.look()
    worker.ask()
    time.seconds += ASK_SECONDS
    worker.ask()
    assert paces.paces(store, ["h.test"])["h.test"].times == 1


def test_what_a_host_asks_while_the_store_is_away_is_written_later(begin, time, store: Store) -> None:  # type: ignore[no-untyped-def]
    worker = begin("a")
    recrawl = worker.recrawl()
    worker.ask()
    worker.paces._store = _Away()
    recrawl.hear(AskedToWait(host="h.test", status=429, seconds=60))
    time.seconds += ASK_SECONDS
    worker.look()
    with pytest.raises(RedisConnectionError):
        worker.ask()
    worker.paces.leave(recrawl)
    worker.paces._store = store
    time.seconds += ASK_SECONDS
    worker.paces.ask()
    assert paces.paces(store, ["h.test"])["h.test"].times == 1


# --- lies of a crawl process ---


def test_a_process_that_was_taken_over_names_no_more_than_a_recrawl_may(begin) -> None:  # type: ignore[no-untyped-def]
    recrawl = begin("a").recrawl("h.test")
    for number in range(THE_REST):
        recrawl.hear(Reached(host="h.test", addresses=(f"192.0.2.{number}",)))
    with pytest.raises(MessageRefused, match="more hosts and addresses"):
        recrawl.hear(Reached(host="h.test", addresses=("192.0.2.200",)))
    assert len(recrawl.rows) == THE_REST
    again = begin("b").recrawl("h.test")
    for _ in range(MOST_MESSAGES - 1):
        again.hear(Reached(host="h.test"))
    with pytest.raises(MessageRefused, match="more hosts and addresses"):
        again.hear(Reached(host="h.test"))


def test_a_process_that_was_taken_over_has_other_hosts_left_alone_by_nobody(begin) -> None:  # type: ignore[no-untyped-def]
    recrawl = begin("a").recrawl("h.test")
    recrawl.hear(Reached(host="innocent.test", addresses=(HERE,)))
    for host in ("innocent.test", "never-asked.test"):
        with pytest.raises(MessageRefused, match="a wait of a host that was not asked"):
            recrawl.hear(AskedToWait(host=host, status=429, seconds=3_600))
    assert recrawl.take_waits() == {}


# --- real workers, real servers, one address ---


@contextlib.contextmanager
def loaded_hosts(store: Store, load: Load, count: int, *, files: int) -> Iterator[list[tuple[LoadedHost, str]]]:
    with contextlib.ExitStack() as stack:
        hosts = []
        for _ in range(count):
            host = stack.enter_context(LoadedHost(load, files))
            stack.callback(host.gate.open)
            recrawl_id = recrawls.create(store, "run", an_order(host.host, max_seconds=PATIENCE_SECONDS))
            queues.enqueue_recrawl(store, host.host, recrawl_id, 600)
            hosts.append((host, recrawl_id))
        yield hosts


def all_ended(store: Store, hosts: list[tuple[LoadedHost, str]], files: int) -> bool:
    records = [recrawls.read(store, recrawl_id) for _, recrawl_id in hosts]
    return [(one.state, one.tally.files) for one in records if one] == [(RecrawlState.FINISHED, files)] * len(hosts)


SHARING = {
    "SANDBOX": "off",
    "ALLOW_ADDRESSES": "127.0.0.0/8",
    "OWN_PACE_NETWORKS": "",
    "HEADER_TIMEOUT": "1h",
    "TRANSFER_TIMEOUT": "1h",
}


def test_many_hosts_of_one_worker_at_one_address_have_the_places_of_one(store: Store) -> None:
    load = Load()
    with loaded_hosts(store, load, 4, files=3) as hosts:
        for host, _ in hosts:
            host.gate.open()
        with started_worker(store, "recrawl", "--burst", RECRAWLS_AT_ONCE="4", **SHARING) as worker:
            assert worker.wait(PATIENCE_SECONDS) == 0
        assert all_ended(store, hosts, 3)
    assert load.most <= 2


@pytest.mark.parametrize("places", [1, 2])
def test_two_workers_at_one_address_have_the_places_of_one_host(store: Store, places: int) -> None:
    load = Load()
    settings = {**SHARING, "RECRAWLS_AT_ONCE": "1", "HOST_CONNECTIONS": str(places)}
    with loaded_hosts(store, load, 2, files=10) as hosts, contextlib.ExitStack() as stack:
        workers = [stack.enter_context(started_worker(store, "recrawl", "--burst", **settings)) for _ in range(2)]
        assert eventually(lambda: len(store.hkeys(keys.address(ADDRESS))) == 2)
        for host, _ in hosts:
            host.gate.open()
        for worker in workers:
            assert worker.wait(PATIENCE_SECONDS) == 0
        assert all_ended(store, hosts, 10)
    assert load.most <= places
