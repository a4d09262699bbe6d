"""The store's server is killed ten times while a fleet is at work: no case is lost, and no host is forgotten.

Each kill comes when the hosts have answered some more requests: that is in the middle of crawls, of claims, of matching
and of deliveries, wherever the fleet is then. It takes a minute or two: `make fleet-faults`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import build_list
from orbweaver.queue import queues
from orbweaver.queue.hosts import due, host_store
from orbweaver.queue.queues import QueueName
from orbweaver.store import keys
from orbweaver.store.connection import Store, connect
from orbweaver.store.errors import RefusedForNow
from orbweaver.takedown.cases import case_store
from orbweaver_command import PATIENCE_SECONDS, eventually
from sentinel_servers import HERE, Server
from synthetic_host import Resource, SyntheticHost

pytestmark = pytest.mark.skipif("FLEET_FAULTS" not in os.environ, reason="takes minutes: make fleet-faults")
HOSTS = 24
PAGES = 10
KILLS = 10
# Requests that are answered between two kills.
BETWEEN = (5, 60)
SEED = 12


class Host:
    """A host of some pages in a row, each with a file that nobody knows and one that is known."""

    def __init__(self, number: int) -> None:
        self.known = [b"known file %d of host %d" % (page, number) for page in range(PAGES)]
        resources: dict[str, Resource | tuple[object, ...]] = {}
        for page, known in enumerate(self.known):
            links = f'<a href="/p{page + 1}">n</a> <a href="/k{page}.bin">k</a> <a href="/o{page}.bin">o</a>'
            resources["/" if page == 0 else f"/p{page}"] = ("text/html", links.encode())
            resources[f"/k{page}.bin"] = ("application/zip", known)
            resources[f"/o{page}.bin"] = ("application/zip", b"other file %d of host %d" % (page, number))
        self.server = SyntheticHost(resources, delay=0.03)

    @property
    def cases(self) -> set[str]:
        return {f"{self.server.url}k{page}.bin" for page in range(PAGES)}


@contextlib.contextmanager
def fleet(folder: Path, hosts: list[Host], server: Server) -> Iterator[Path]:
    """A scheduler and workers on a store, with the hosts imported; gives the file of the events."""
    digests = [hashlib.sha256(known).hexdigest() for host in hosts for known in host.known]
    environment = {
        **os.environ,
        "ALLOW_ADDRESSES": "127.0.0.0/8",
        "HOST_CONNECTIONS": "2",
        "RECRAWLS_AT_ONCE": "8",
        "SANDBOX": "off",  # Landlock knows ports only, and the store has one
        "MATCHER_URL": build_list(folder / "list.hashes", digests),
        "TAKEDOWN_SINKS": f"jsonl:{folder / 'events'}",
        "STATE_DIR": str(folder / "state"),
        "STORE_URL": f"redis://{HERE}:{server.port}/0",
    }
    reports = folder / "reports.txt"
    reports.write_text("".join(f"{host.server.url}\n" for host in hosts))
    orbweaver = [sys.executable, "-P", "-m", "orbweaver.cli"]
    subprocess.run([*orbweaver, "reports", "import", str(reports)], env=environment, check=True, capture_output=True)
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "fleet.log").open("wb"))
        for part in (["scheduler"], ["worker", "recrawl"], ["worker", "match", "takedown"]):
            process = subprocess.Popen([*orbweaver, *part], env=environment, stdout=log, stderr=log)
            stack.callback(process.wait, PATIENCE_SECONDS)
            stack.callback(process.terminate)
        yield folder / "events" / "events.jsonl"


def visited(store: Store, hosts: list[Host]) -> bool:
    """Whether the visit of every host has ended, and nothing waits to be asked about or delivered."""
    visits = [host_store.visits(store, host.server.host) for host in hosts]
    queued = queues.waiting_jobs(store, *QueueName)
    return all(visits) and not (queued or due.leases(store) or store.exists(keys.batches(), keys.undelivered()))


@contextlib.contextmanager
def hosts_at_work() -> Iterator[list[Host]]:
    with contextlib.ExitStack() as stack:
        hosts = [Host(number) for number in range(HOSTS)]
        for host in hosts:
            stack.enter_context(host.server)
        yield hosts


def answered(hosts: list[Host]) -> int:
    return sum(len(host.server.requests) for host in hosts)


def assert_nothing_is_lost(store: Store, hosts: list[Host], events: Path) -> str:
    expected = set().union(*(host.cases for host in hosts))
    assert {case.url for case in case_store.all_cases(store)} == expected
    outcomes = [host_store.visits(store, host.server.host)[0].outcome for host in hosts]
    assert outcomes == ["finished"] * HOSTS
    waits = due.due_times(store, [host.server.host for host in hosts])
    assert all(when is not None for when in waits), "each is to be visited again"
    opened = [json.loads(line)["case"]["url"] for line in events.read_text().splitlines()]
    assert set(opened) == expected
    return f"{answered(hosts)} requests; {len(expected)} cases, {len(opened)} events"


def test_a_store_that_is_killed_ten_times_loses_no_case_and_forgets_no_host(
    short_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choose = random.Random(SEED)
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(hosts_at_work())
        server = Server(short_dir, "appendfsync everysec")
        stack.callback(server.kill)
        events = stack.enter_context(fleet(short_dir, hosts, server))
        moments = []
        for _ in range(KILLS):
            moments.append(answered(hosts) + choose.randint(*BETWEEN))
            eventually(lambda: answered(hosts) >= moments[-1])
            server.kill()
            server.start_again()
        store = stack.enter_context(connect(f"redis://{HERE}:{server.port}/0"))
        eventually(lambda: visited(store, hosts))
        said = assert_nothing_is_lost(store, hosts, events)
        with capsys.disabled():
            sys.stdout.write(f"\nkilled after {moments} requests, of {said}\n")


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare of util-linux, for a small disk")
def test_a_full_disk_under_the_store_makes_the_fleet_wait(short_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(hosts_at_work())
        server = Server(short_dir, "appendfsync everysec", on_a_disk_of="32m")
        stack.callback(server.kill)
        events = stack.enter_context(fleet(short_dir, hosts, server))
        store = stack.enter_context(connect(f"redis://{HERE}:{server.port}/0"))
        eventually(lambda: answered(hosts) > 100)
        filler = server.disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        eventually(lambda: refuses_writes(store))
        eventually(lambda: b"the store is away" in (short_dir / "fleet.log").read_bytes())
        filler.unlink()
        eventually(lambda: visited(store, hosts))
        said = assert_nothing_is_lost(store, hosts, events)
        with capsys.disabled():
            sys.stdout.write(f"\nthe disk was full in the middle of {said}\n")


def refuses_writes(store: Store) -> bool:
    try:
        store.set("probe", 1)
    except RefusedForNow:
        return True
    return False
