"""The store shares the places at addresses among workers, and keeps what hosts asked for; in one question a second."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from orbweaver.queue.records import paces
from orbweaver.queue.records.paces import Answer, Filled, Part, Waited
from orbweaver.queue.schedule.host_pace import HostPace, after_wait
from orbweaver.store import keys
from orbweaver.store.connection import Store

ADDRESS = "192.0.2.1"
LASTS = 3_600.0
NUMBERS = itertools.count(1)


def ask(
    store: Store,
    worker: str,
    *has: int,
    places: int = 2,
    hosts: tuple[str, ...] = (),
    waits: dict[str, Waited] | None = None,
    turn: float = 1e9,
    lasts: float = LASTS,
    number: int | None = None,
) -> Answer:
    addresses = {ADDRESS: Filled(*has)} if has else {}
    asked = next(NUMBERS) if number is None else number
    return paces.ask(store, worker, addresses, hosts, number=asked, places=places, lasts=lasts, turn=turn, waits=waits)


def part(store: Store, worker: str, *has: int, places: int = 2, turn: float = 1e9) -> Part:
    return ask(store, worker, *has, places=places, turn=turn).parts[ADDRESS]


def test_who_is_alone_has_all_places_and_who_comes_has_none_that_is_still_filled(store: Store) -> None:
    assert part(store, "a", 2, 1, 1) == (2, 0)
    assert part(store, "b", 0, 1, 1) == (0, 1)
    assert part(store, "a", 2, 1, 1) == (1, 1)  # it is to give one back, and its request has not ended
    assert part(store, "b", 0, 1, 1) == (0, 1)
    assert part(store, "a", 1, 1, 1) == (1, 1)
    assert part(store, "b", 0, 1, 1) == (1, 1)
    assert part(store, "a", 0, 0, 0) == (0, 1)  # it leaves
    assert part(store, "b", 1, 1, 1) == (2, 0)
    part(store, "b", 0, 0, 0)
    assert not store.exists(keys.address(ADDRESS))


def test_a_worker_has_the_places_of_its_recrawls(store: Store) -> None:
    part(store, "a", 0, 3, 3, places=8)
    assert part(store, "b", 0, 1, 1, places=8) == (0, 3)  # the first one had all
    assert part(store, "a", 0, 3, 3, places=8) == (6, 1)
    assert part(store, "b", 0, 1, 1, places=8) == (2, 3)


def test_places_that_are_too_few_go_round_among_those_who_want_one(store: Store) -> None:
    had: dict[str, int] = dict.fromkeys("abc", 0)
    # The turn of a nanosecond is another at each question.
    for _ in range(60):
        for worker in had:
            had[worker] += part(store, worker, 0, 1, 1, places=1, turn=1e-9).places
    assert all(had.values())
    assert part(store, "c", 0, 1, 0, places=1) == (0, 2)


def test_the_entry_of_a_worker_that_asks_no_more_ends_and_so_does_one_of_another_clock(store: Store) -> None:
    part(store, "a", 2, 1, 1)
    key = keys.address(ADDRESS)
    [ends_at] = [int(value.split()[3]) for value in store.hvals(key)]
    for other in (ends_at - 2 * int(LASTS), ends_at + 1_000):
        store.hset(key, "a", f"2 1 1 {other} 1")
        assert part(store, "b", 0, 1, 1) == (2, 0)
        assert store.hkeys(key) == [b"b"]
    store.hset(key, "a", "no entry")
    assert part(store, "b", 0, 1, 1) == (2, 0)
    assert 0 < store.ttl(key) <= LASTS + 1


def test_a_question_that_a_network_held_back_says_nothing_any_more(store: Store) -> None:
    part(store, "a", 0, 1, 1)
    part(store, "b", 0, 1, 1)
    held_back = next(NUMBERS)
    part(store, "a", 2, 1, 1)
    entry = store.hget(keys.address(ADDRESS), "a")
    assert ask(store, "a", 0, 1, 1, number=held_back).parts[ADDRESS].places == 0
    assert ask(store, "a", 0, 0, 0, number=held_back).parts[ADDRESS].places == 0
    assert store.hget(keys.address(ADDRESS), "a") == entry


def test_who_is_alone_has_all_places_whether_it_wants_one_or_not(store: Store) -> None:
    assert part(store, "a", 0, 5, 0) == (2, 0)


workers = st.sampled_from("abcd")
steps = st.lists(st.tuples(workers, st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=30)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.integers(1, 5), steps=steps)
def test_all_workers_together_never_fill_more_places_than_there_are(
    store: Store, places: int, steps: list[tuple[str, int, int, bool]]
) -> None:
    store.delete(keys.address(ADDRESS))
    filled: dict[str, int] = {}
    for worker, recrawls, wanting, keeps in steps:
        still = filled.get(worker, 0) if keeps and recrawls else 0  # who leaves has ended its requests
        allowed = part(store, worker, still, recrawls, min(wanting, recrawls), places=places, turn=1e-9).places
        filled[worker] = max(still, allowed) if recrawls else 0
        assert sum(filled.values()) <= places


# --- hosts that asked to wait ---


def waited(seen: HostPace, at: float, seconds: float | None) -> Waited:
    return Waited(seen, after_wait(seen, at, seconds))


def test_what_a_host_asked_for_is_read_by_all_and_ends(store: Store) -> None:
    now = ask(store, "a").at
    first = waited(HostPace(), now, 60)
    assert ask(store, "a", hosts=("h.test", "o.test"), waits={"h.test": first}).paces == {
        "h.test": first.pace,
        "o.test": HostPace(),
    }
    assert paces.paces(store, ["h.test"]) == {"h.test": first.pace}
    second = waited(first.pace, now + 61, 5)
    assert ask(store, "b", hosts=("h.test",), waits={"h.test": second}).paces["h.test"] == second.pace
    assert second.pace.times == 2
    assert 0 < store.ttl(keys.host_pace("h.test")) < 7_200


def test_of_two_workers_that_heard_a_host_at_once_the_longer_wait_counts(store: Store) -> None:
    now = ask(store, "a").at
    ask(store, "a", waits={"h.test": waited(HostPace(), now, 600)})
    ask(store, "b", waits={"h.test": waited(HostPace(), now + 1, 5)})
    pace = paces.paces(store, ["h.test"])["h.test"]
    assert (pace.until, pace.asked_at) == (now + 600, now + 1)


def test_a_pace_that_cannot_be_read_is_none(store: Store) -> None:
    store.hset(keys.host_pace("h.test"), "until", "soon")
    assert paces.paces(store, ["h.test"]) == {"h.test": HostPace()}


@pytest.mark.parametrize("recrawls", [1, 100])
def test_a_question_is_one_round_trip_whatever_it_asks(store: Store, recrawls: int) -> None:
    addresses = {f"192.0.2.{number}": Filled(0, 1, 1) for number in range(recrawls)}
    hosts = [f"h{number}.test" for number in range(recrawls)]
    before = store.info("commandstats")
    trips = store.info("stats")["total_net_input_bytes"]
    paces.ask(store, "a", addresses, hosts, number=1, places=2, lasts=10, turn=10)
    after = store.info("commandstats")
    assert trips < store.info("stats")["total_net_input_bytes"]
    calls = {name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after}
    assert (calls["cmdstat_eval"], calls["cmdstat_hmget"]) == (1, recrawls)
