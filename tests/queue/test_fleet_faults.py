"""Three machines and one store: one is killed whole, one is cut off for a minute, and nothing is lost.

A machine is a space of process ids of its own, so its workers cannot tell whether those of another are dead but by
their signs of life. It takes minutes, because those signs hold for a minute: `make fleet-faults`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from builders import build_list
from gate import Gate
from orbweaver.queue import queues
from orbweaver.queue.fleet import processes
from orbweaver.queue.queues import QueueName
from orbweaver.store import keys
from orbweaver.store.connection import Store, connect
from orbweaver.takedown.cases import case_store
from orbweaver_command import eventually
from sentinel_servers import HERE, Server
from shared_address import Load, LoadedHost
from synthetic_host import ConversingServer, Resource, SyntheticHost

pytestmark = pytest.mark.skipif("FLEET_FAULTS" not in os.environ, reason="takes minutes: make fleet-faults")
HOSTS_A_MACHINE = 4
IN_A_SPACE_OF_ITS_OWN = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
TAKEN_UP_SECONDS = 120.0
CUT_SECONDS = 75.0


class Relay(ConversingServer):
    """A machine's network to the store: when it is cut nothing comes through, and nobody is told."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self.is_cut = False

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HERE, self._port)
        try:
            await asyncio.wait(
                [asyncio.create_task(self._copy(reader, back)), asyncio.create_task(self._copy(there, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            back.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65_536):
                while self.is_cut:
                    await asyncio.sleep(0.05)
                target.write(piece)
                await target.drain()


class Machine:
    """A scheduler and a worker for each queue, in a space of process ids of their own."""

    def __init__(self, name: str, relay: Relay, environment: dict[str, str], log: Path) -> None:
        self.name, self.relay = name, relay
        orbweaver = f"{sys.executable} -P -m orbweaver.cli"
        script = f"{orbweaver} scheduler & {orbweaver} worker match takedown & {orbweaver} worker recrawl --name {name}"
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [
                "unshare",
                "--user",
                "--map-root-user",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
                "-c",
                script,
            ],
            env={**os.environ, **environment, "STORE_URL": f"redis://{HERE}:{relay.port}/0"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def kill(self) -> None:
        """End all its processes at once, as a power cut does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def jobs(self, store: Store) -> set[str]:
        """Return the ids of the recrawl jobs that it has under way."""
        queue = queues.queue_for(store, QueueName.RECRAWL)
        started = {one.partition(":")[0] for one in queue.started_job_registry.get_job_ids(cleanup=False)}
        found = {job_id: queue.fetch_job(job_id) for job_id in started}
        return {job_id for job_id, job in found.items() if job is not None and job.worker_name == self.name}


class Host:
    """A host with a known file of its own behind a gate; it is asked over one connection at a time."""

    def __init__(self, number: int) -> None:
        self.body = b"known file %d" % number
        self.gate = Gate(Resource("text/html", b'<a href="/known.bin">a</a>'))
        resources = {"/": Resource(None, self.gate.answer), "/known.bin": ("application/zip", self.body)}
        self.server = SyntheticHost(resources)

    @property
    def job_id(self) -> str:
        return queues.recrawl_job_id(self.server.host)

    @property
    def crawls(self) -> int:
        return self.server.paths.count("/")


@contextlib.contextmanager
def fleet(
    folder: Path, servers: Sequence[SyntheticHost], bodies: Sequence[bytes], **changes: str
) -> Iterator[tuple[Store, list[Machine]]]:
    matcher = build_list(folder / "list.hashes", [hashlib.sha256(body).hexdigest() for body in bodies])
    environment = {
        "ALLOW_ADDRESSES": "127.0.0.0/8",
        "SANDBOX": "off",  # Landlock would forbid the relay's port, not its address
        "HOST_CONNECTIONS": "1",
        "HEADER_TIMEOUT": "1h",  # a crawl waits at its gate, and asks no second time
        "TRANSFER_TIMEOUT": "1h",
        "MATCHER_URL": matcher,
        "TAKEDOWN_SINKS": f"jsonl:{folder}",
        "STATE_DIR": str(folder / "state"),
        **changes,
    }
    with contextlib.ExitStack() as stack:
        server = Server(folder, "appendfsync always")
        stack.callback(server.kill)
        store = stack.enter_context(connect(f"redis://{HERE}:{server.port}/0"))
        reports = folder / "reports.txt"
        reports.write_text("".join(f"{server.url}\n" for server in servers))
        command = [sys.executable, "-P", "-m", "orbweaver.cli", "reports", "import", str(reports)]
        here = {**os.environ, **environment, "STORE_URL": f"redis://{HERE}:{server.port}/0"}
        subprocess.run(command, env=here, check=True, stdout=subprocess.DEVNULL)

        def started(name: str, at_once: int) -> Machine:
            relay = stack.enter_context(Relay(server.port))
            given = {**environment, "RECRAWLS_AT_ONCE": str(at_once)}
            machine = Machine(name, relay, given, folder / f"{name}.log")
            stack.callback(machine.kill)
            return machine

        small = [started(name, HOSTS_A_MACHINE) for name in ("one", "two")]
        eventually(lambda: all(len(one.jobs(store)) == HOSTS_A_MACHINE for one in small))
        yield store, [*small, started("three", len(servers))]  # which has room for all


def test_a_machine_dies_and_another_is_cut_off_and_every_host_is_visited(
    short_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shutil.which("unshare"), "util-linux"
    assert processes.kernel()
    hosts = [Host(number) for number in range(3 * HOSTS_A_MACHINE)]
    with contextlib.ExitStack() as stack:
        for host in hosts:
            stack.enter_context(host.server)
            stack.callback(host.gate.open)
        store, (dies, is_cut, stays) = stack.enter_context(
            fleet(short_dir, [host.server for host in hosts], [host.body for host in hosts])
        )
        eventually(lambda: all(len(one.jobs(store)) == HOSTS_A_MACHINE for one in (dies, is_cut, stays)))
        eventually(lambda: sum(host.gate.is_reached for host in hosts) == 3 * HOSTS_A_MACHINE)
        of = {one.name: [host for host in hosts if host.job_id in one.jobs(store)] for one in (dies, is_cut, stays)}
        dies.kill()
        died_at = time.monotonic()
        is_cut.relay.is_cut = True
        for host in of[stays.name]:
            host.gate.open()
        eventually(lambda: any(host.crawls == 2 for host in of[dies.name]))
        taken_up = time.monotonic() - died_at
        for host in hosts:
            if host not in of[is_cut.name]:
                host.gate.open()
        eventually(lambda: time.monotonic() > died_at + CUT_SECONDS)
        is_cut.relay.is_cut = False
        eventually(lambda: all(host.crawls == 2 for host in of[is_cut.name]))
        for host in hosts:
            host.gate.open()
        expected = {f"{host.server.url}known.bin" for host in hosts}
        eventually(lambda: {case.url for case in case_store.all_cases(store)} == expected)
        eventually(lambda: not queues.waiting_jobs(store, QueueName.RECRAWL))
        with capsys.disabled():
            sys.stdout.write(f"\nan abandoned host was taken up again after {taken_up:.0f} s\n")
        assert taken_up <= TAKEN_UP_SECONDS
        assert [host.crawls for host in of[stays.name]] == [1] * HOSTS_A_MACHINE
        assert [host.server.max_connections_seen for host in hosts] == [1] * len(hosts)  # never two crawls at once


# Shorter than a worker waits before it ends its crawl processes: these go on when it is back.
SHORT_CUT_SECONDS = 20.0
PLACES = 2


def test_politeness_is_kept_at_an_address_that_all_machines_share(short_dir: Path) -> None:
    load = Load()
    files = 100
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(LoadedHost(load, files, delay=0.05)) for _ in range(3 * HOSTS_A_MACHINE)]
        changes = {"OWN_PACE_NETWORKS": "", "HOST_CONNECTIONS": str(PLACES)}
        store, machines = stack.enter_context(fleet(short_dir, hosts, [b"0"], **changes))
        dies, is_cut, _ = machines
        for host in hosts:
            host.gate.open()

        eventually(lambda: len(store.hkeys(keys.address(HERE))) == len(machines))
        eventually(lambda: sum(host.paths.count("/") for host in hosts) >= HOSTS_A_MACHINE)
        dies.kill()
        is_cut.relay.is_cut = True
        cut_at = time.monotonic()
        eventually(lambda: time.monotonic() > cut_at + SHORT_CUT_SECONDS)
        is_cut.relay.is_cut = False
        expected = {f"{host.url}0.bin" for host in hosts}
        eventually(lambda: {case.url for case in case_store.all_cases(store)} == expected)
        eventually(lambda: not queues.waiting_jobs(store, QueueName.RECRAWL))
        assert all(len(set(host.paths)) == files + 1 for host in hosts)
    assert load.most <= PLACES
