"""`orbweaver doctor`: checks kernel, store, matching services and settings, one line each."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import landlockpy
from orbweaver.console.text import count, size
from orbweaver.crawler import reader_proof
from orbweaver.crawler.containment import capabilities, sandbox, system_calls
from orbweaver.crawler.errors import ReadersWrong, SandboxUnavailable
from orbweaver.crawler.fetching.connecting.nat64 import parse_prefixes
from orbweaver.crawler.rules.address_rules import parse_networks
from orbweaver.crawler.rules.scope import WEB_PORTS
from orbweaver.matcher_client.errors import MatcherError
from orbweaver.matcher_client.gate import health_gate, service_health
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.matcher_client.several_services import open_services, rules_of
from orbweaver.model import now
from orbweaver.queue.fleet import capacity
from orbweaver.queue.records import batches, deliveries
from orbweaver.settings import Settings
from orbweaver.store import disk, durability, embedded
from orbweaver.store.connection import Store, tcp_ports
from orbweaver.store.errors import StoreError
from orbweaver.store.opening import open_existing
from orbweaver.takedown.delivery import standing
from orbweaver.takedown.delivery.sinks.opening import open_sinks
from orbweaver.takedown.delivery.standing import SinkStanding, SinkWord
from orbweaver.takedown.errors import TakedownError
from orbweaver.takedown.hosting.locating import locator_of


@dataclass(frozen=True)
class Check:
    """The result of one check, a line of the doctor: `state` is ok, warn or fail."""

    subject: str
    state: str
    finding: str


def examine(settings: Settings) -> Iterator[Check]:
    """Yield a check for everything on which a promise rests."""
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield _readers()
    yield from _kernel(settings)
    in_store = _ServicesInStore()
    yield _disk(settings.state_dir)
    yield from _store(settings, in_store)
    yield from deliveries_in_words(in_store.deliveries)
    yield from _matchers(settings, in_store)
    yield from _settings(settings)
    at_once = capacity.of_this_machine(settings)
    yield Check("recrawls", "ok", f"{at_once.recrawls_at_once} at once on this machine ({at_once.because})")


def _readers() -> Check:
    """Test the readers as every recrawl does: with a reader that is wrong, a host with known files looks clean."""
    try:
        reader_proof.read_samples()
    except ReadersWrong as error:
        return Check("readers", "fail", str(error))
    return Check("readers", "ok", "links, digests, encodings, archives and URLs of fixed samples are read correctly")


def _kernel(settings: Settings) -> Iterator[Check]:
    reason = sandbox.unavailable_reason()
    if reason is None:
        yield Check("kernel", "ok", f"{platform.release()}: Landlock ABI {landlockpy.abi_version()}, seccomp filters")
    else:
        yield Check("kernel", "fail", reason)
    yield from _sandbox(settings)
    swaps = Path("/proc/swaps")
    if swaps.exists() and len(swaps.read_text().splitlines()) > 1:
        yield Check("swap", "warn", "on: memory may reach the disk; encrypt it or set MemorySwapMax=0")
    else:
        yield Check("swap", "ok", "off")


def _sandbox(settings: Settings) -> Iterator[Check]:
    """Enter the sandbox in a child, as every crawl process does, and report each layer."""
    is_on = settings.sandbox == "on"
    entered = _rehearse(settings)
    if isinstance(entered, str):
        yield Check("sandbox", "fail", entered)
        return
    if is_on:
        yield Check("sandbox", "ok", "a test process entered it; every crawl process does before a request")
    else:
        yield Check("sandbox", "warn", "SANDBOX=off: crawl processes can write files; unset it")
    held = capabilities.held()
    meanings = {
        "resource limits": f"{size(settings.memory_bytes)} of address space, CPU time, no core dumps",
        "not dumpable": "no debugger, and no core dump through a pipe",
        "no file writes": "nothing more can be written to files that were open before",
        "no capabilities": f"{held.bit_count()} given up; it is better to run as a user that has none"
        if held
        else "none to give up",
        "Landlock": f"ABI {entered.landlock_abi}: no file can be opened for writing, TCP only to the scope's ports",
        "seccomp": f"{system_calls.count()} system calls allowed, every other refused",
    }
    for layer in sandbox.LAYERS:
        is_in_force = layer in entered.layers
        yield Check(f"layer {layer}", "ok" if is_in_force else "warn", meanings[layer] if is_in_force else "off")


def _rehearse(settings: Settings) -> sandbox.Enforced | str:
    """Return the report of a contained process, or why it could not be contained."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_enter, args=(sender, settings))
    child.start()
    sender.close()
    try:
        entered: sandbox.Enforced | str = receiver.recv()
    except EOFError:
        child.join()
        return f"a test process ended with {child.exitcode} as it entered"
    child.join()
    return entered


