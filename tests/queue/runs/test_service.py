"""`orbweaver run`: the service of a store, and what others do beside it."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from gate import Gate
from orbweaver.queue.runs import run_lock
from orbweaver.store import embedded, server_lock
from orbweaver.store.connection import Store
from orbweaver_command import PATIENCE_SECONDS, Workplace, eventually, finish
from synthetic_host import Resource, SyntheticHost

KNOWN = b"a known file of the service's tests"
SITE = {"/": ("text/html", b'<a href="/known.bin">a</a>'), "/known.bin": ("application/zip", KNOWN)}
# However busy the machine is, a crawl waits at its gate and asks no second time.
PATIENT = {"HEADER_TIMEOUT": "1h", "TRANSFER_TIMEOUT": "1h"}
_numbers = itertools.count()


@pytest.fixture
def place(short_dir: Path) -> Workplace:
    return Workplace(short_dir)


@pytest.fixture
def hashes(place: Workplace) -> str:
    source = place.write("list.csv", f"sha256,category\n{hashlib.sha256(KNOWN).hexdigest()},1\n")
    built = str(place.folder / "list.hashes")
    assert place.run("hashlist", "build", source, "-o", built).status == 0
    return f"hashlist:{built}"


@contextmanager
def service(place: Workplace, hashes: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    running = place.start("run", "--matcher", hashes, **PATIENT, **settings)
    try:
        with connected(place) as store:
            assert eventually(lambda: run_lock.service(store) and store.scard("rq:workers") == 3)
        yield running
    finally:
        if running.poll() is None:
            running.terminate()
        running.communicate(timeout=PATIENCE_SECONDS)


@contextmanager
def connected(place: Workplace) -> Iterator[Store]:
    eventually(lambda: embedded.has_store(place.state))
    with embedded.running(place.state) as store:
        yield store


def stopped(running: subprocess.Popen[str]) -> str:
    running.terminate()
    _, said = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 0, said
    return said


def verify(place: Workplace, hashes: str, url: str, **settings: str) -> subprocess.Popen[str]:
    reports = place.write(f"reports-{next(_numbers)}.txt", url)
    return place.start("verify", reports, "--matcher", hashes, "--json", **settings)


def test_a_verification_enters_its_hosts_at_the_service_and_starts_no_worker(place: Workplace, hashes: str) -> None:
    gate = Gate(Resource("text/html", SITE["/"][1]))
    with SyntheticHost({**SITE, "/": Resource(None, gate.answer)}) as host, service(place, hashes) as running:
        client = verify(place, hashes, host.url)
        gate.wait_until_reached()
        assert len(place.recrawl_workers()) == 1
        gate.open()
        ran = finish(client)
        assert ran.status == 0, ran.stderr
        said = ran.json()
        assert [case["url"] for case in said["cases"]] == [f"{host.url}known.bin"]
        assert running.poll() is None
        assert "handed back" in stopped(running)
    assert place.processes() == []


def test_the_service_serves_the_console_and_goes_on_where_its_port_is_taken(place: Workplace, hashes: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with service(place, hashes, CONSOLE_LISTEN=address) as running:
            assert f"there is no console at {address} (Address already in use)" in stopped(running)
    with service(place, hashes, CONSOLE_LISTEN="127.0.0.1:0") as running:
        assert running.stderr is not None
        shown = next(line for line in running.stderr if "the console is at" in line)
        answer = requests.get(shown.split()[-1] + "/sign-in", timeout=PATIENCE_SECONDS)
        assert "orbweaver users add NAME --role admin" in answer.text
        assert "handed back" in stopped(running)
    assert place.processes() == []


def test_two_verifications_at_once_get_each_their_own(place: Workplace, hashes: str) -> None:
    with SyntheticHost(SITE) as one, SyntheticHost(SITE) as other, service(place, hashes):
        clients = [verify(place, hashes, host.url) for host in (one, other)]
        said = [finish(client) for client in clients]
        assert [ran.status for ran in said] == [0, 0], [ran.stderr for ran in said]
        for ran, host in zip(said, (one, other), strict=True):
            assert [case["url"] for case in ran.json()["cases"]] == [f"{host.url}known.bin"]
        assert [host.paths.count("/") for host in (one, other)] == [1, 1]


def test_a_verification_waits_for_another_recrawl_of_its_host(place: Workplace, hashes: str) -> None:
    gate = Gate(Resource("text/html", SITE["/"][1]))
    with SyntheticHost({**SITE, "/": Resource(None, gate.answer)}) as host, service(place, hashes):
        first = verify(place, hashes, host.url)
        gate.wait_until_reached()
        second = verify(place, hashes, host.url)
        with connected(place) as store:
            assert eventually(lambda: len(store.keys("orbweaver:run:*:recrawls")) == 2)
        assert host.paths.count("/") == 1
        gate.open()
        assert [finish(client).status for client in (first, second)] == [0, 0]
        assert host.paths.count("/") == 2
        assert host.max_concurrent_requests_seen == 1


def test_a_verification_that_is_stopped_ends_its_own_recrawl_only(place: Workplace, hashes: str) -> None:
    gates = [Gate(Resource("text/html", SITE["/"][1])) for _ in range(2)]
    hosts = [SyntheticHost({**SITE, "/": Resource(None, gate.answer)}) for gate in gates]
    with hosts[0] as one, hosts[1] as other, service(place, hashes):
        stays, ends = verify(place, hashes, one.url), verify(place, hashes, other.url)
        for gate in gates:
            gate.wait_until_reached()
        ends.send_signal(signal.SIGINT)
        ran = finish(ends)
        assert ran.json()["interrupted"] is True
        assert ran.json()["hosts"][0]["state"] == "interrupted"
        assert stays.poll() is None
        gates[0].open()
        ran = finish(stays)
        assert (ran.status, ran.json()["hosts"][0]["state"]) == (0, "finished")
        gates[1].open()


def test_a_verification_with_other_settings_is_refused_and_says_the_mend(place: Workplace, hashes: str) -> None:
    with SyntheticHost(SITE) as host, service(place, hashes):
        ran = finish(verify(place, hashes, host.url, FILE_BYTES="1000"))
        assert ran.status == 1
        assert ran.stderr.count("\n") == 1
        assert "orbweaver run, process" in ran.stderr
        assert "other values of FILE_BYTES: give this command the same, or give it a store of its own" in ran.stderr
        assert host.paths == []


def test_a_store_has_one_service(place: Workplace, hashes: str) -> None:
    with service(place, hashes):
        ran = place.run("run", "--matcher", hashes)
        assert ran.status == 1
        assert "this store is in use by orbweaver run, process" in ran.stderr


def test_a_service_that_was_killed_leaves_nothing_behind_and_the_next_begins_at_once(
    place: Workplace, hashes: str
) -> None:
    gate = Gate(Resource("text/html", SITE["/"][1]))
    with SyntheticHost({**SITE, "/": Resource(None, gate.answer)}) as host:
        with service(place, hashes) as running:
            client = verify(place, hashes, host.url)
            gate.wait_until_reached()
            os.kill(running.pid, signal.SIGKILL)
            running.wait()
            assert eventually(lambda: not place.recrawl_workers())
        with service(place, hashes):
            gate.open()
            ran = finish(client)
        assert (ran.status, ran.json()["hosts"][0]["attempts"]) == (0, 2), ran.stderr


def test_an_embedded_store_that_ends_is_started_again_by_its_service(place: Workplace, hashes: str) -> None:
    gate = Gate(Resource("text/html", SITE["/"][1]))
    with SyntheticHost({**SITE, "/": Resource(None, gate.answer)}) as host, service(place, hashes) as running:
        assert place.run("reports", "import", place.write("reports.txt", host.url)).status == 0
        gate.wait_until_reached()
        [server] = server_lock.servers_at(embedded.data_folder(place.state), embedded.socket_file(place.state))
        os.kill(server, signal.SIGKILL)
        gate.open()
        events = place.state / "events" / "events.jsonl"  # not a command, which would start the server itself
        assert eventually(lambda: events.exists() and f"{host.url}known.bin" in events.read_text())
        assert host.paths.count("/") == 1, "the recrawl waited for its store"
        assert "the embedded store's server had ended, and was started again" in stopped(running)
