"""How long a host is left alone is decided from its answers and the moments given, and from nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.fetching.pace.host_delays import (
    FIRST_BACK_OFF_SECONDS,
    MOST_WAIT_SECONDS,
    SLOW_ANSWER_SECONDS,
    HostDelays,
    Reason,
    retry_after_seconds,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

# --- delays and pauses ---


@pytest.mark.parametrize(
    ("delays", "reason"),
    [
        (HostDelays(own_delay=3, robots_delay=2, latency_delay=1), Reason.DELAY),
        (HostDelays(own_delay=2, robots_delay=3, latency_delay=1), Reason.ROBOTS),
        (HostDelays(own_delay=2, robots_delay=1, latency_delay=3), Reason.LATENCY),
    ],
)
def test_the_longest_delay_counts(delays: HostDelays, reason: Reason) -> None:
    delays.start(100.0)

    assert (delays.opens_at, delays.reason) == (103.0, reason)


def test_a_pause_counts_while_it_is_longer_than_the_delay() -> None:
    delays = HostDelays(own_delay=5)
    delays.start(100.0)

    assert delays.note(100.5, seconds=0.5, status=503, retry_after=2)
    assert (delays.opens_at, delays.reason) == (105.0, Reason.DELAY)
    assert delays.note(101.0, seconds=0.1, status=503, retry_after=60)
    assert (delays.opens_at, delays.reason) == (161.0, Reason.RETRY_AFTER)


def test_a_shorter_pause_ends_no_longer_one() -> None:
    delays = HostDelays()
    delays.note(100.0, seconds=0, status=429, retry_after=60)

    assert not delays.note(101.0, seconds=0, status=429, retry_after=1)
    assert delays.opens_at == 160.0


def test_what_is_learnt_is_not_forgotten_and_a_pause_only_after_its_end() -> None:
    assert HostDelays().has_nothing_to_remember(100.0)
    assert not HostDelays(robots_delay=1).has_nothing_to_remember(100.0)
    slow = HostDelays()
    slow.note(100.0, seconds=SLOW_ANSWER_SECONDS + 1, status=200, retry_after=None)
    assert not slow.has_nothing_to_remember(1_000.0)
    busy = HostDelays()
    busy.note(100.0, seconds=0, status=429, retry_after=None)
    assert busy.opens_at == 100.0 + FIRST_BACK_OFF_SECONDS
    busy.note(1_000.0, seconds=0, status=200, retry_after=None)
    assert busy.has_nothing_to_remember(1_000.0)


# --- what Retry-After says ---


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("00000000000000000007", 7),
        ("301", 301),
        ("3601", MOST_WAIT_SECONDS),
        ("9" * 5_000, MOST_WAIT_SECONDS),
        ("0", None),
        ("-1", None),
        ("+5", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("", None),
        ("soon", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW + timedelta(seconds=90)), 90),
        ("Sunday, 01-Mar-26 12:01:30 GMT", 90),  # RFC 850, obsolete but allowed
        ("Sun Mar  1 12:01:30 2026", 90),  # asctime, which has no zone
        (format_datetime(NOW + timedelta(days=90), usegmt=True), MOST_WAIT_SECONDS),
        (format_datetime(NOW - timedelta(seconds=1), usegmt=True), None),
        ("Sun, 01 Mar 99999 12:01:30 GMT", None),
        ("Sun, 01 Mar 99999999999 12:01:30 GMT", None),
        ("Sun, 01 Mar 2026 99999999999999999999:01:30 GMT", None),
        ("Sun, 01 Mar 2026 12:01:30 +9999999999999999", None),
        ("Sun, 99 Mar 2026 12:01:30 GMT", None),
    ],
)
def test_what_retry_after_asks(text: str, seconds: float | None) -> None:
    assert retry_after_seconds(text, NOW) == seconds


@given(st.one_of(st.text(), st.from_regex(r"[A-Z][a-z]{2}, [0-9]+ [A-Z][a-z]{2} [0-9]+ [0-9:]+ ([+-][0-9]+|GMT)")))
def test_no_retry_after_breaks_it(text: str) -> None:
    seconds = retry_after_seconds(text, NOW)

    assert seconds is None or 0 < seconds <= MOST_WAIT_SECONDS
