"""Hosts in a real store: record, clock and due time are written together, and their history is bounded."""

from __future__ import annotations

import dataclasses

import pytest
from builders import NOON, an_order
from orbweaver.queue.errors import HostUnreadable
from orbweaver.queue.hosts import due, host_store
from orbweaver.queue.hosts.due import NEVER, VISITS_KEPT, Setting
from orbweaver.queue.hosts.host_clock import HostClock
from orbweaver.queue.hosts.host_record import HostRecord, new_record
from orbweaver.queue.hosts.host_store import VisitRecord
from orbweaver.store import keys
from orbweaver.store.connection import Store


def enter(store: Store, name: str = "h.test", at: float = NEVER, **values: object) -> HostRecord:
    clock = dataclasses.replace(HostClock(), **values)  # type: ignore[arg-type]
    record = new_record(an_order(name), NOON)
    return host_store.change(store, name, lambda _record, _clock: (record, clock, at))


def test_a_host_is_entered_with_its_clock_and_due_time(store: Store) -> None:
    record = enter(store, at=NOON.timestamp(), weight=3.0)
    assert host_store.read_record_of(store, "h.test") == record
    assert host_store.read_clock(store, "h.test").weight == 3
    assert due.due_times(store, ["h.test", "other.test"]) == [NOON.timestamp(), None]
    assert host_store.names(store) == ["h.test"]


def test_a_host_whose_clock_has_only_defaults_is_found(store: Store) -> None:
    for name in ("b.test", "a.test"):
        enter(store, name)
    names = host_store.names(store)
    assert names == [one.name for one in host_store.read_hosts(store, names)] == ["a.test", "b.test"]


def test_a_change_that_another_overtakes_is_decided_again(store: Store) -> None:
    enter(store)
    seen: list[str | None] = []

    def pause(record: HostRecord | None, clock: HostClock) -> tuple[HostRecord, HostClock, float | None]:
        assert record is not None
        seen.append(record.pause)
        if len(seen) == 1:
            other = record.model_copy(update={"pause": "first"})
            store.set(keys.host("h.test"), other.model_dump_json())
        return record.model_copy(update={"pause": f"{record.pause} and second"}), clock, None

    assert host_store.change(store, "h.test", pause).pause == "first and second"
    assert seen == [None, "first"]


def test_a_record_of_a_later_release_is_said_and_never_overwritten(store: Store) -> None:
    enter(store)
    stored = '{"version": 99}'
    store.set(keys.host("h.test"), stored)
    [known] = host_store.read_hosts(store, ["h.test"])
    assert known.record is None
    assert "version 99" in (known.unreadable or "")
    with pytest.raises(HostUnreadable):
        enter(store)
    assert store.get(keys.host("h.test")) == stored.encode()


def test_the_last_visits_are_kept_the_newest_first(store: Store) -> None:
    enter(store, at=NOON.timestamp())
    script = due.setting_script(store)
    for number in range(VISITS_KEPT + 5):
        [held] = due.claim(store, 1)
        visit = VisitRecord(ended_at=NOON, outcome="finished", files=number).model_dump_json(exclude_defaults=True)
        setting = Setting(due=NOON.timestamp(), fields={"v": str(number)}, visit=visit, totals={"finished": 1})
        assert due.set_due(store, script, held.name, setting, fence=held.fence, day="2026-03-01")
    store.lpush(keys.host_visits("h.test"), "not JSON")
    assert [one.files for one in host_store.visits(store, "h.test")] == list(range(VISITS_KEPT + 4, 4, -1))
    assert store.hgetall(keys.visits_of_day("2026-03-01")) == {b"finished": b"15"}
    assert 0 < store.ttl(keys.visits_of_day("2026-03-01")) <= due.TOTALS_KEPT_SECONDS


def test_a_clock_stays_in_the_small_form_of_the_server(store: Store) -> None:
    full = {
        "weight": 12.345,
        "cost": 210.5,
        "hits": 1.2345,
        "days": 123.45,
        "visits": 100,
        "failures": 9,
        "last_visit": NOON.timestamp(),
        "last_case": NOON.timestamp(),
        "outcome": "unreachable",
        "asked_at": NOON.timestamp(),
        "expires_at": NOON.timestamp(),
        "stop": "paused",
        "quiet_hours": "22:00-06:00 America/Argentina/ComodRivadavia",
        "floor_days": 0.5,
        "ceiling_days": 60.0,
        "slack": -1e10,
        "held": "unreadable",
    }
    assert full.keys() | {"last_evidence"} == {one.name for one in dataclasses.fields(HostClock)}
    enter(store, **full)
    assert store.object("encoding", keys.host_clock("h.test")) == b"listpack"