def _enter(sender: Connection, settings: Settings) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the sandbox's note about a log that is a file is only for crawls
    try:
        sender.send(
            sandbox.enter(
                tcp_ports=(80, 443),
                memory_bytes=settings.memory_bytes,
                cpu_seconds=60,
                is_on=settings.sandbox == "on",
            )
        )
    except SandboxUnavailable as error:
        sender.send(str(error))


@dataclass
class _ServicesInStore:
    """Matching services and sinks as the store knows them, if it could be read; `waiting` counts batches of files."""

    known: dict[str, service_health.KnownService] = field(default_factory=dict)
    waiting: int = 0
    deliveries: list[SinkStanding] = field(default_factory=list)


def _store(settings: Settings, in_store: _ServicesInStore) -> Iterator[Check]:
    try:
        ports = frozenset[int]()
        if settings.store_url is None and not embedded.has_store(settings.state_dir):
            yield _place_for_a_store(settings.state_dir.expanduser().absolute())
            # The doctor makes no store: before the first verify it tries the server in a temporary directory.
            with tempfile.TemporaryDirectory(prefix="ow-doctor-") as folder, embedded.running(Path(folder)) as store:
                findings = [*durability.inspect(store, settings.store_replicas), durability.prove(store)]
        elif settings.store_url is None:
            with embedded.running(settings.state_dir) as store:
                findings = [*durability.inspect(store, settings.store_replicas), durability.prove(store)]
                _look(store, in_store)
        else:
            with open_existing(settings) as store:
                findings = [*durability.inspect(store, settings.store_replicas)]
                findings.append(durability.prove(store, settings.store_replicas))
                _look(store, in_store)
                ports = tcp_ports(store)
    except StoreError as error:
        yield Check("store", "fail", str(error))
        return
    for finding in findings:
        result = finding.found if finding.is_kept else f"{finding.found}: {finding.mend}"
        yield Check(f"store {finding.what}", "ok" if finding.is_kept else "fail", result)
    yield _rights(settings, ports)


def deliveries_in_words(sinks: Sequence[SinkStanding]) -> Iterator[Check]:
    """Yield a check for each sink that events of this store go to: whether they arrive there."""
    for one in sinks:
        more = "`orbweaver deliveries list` says more"
        if one.parked:
            finding = f"{count(one.parked, 'event')} parked: {more}, `orbweaver deliveries retry` has them tried"
            yield Check("deliveries", "fail", f"{one.sink}: {finding}")
        elif one.word is SinkWord.GONE:
            finding = f"says that it is gone for good, {count(one.waiting, 'event')} to deliver"
            mend = "remove it from TAKEDOWN_SINKS, or mend it and run `orbweaver deliveries retry`"
            yield Check("deliveries", "fail", f"{one.sink} {finding}: {mend}")
        elif one.word is not SinkWord.WELL:
            word = "is down" if one.word is SinkWord.DOWN else "did not take an event"
            yield Check("deliveries", "warn", f"{one.sink} {word}, {count(one.waiting, 'event')} to deliver: {more}")
        else:
            yield Check("deliveries", "ok", f"{one.sink}: {count(one.waiting, 'event')} to deliver")


