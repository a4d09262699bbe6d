"""Reads which hosts said that they have had too many requests (429, 503): until when no visit begins, and its pace.

The recrawl workers keep that by host name (`queue.records.paces`). A site has several: it waits while all of those do
that were reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from orbweaver.crawler.rules.urls import host_of
from orbweaver.model import Report
from orbweaver.queue.hosts import host_store
from orbweaver.queue.records import paces
from orbweaver.queue.schedule.explanation import moment_in_words
from orbweaver.queue.schedule.host_pace import MOST_WAIT_SECONDS, HostPace, delay_at
from orbweaver.store.connection import Store

# Of a site with more reported hosts some other one may surely be asked.
MOST_HOSTS: Final = 20


@dataclass(frozen=True, slots=True)
class HostWait:
    """The wait that hosts asked for: `until` is None when one of them may be asked now; `pace` is the slowest.

    `asked_at` is when one of them asked last, in seconds since 1970.
    """

    until: datetime | None
    pace: HostPace
    asked_at: float = 0.0


NO_WAIT: Final = HostWait(None, HostPace())


def waits_of(store: Store, reports: Sequence[Sequence[Report]], at: datetime) -> list[HostWait]:
    """Return what the hosts of each of several lists of reports asked for, in order, in one round trip."""
    hosts = [asked_hosts(some) for some in reports]
    known = paces.paces(store, list(dict.fromkeys(host for some in hosts for host in some)))
    return [_wait([known[host] for host in some], at.timestamp()) if some else NO_WAIT for some in hosts]


def of_hosts(store: Store, names: Sequence[str], at: datetime) -> dict[str, datetime]:
    """Return until when hosts that are revisited are left alone, of those that asked for it."""
    hosts = host_store.read_hosts(store, names)
    waits = waits_of(store, [one.record.reports if one.record else () for one in hosts], at)
    return {host.name: wait.until for host, wait in zip(hosts, waits, strict=True) if wait.until is not None}


def asked_hosts(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return the hosts of reported URLs; none when they are too many to wait for all. Pure."""
    hosts = tuple(dict.fromkeys(host_of(report.url) for report in reports))
    return hosts if len(hosts) <= MOST_HOSTS else ()


def in_words(wait: HostWait, at: datetime) -> str | None:
    """Say how slowly a host is asked, and why; None when it is asked as any other."""
    delay = delay_at(wait.pace, at.timestamp())
    if not delay:
        return None
    asked_at = moment_in_words(datetime.fromtimestamp(wait.pace.asked_at, UTC))
    times = "once" if wait.pace.times == 1 else f"{wait.pace.times} times in a row"
    return f"slowed: it answered 429 or 503 {times}, the last time at {asked_at}; {delay:.2g} s between requests now"


def _wait(known: Sequence[HostPace], at: float) -> HostWait:
    # A clock that has jumped back has left a time behind that is too far away.
    until = min(at + MOST_WAIT_SECONDS, *(one.until for one in known))
    slowest = max(known, key=lambda one: delay_at(one, at))
    asked_at = max(one.asked_at for one in known)
    return HostWait(datetime.fromtimestamp(until, UTC) if until > at else None, slowest, asked_at)
