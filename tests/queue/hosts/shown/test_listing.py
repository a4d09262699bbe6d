"""Hosts are shown a page at a time, each once, in order and by filter, and a page costs no more with more hosts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from host_fleet import add_host
from orbweaver import settings
from orbweaver.queue.hosts import due, host_store
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.counting import plan_of
from orbweaver.queue.hosts.shown import listing
from orbweaver.queue.hosts.shown.listing import HostFilter, HostOrder
from orbweaver.queue.hosts.shown.situation import HostState
from orbweaver.store import keys
from orbweaver.store.connection import Store

LOADED = settings.load()


def pages(store: Store, chosen: HostFilter, order: HostOrder, size: int) -> Iterator[list[str]]:
    after = None
    while True:
        page = listing.page(store, LOADED, chosen, order, after=after, size=size)
        yield [host.name for host, _ in page.hosts]
        after = page.after
        if after is None:
            return


def names(store: Store, chosen: HostFilter | None = None, order: HostOrder = HostOrder.DUE, size: int = 3) -> list[str]:
    return [name for page in pages(store, chosen or HostFilter(), order, size) for name in page]


@pytest.fixture
def fleet(store: Store) -> Store:
    for number in range(4):
        add_host(store, f"later{number}.test", due_in=3_600.0 * (9 - number))
        add_host(store, f"paused{number}.test", due_in=60)
        add_host(store, f"due{number}.test", due_in=-60.0 * (1 + number))
    add_host(store, "gone.example", due_in=60)
    operator = Operator(store, plan_of(LOADED))
    operator.set("gone.example", {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)})
    for number in range(4):
        operator.pause(f"paused{number}.test", "asked")
    operator.retire("paused3.test")
    claimed = due.claim(store, 2)
    assert [one.name for one in claimed] == ["due3.test", "due2.test"]
    return store


def test_every_host_comes_once_and_in_order_whatever_the_size_of_a_page(fleet: Store) -> None:
    by_due = ["due2.test", "due3.test", "due1.test", "due0.test"]
    by_due += [f"later{number}.test" for number in (3, 2, 1, 0)]
    by_due += ["gone.example", *(f"paused{number}.test" for number in range(4))]
    for size in (1, 2, 5, 50):
        assert names(fleet, size=size) == by_due
        assert names(fleet, order=HostOrder.NAME, size=size) == sorted(by_due)
    assert [host.name for host, _ in listing.found(fleet, LOADED, HostFilter())] == sorted(by_due)
    for place in ("", "x", "w|no number|a.test", "z|1.0|a.test", "n|nan|a.test"):
        listing.page(fleet, LOADED, HostFilter(), HostOrder.DUE, after=place)


def test_a_filter_gives_the_hosts_of_a_state_or_of_a_name_and_no_others(fleet: Store) -> None:
    of_state = {state: set(names(fleet, HostFilter(state=state))) for state in HostState}
    assert of_state[HostState.UNDER_WAY] == {"due2.test", "due3.test"}
    assert of_state[HostState.READY] == {"due0.test", "due1.test"}
    assert of_state[HostState.WAITING] == {f"later{number}.test" for number in range(4)}
    assert of_state[HostState.PAUSED] == {f"paused{number}.test" for number in range(3)}
    assert of_state[HostState.RETIRED] == {"paused3.test"}
    assert of_state[HostState.EXPIRED] == {"gone.example"}
    assert sum(map(len, of_state.values())) == len(host_store.names(fleet))
    for glob, expected in (("later*", 4), ("*3.test", 3), ("gone.example", 1), ("[x", 0), ("*", 13)):
        for order in HostOrder:
            assert len(names(fleet, HostFilter(glob=glob), order)) == expected
    assert names(fleet, HostFilter("*2.test", HostState.PAUSED)) == ["paused2.test"]
    assert len(names(fleet, HostFilter.of_words("Later"))) == 4


def test_a_page_looks_at_so_many_hosts_and_says_where_it_goes_on(fleet: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 2)
    monkeypatch.setattr(host_store, "READ_AT_ONCE", 2)
    chosen = HostFilter(state=HostState.RETIRED)
    first = listing.page(fleet, LOADED, chosen, HostOrder.DUE)
    assert (first.hosts, first.looked_at) == ((), 2)
    assert first.after is not None
    assert names(fleet, chosen) == ["paused3.test"]


def test_a_place_that_somebody_made_up_has_no_other_hosts_read(fleet: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    known, read = listing._ranked, list[str]()

    def ranked(store: Store, part: listing._HostSet, start: int, count: int) -> list[tuple[str, float]]:
        found = known(store, part, start, count)
        read.extend(name for name, _ in found)
        return found

    monkeypatch.setattr(listing, "_ranked", ranked)
    page = listing.page(fleet, LOADED, HostFilter(), HostOrder.DUE, after="n|0.0|a.test")
    assert set(read) == {host.name for host, _ in page.hosts} == set(names(fleet)[-5:])


def test_a_place_is_kept_when_its_host_has_gone_elsewhere(fleet: Store) -> None:
    page = listing.page(fleet, LOADED, HostFilter(), HostOrder.DUE, size=6)
    [*_, (last, _)] = page.hosts
    assert last.name == "later2.test"
    Operator(fleet, plan_of(LOADED)).pause(last.name, "asked")
    rest = listing.page(fleet, LOADED, HostFilter(), HostOrder.DUE, after=page.after)
    assert [host.name for host, _ in rest.hosts][:3] == ["later1.test", "later0.test", "gone.example"]


def test_the_names_of_an_older_release_are_found_once(fleet: Store) -> None:
    before = names(fleet, order=HostOrder.NAME)
    fleet.delete(keys.hosts())
    assert names(fleet, order=HostOrder.NAME) == before
    assert set(fleet.zrange(keys.hosts(), 0, -1, withscores=True)) >= {(b"gone.example", 0.0)}