def _place_for_a_store(state_dir: Path) -> Check:
    """Say whether a store can be made in a directory that has none yet. Raises StateDirUnusable."""
    embedded.refuse_path(state_dir)
    nearest = next(folder for folder in (state_dir, *state_dir.parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        problem = f"none in {state_dir}, and {nearest} cannot be written: choose another directory with --state DIR"
        return Check("store", "fail", problem)
    return Check("store", "ok", f"none in {state_dir} yet: `verify`, `run`, `reports import` and `hosts add` make it")


def _rights(settings: Settings, ports: frozenset[int]) -> Check:
    """Say what a crawl process could do to the store after a host took it over."""
    subject = "store rights"
    if settings.sandbox == "off":
        return Check(subject, "warn", "SANDBOX=off: a crawl process that is taken over can connect to the store")
    if on_the_web := sorted(ports.intersection(WEB_PORTS)):
        return Check(
            subject, "fail", f"port {on_the_web[0]} is a web port, so recrawls are refused: give the store another"
        )
    return Check(subject, "ok", "crawl processes hold no connection to the store and can make none")


def _look(store: Store, in_store: _ServicesInStore) -> None:
    names = list(service_health.read_all(store))
    in_store.known = dict(zip(names, service_health.read(store, names), strict=True))
    in_store.waiting = batches.waiting_count(store)
    in_store.deliveries = standing.sinks(store, deliveries.sinks_of(store))


def _matchers(settings: Settings, in_store: _ServicesInStore) -> Iterator[Check]:
    if not settings.matcher_urls:
        yield Check("matcher", "warn", "MATCHER_URL is not set: give --hashes or --matcher to each command")
        return
    try:
        services = open_services(settings.matcher_urls)
    except MatcherError as error:
        yield Check("matcher", "fail", str(error))
        return
    for service in services:
        try:
            yield _matcher(service, in_store.known.get(service.name, service_health.KnownService()), settings)
        finally:
            service.close()
    if in_store.waiting:
        waiting = f"{in_store.waiting} batches of files wait; they are asked about when a matching service is healthy"
        yield Check("matcher", "warn", waiting)


def _matcher(service: MatchingService, known: service_health.KnownService, settings: Settings) -> Check:
    health = health_gate.check(service, known, rules_of(settings))
    if not health.is_healthy:
        return Check("matcher", "fail", health.complaint)
    version = (health.list_version or "none")[:12]
    entries = "number of entries unknown" if health.entries is None else f"{health.entries} entries"
    facts = f"{service.name}: {entries}, list version {version}"
    if service.canary is None and not isinstance(service, HashListService):
        return Check("matcher", "warn", f"{facts}; no canary: nothing proves that the service has loaded its lists")
    return Check("matcher", "ok", facts)


def _settings(settings: Settings) -> Iterator[Check]:
    try:
        parse_networks(settings.allow_addresses)
    except ValueError as error:
        yield Check("egress", "fail", f"ALLOW_ADDRESSES: {error}")
    else:
        if settings.allow_addresses:
            opened = ", ".join(settings.allow_addresses)
            yield Check("egress", "warn", f"ALLOW_ADDRESSES opens {opened}: for tests and demos only")
        else:
            yield Check("egress", "ok", "only globally routable addresses are fetched")
    try:
        parse_prefixes(settings.nat64_prefixes)
    except ValueError as error:
        yield Check("egress", "fail", f"NAT64_PREFIXES: {error}")
    yield from examine_sinks(settings)
    yield from (Check("hosting", state, finding) for state, finding in locator_of(settings).examine(now()))


def examine_sinks(settings: Settings) -> Iterator[Check]:
    """Yield a check for each sink: whether it can take events now. None is sent."""
    try:
        sinks = open_sinks(settings.takedown_sinks)
    except TakedownError as error:
        yield Check("sinks", "fail", str(error))
        return
    if not sinks:
        yield Check("sinks", "ok", "jsonl in --out, else in the state directory")
    for sink in sinks:
        with contextlib.closing(sink):
            wrong = sink.complaint()
        if wrong is None:
            can = "written" if sink.name.startswith("jsonl:") else "reached; no event was sent"
            yield Check("sinks", "ok", f"{sink.name} can be {can}")
        else:
            yield Check("sinks", "fail" if wrong[0] else "warn", f"{sink.name}: {wrong[1]}")


def _disk(state_dir: Path) -> Check:
    """Say whether the state directory's disk takes files now, and how much space is left; makes no file."""
    folder = disk.nearest_folder(state_dir.expanduser().absolute())
    shortage = disk.shortage(folder)
    if shortage is not None:
        return Check("disk", "fail", f"{shortage}; free space there, or choose another directory with --state DIR")
    room = disk.room_at(folder)
    wrong = disk.complaint(room)
    if wrong is not None:
        where = f"{folder} (mounted at {disk.mount_of(folder)})"
        return Check("disk", "fail" if wrong[0] else "warn", f"{where}: {wrong[1]}")
    return Check("disk", "ok", f"{size(room.free_bytes)} free at {disk.mount_of(folder)}")
