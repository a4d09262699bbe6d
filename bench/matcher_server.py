"""Measures batch lookups through `orbweaver matcher serve` over loopback, beside the same list asked in process.

.venv/bin/python -m bench.matcher_server [entries, default 1000000]

Each client is a process of its own with one connection, as match workers are. Batches of 1,000 digest sets, half of
them known; all three digests are sent and looked up. A round counts only when exactly the known ones are matches.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.open_service import open_service
from orbweaver.model import DigestSet

from bench import hashlist_contestant
from bench.hashlist import write_bare

ASKED = 40_000
ROUNDS = 5
CLIENTS = (1, 4)

Measured = dict[str, list[tuple[float, float, float]]]


@contextmanager
def served(hashes: Path) -> Iterator[tuple[str, int]]:
    """Yield the matcher URL and the process id of a server that was started as a user would."""
    command = [sys.executable, "-P", "-m", "orbweaver.cli", "matcher", "serve"]
    options = ["--hashes", str(hashes), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        url = next(line.split()[-1] for line in process.stdout if line.startswith("answers at "))
        yield f"{url}?canary=none", process.pid
        process.terminate()


def cpu_seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(url: str, batches: list[list[DigestSet]]) -> tuple[int, float]:
    """Return how many were matches, and the CPU seconds that asking took this process."""
    service = open_service(url)
    service.lookup(batches[0][:1])  # connected
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = sum(verdict.leading is not None for batch in batches for verdict in service.lookup(batch))
    after = resource.getrusage(resource.RUSAGE_SELF)
    service.close()
    return found, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def through_server(url: str, pid: int, batches: list[list[DigestSet]], clients: int) -> tuple[float, float, float]:
    """Return digest sets a second, and CPU microseconds a digest set of the clients and of the server."""
    shares = [(url, batches[number::clients]) for number in range(clients)]
    with multiprocessing.get_context("fork").Pool(clients) as pool:
        pool.starmap(ask, [(url, batches[:1])] * clients)  # everybody is there and warm
        server_before, began = cpu_seconds_of(pid), time.perf_counter()
        done = pool.starmap(ask, shares, chunksize=1)
        seconds = time.perf_counter() - began
        server = cpu_seconds_of(pid) - server_before
    assert sum(found for found, _ in done) == ASKED // 2, "not what is known"
    return ASKED / seconds, sum(cpu for _, cpu in done) / ASKED * 1e6, server / ASKED * 1e6


def in_process(hashes: Path, batches: list[list[DigestSet]]) -> tuple[float, float, float]:
    began = time.perf_counter()
    found, cpu = ask(f"hashlist:{hashes}", batches)
    seconds = time.perf_counter() - began
    assert found == ASKED // 2, "not what is known"
    return ASKED / seconds, cpu / ASKED * 1e6, 0.0


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    measured: Measured = {}
    with tempfile.TemporaryDirectory() as name:
        source, built = Path(name) / "bare", Path(name) / "bare.hashes"
        write_bare(source, count)
        build([source], built)
        batches = list(hashlist_contestant.batches(Path(name), "bare", count, 0.5, ASKED))
        with served(built) as (url, pid):
            for _ in range(ROUNDS):
                measured.setdefault("in process", []).append(in_process(built, batches))
                for clients in CLIENTS:
                    label = f"through the server, {clients} connection{'s' * (clients > 1)}"
                    measured.setdefault(label, []).append(through_server(url, pid, batches, clients))

    print(f"{count:,} entries, {ASKED:,} digest sets in batches of 1,000; medians of {ROUNDS} interleaved rounds")
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}\n")
    print("| asked | digest sets a second | client's CPU a digest set | server's CPU a digest set |")
    print("| --- | --- | --- | --- |")
    for label, rounds in measured.items():
        rates = [rate for rate, _, _ in rounds]
        client, server = (statistics.median(column) for column in list(zip(*rounds, strict=True))[1:])
        spread = f"{statistics.median(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})"
        print(f"| {label} | {spread} | {client:.1f} us | {server:.1f} us |")


if __name__ == "__main__":
    main()
