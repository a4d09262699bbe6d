"""A recrawl of one hostile server in a contained child process, and what it took."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import calibration
import contained
from hostile_server import HONEST, HostileServer
from orbweaver.crawler.containment import sandbox
from orbweaver.model import AccessProfile, Limits, ScopeKind, Tally
from synthetic_host import Resource, SyntheticHost

# Short, so that the whole suite is. Where an honest answer does not come in time, the machine is too busy for them, and
# the same is tried again with all of them as many times longer as PATIENCE says.
SETTINGS: Mapping[str, Any] = {
    "connect_timeout": 1,
    "header_timeout": 1.5,
    "stall_timeout": 1,
    "grace_period": 1,
    "transfer_timeout": 4,
    "slowest_bytes_per_second": 1_024,
    "file_bytes": 30 * 2**20,
    "host_connections": 1,  # so that the honest file comes after the hostile one, on its connection if that is kept
}
DEADLINES = ("connect_timeout", "header_timeout", "stall_timeout", "grace_period", "transfer_timeout")
PATIENCE = (1, 6, 36)
PATIENT = {**SETTINGS, **{name: SETTINGS[name] * PATIENCE[-1] for name in DEADLINES}}
MET_A_DEADLINE = ("fetch.timeout", "fetch.too_slow", "fetch.unreachable", "limit.max_seconds")
AT_ONCE = 4
HASHED = "hashed"
READ = "read as a page"
GIVEN_UP_SECONDS = 600.0
NOTHING = contained.Crawled([], [], Tally(), (), None, 0, 0)  # of a child that died, or did not end


@dataclass(frozen=True)
class Terms:
    """What a recrawl may spend, and its pace."""

    limits: Limits = field(default_factory=lambda: Limits(max_pages=40, max_files=100, max_seconds=300))
    access: AccessProfile = field(default_factory=AccessProfile)


@dataclass(frozen=True)
class Trial:
    """What came of one hostile server.

    `said` is what the record says of the hostile URL, each as "outcome rule"; `others` of other URLs; `hashed` are
    the SHA-256 of all files recorded. `megabytes` is the peak memory above that of a quiet recrawl, `units` are CPU
    time by the measure of tests/calibration.py, `busy_seconds` the same on this machine, and `seconds` are wall time.
    """

    name: str
    said: frozenset[str]
    others: frozenset[str]
    reasons: tuple[str, ...]
    hashed: frozenset[str]
    hashed_here: frozenset[str]
    is_honest_file_hashed: bool
    stopped_by: str | None
    seconds: float
    busy_seconds: float
    units: float
    megabytes: float
    crashes: tuple[str, ...]
    requests: tuple[bytes, ...]

    @property
    def may_have_been_hurried(self) -> bool:
        """Whether a deadline was met: by what was to meet none, if the machine stood still meanwhile."""
        return any(one.endswith(MET_A_DEADLINE) for one in self.said | self.others)


@dataclass(frozen=True)
class _Taken:
    crawled: contained.Crawled
    seconds: float
    busy_seconds: float
    units: float
    crashes: tuple[str, ...]


def recrawl_here(order: contained.Order) -> _Taken:
    """Recrawl in this process, and note what is logged with a traceback, which nobody may get to see."""
    crashes: list[str] = []

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info or record.levelno >= logging.ERROR:
                crashes.append(f"{record.name}: {record.getMessage()[:200]} {record.exc_info}")

    logging.getLogger().addHandler(Watch())
    unit = calibration.unit()
    began, busy = time.monotonic(), time.process_time()
    crawled = contained.crawl_here(order)
    seconds, busy = time.monotonic() - began, time.process_time() - busy
    assert sandbox.is_entered()
    return _Taken(crawled, seconds, busy, busy / max(unit, calibration.unit()), tuple(crashes))


def quiet_kilobytes() -> int:
    """Return the peak memory of a recrawl of an honest host, as large as the honest part of a trial."""
    resources = {
        "/after": Resource("text/html", b'<!DOCTYPE html><a href="/honest.bin">'),
        "/honest.bin": Resource("application/octet-stream", HONEST),
    }
    with SyntheticHost(resources) as host:
        taken = _recrawl(host.url + "after", host.url + "honest.bin", terms=Terms())
    assert len(taken.crawled.sightings) == 1
    assert not taken.crashes
    return taken.crawled.memory_peak


def attempt(name: str, quiet: int, terms: Terms, objections: Callable[[Trial], Sequence[str]]) -> Trial:
    """Report the hostile URL, and after it an honest page and an honest file of the same host.

    `quiet` is what quiet_kilobytes() returned. What has objections and met a deadline is tried again, more patiently:
    how long a deadline is does not change what must come of it.
    """
    for patience in PATIENCE:
        trial = _attempt(name, quiet, terms, patience)
        if not (trial.may_have_been_hurried and objections(trial)):
            break
    return trial


def _attempt(name: str, quiet: int, terms: Terms, patience: int) -> Trial:
    with ExitStack() as stack:
        server = stack.enter_context(HostileServer(name))
        hostile = server.url + server.act.reported[1:]
        honest = server
        if server.act.spoils_server:  # nothing honest can be served by it: another port does
            honest = stack.enter_context(HostileServer("hangs"))
        try:
            taken = _recrawl(hostile, honest.url + "after", honest.url + "honest.bin", terms=terms, patience=patience)
        except AssertionError as error:
            taken = _Taken(NOTHING, GIVEN_UP_SECONDS, 0, 0, (str(error),))
        requests = tuple(server.heads)
    crawled = taken.crawled
    skipped = [one for one in crawled.skips if one.url == hostile]
    said = {f"{one.outcome} {one.rule}" for one in skipped}
    here = frozenset(one.digests.sha256 for one in crawled.sightings if one.url == hostile)
    if here:
        said.add(HASHED)
    return Trial(
        name=name,
        said=frozenset(said or {READ}),
        others=frozenset(f"{one.outcome} {one.rule}" for one in crawled.skips if one.url != hostile),
        reasons=tuple(one.reason for one in crawled.skips),
        hashed=frozenset(one.digests.sha256 for one in crawled.sightings),
        hashed_here=here,
        is_honest_file_hashed=any(
            one.url == honest.url + "honest.bin" and one.digests.sha256 == hashlib.sha256(HONEST).hexdigest()
            for one in crawled.sightings
        ),
        stopped_by=crawled.stopped_by,
        seconds=taken.seconds,
        busy_seconds=taken.busy_seconds,
        units=taken.units,
        megabytes=(crawled.memory_peak - quiet) / 1024,
        crashes=taken.crashes,
        requests=requests,
    )


def _recrawl(*urls: str, terms: Terms, patience: int = PATIENCE[-1]) -> _Taken:
    limits = terms.limits.model_copy(update={"max_seconds": terms.limits.max_seconds * patience})
    settings = {**SETTINGS, **{name: SETTINGS[name] * patience for name in DEADLINES}}
    order = contained.order(*urls, kind=ScopeKind.SITE, limits=limits, terms={"access": terms.access}, **settings)
    taken: _Taken = contained.start(recrawl_here, order).wait(GIVEN_UP_SECONDS)
    return taken


def attempt_all(names: Mapping[str, Terms], objections: Callable[[Trial], Sequence[str]]) -> Iterator[Trial]:
    """Attempt each named act, several at once: most of them only wait."""
    quiet = quiet_kilobytes()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda name: attempt(name, quiet, names[name], objections), names)
