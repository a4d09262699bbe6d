"""Records and clocks of hosts: what is merged, what is kept over releases, and how small a clock is."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest
from builders import NOON, an_order
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.model import Limits, Report, Scope, ScopeKind
from orbweaver.queue.errors import HostUnreadable, ScheduleRefused
from orbweaver.queue.hosts import host_clock, host_record
from orbweaver.queue.hosts.host_clock import FIELDS, MOST_VALUE_BYTES, HostClock
from orbweaver.queue.hosts.host_record import MOST_REPORTS, VERSION, new_record, read_quiet_hours, read_record
from orbweaver.queue.intake.orders import Order

LATER = NOON + timedelta(days=30)


def ordered(*urls: str, kind: ScopeKind = ScopeKind.HOST, **terms: object) -> Order:
    scope = Scope(kind=kind, name="h.test", limits=Limits(max_seconds=60)).model_copy(update=terms)
    return Order(scope=scope, reports=tuple(Report(url=url) for url in urls))


def test_a_record_is_read_as_it_was_written() -> None:
    record = new_record(an_order(), NOON).model_copy(update={"pause": "asked by the police", "floor_days": 0.5})
    assert read_record("h.test", record.model_dump_json()) == record


def test_a_record_of_an_earlier_release_is_read_with_the_defaults_of_what_it_lacks() -> None:
    old = {"name": "h.test", "scope": {"kind": "host", "name": "h.test"}}
    record = read_record("h.test", json.dumps(old))
    assert (record.version, record.reports, record.pause, record.weight) == (VERSION, (), None, None)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (json.dumps({"version": VERSION + 1, "name": "h.test"}), f"is of version {VERSION + 1}"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        (json.dumps({"version": "1"}), "cannot be read"),
        (json.dumps({"version": 1, "name": "h.test", "scope": {"kind": "moon"}}), r"cannot be read \(scope.kind\)"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_in_one_line(stored: str, said: str) -> None:
    with pytest.raises(HostUnreadable, match=said) as caught:
        read_record("h.test", stored)
    assert "\n" not in str(caught.value)


def test_reports_are_added_once() -> None:
    record = new_record(ordered("http://h.test/a", "http://h.test/a"), NOON)
    grown = host_record.strengthened(record, ordered("http://h.test/a", "http://h.test/b"))
    assert [one.url for one in grown.reports] == ["http://h.test/a", "http://h.test/b"]


def test_of_too_many_reports_the_oldest_go_and_are_counted() -> None:
    scope = Scope(kind=ScopeKind.HOST, name="h.test")
    reports = [
        Report(url=f"http://h.test/{number}", received_at=NOON + timedelta(minutes=number))
        for number in range(MOST_REPORTS + 3)
    ]
    undated = Report(url="http://h.test/undated")
    record = new_record(Order(scope=scope, reports=(undated, *reversed(reports))), NOON)
    assert (len(record.reports), record.reports_left_out) == (MOST_REPORTS, 4)
    assert record.reports[0].url == "http://h.test/4"
    assert undated in record.reports


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # The newer terms count; an expiry that is not given again stays.
        ({"authority": "A", "expires_at": NOON}, {"authority": "A"}, ("A", NOON, ())),
        ({"authority": "A", "expires_at": NOON}, {"authority": "A", "expires_at": LATER}, ("A", LATER, ())),
        # Another authority brings its own expiry, or none.
        ({"authority": "A", "expires_at": NOON}, {"authority": "B"}, ("B", None, ())),
        # Nobody's order takes away no authority, and does not lengthen it.
        ({"authority": "A", "expires_at": NOON}, {"expires_at": LATER}, ("A", NOON, ())),
        ({}, {"authority": "B", "expires_at": LATER}, ("B", LATER, ())),
        ({"expires_at": NOON}, {}, (None, NOON, ())),
    ],
)
def test_the_authority_of_a_host_that_is_ordered_again(
    old: dict[str, object], new: dict[str, object], expected: tuple[object, ...]
) -> None:
    record = host_record.strengthened(new_record(ordered("http://h.test/a", **old), NOON), ordered(**new))
    assert (record.scope.authority, record.scope.expires_at, record.scope.prefixes) == expected


def test_another_authority_has_not_allowed_the_paths_of_the_one_before() -> None:
    before = ordered(kind=ScopeKind.PATH, prefixes=("http://h.test/a/",), authority="A")
    same = ordered(kind=ScopeKind.PATH, prefixes=("http://h.test/b/",), authority="A")
    other = ordered(kind=ScopeKind.PATH, prefixes=("http://h.test/b/",), authority="B")
    record = new_record(before, NOON)
    assert host_record.strengthened(record, same).scope.prefixes == ("http://h.test/a/", "http://h.test/b/")
    assert host_record.strengthened(record, other).scope.prefixes == ("http://h.test/b/",)


@pytest.mark.parametrize("text", ["22:00", "25:00-06:00", "22:60-06:00", "22:00-06:00 Mars/Base", "", "a-b UTC"])
def test_quiet_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ScheduleRefused):
        read_quiet_hours(text)


MOMENTS = st.none() | st.integers(0, 4_000_000_000).map(float)
NUMBERS = st.integers(0, 99_999).map(float)
CLOCKS = st.builds(
    HostClock,
    weight=NUMBERS,
    cost=NUMBERS,
    hits=NUMBERS,
    days=NUMBERS,
    visits=st.integers(0, 10**6),
    failures=st.integers(0, 100),
    last_visit=st.just(0.0) | MOMENTS,
    last_evidence=st.none(),
    last_case=MOMENTS,
    outcome=st.sampled_from([None, "finished", "unreachable"]),
    asked_at=MOMENTS,
    expires_at=MOMENTS,
    stop=st.sampled_from([None, "paused", "retired"]),
    quiet_hours=st.sampled_from([None, "22:00-06:00 America/Argentina/ComodRivadavia"]),
    floor_days=st.none() | NUMBERS,
    ceiling_days=st.none() | NUMBERS,
    slack=st.sampled_from([0.0, 86_400.0, -1e10]),
    held=st.sampled_from([None, "busy", "unreadable"]),
)


@given(CLOCKS, st.booleans())
def test_a_clock_is_read_as_it_was_written_in_short_values(clock: HostClock, is_evidence: bool) -> None:
    if is_evidence:
        clock = dataclasses.replace(clock, last_evidence=clock.last_visit)
    stored = host_clock.packed(clock)
    assert host_clock.unpacked(dict(stored)) == clock
    assert all(len(value.encode()) <= MOST_VALUE_BYTES for value in stored.values())


@given(st.dictionaries(st.sampled_from(sorted(FIELDS.values())) | st.binary(max_size=3), st.binary(max_size=9)))
def test_whatever_a_clock_has_in_the_store_it_is_read(stored: dict[bytes | str, bytes | str]) -> None:
    host_clock.packed(host_clock.unpacked(stored))
