"""Single lookups a second of the HMA client, at 1, 8 and 32 connections, beside requests.get without a session.

python -m bench.hma [LOOKUPS] [ROUNDS]

The server is the tests' stand-in in a process of its own, on loopback: not HMA, and faster. HMA 1.1.7 itself was seen
to make 200 to 400 lookups a second in one process at any number of connections: these are the client's ceiling.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests
from orbweaver.matcher_client.hma_questions import SEED
from orbweaver.matcher_client.services import open_service
from orbweaver.model import DigestSet, VerdictResult

ROOT = Path(__file__).resolve().parent.parent
BANKED = 10_000
BATCH = 200
CONNECTIONS = (1, 8, 32)


def banked() -> list[str]:
    generator = random.Random(BANKED)
    return [generator.randbytes(32).hex() for _ in range(BANKED)]


def digest_sets(count: int) -> list[DigestSet]:
    """Every second one is banked; no two are equal."""
    strange = random.Random(1)
    known = iter(banked())
    sha256s = [next(known) if number % 2 else strange.randbytes(32).hex() for number in range(count)]
    return [DigestSet(md5=text[:32], sha1=text[:40], sha256=text, size=1) for text in sha256s]


def serve() -> None:
    from stand_ins.hma import HmaServer

    with HmaServer() as server:
        for digest in banked():
            server.state.bank("sha256", digest)
        server.state.build()
        server.state.load()
        print(server.port, flush=True)
        sys.stdin.read()


@contextmanager
def server_process() -> Iterator[tuple[int, int]]:
    """Start the stand-in; yields its port and its process id."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.hma", "serve"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.stdin.close()


def cpu_seconds(process_id: int) -> float:
    """User and system time of a process so far, from /proc."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def by_orbweaver(port: int, connections: int, asked: Sequence[DigestSet]) -> int:
    """Ask in batches, verdicts and readiness checks included; returns how many matched."""
    service = open_service(f"hma+http://127.0.0.1:{port}?sha256=sha256&connections={connections}&canary=none")
    try:
        batches = (asked[at : at + BATCH] for at in range(0, len(asked), BATCH))
        verdicts = [verdict for batch in batches for verdict in service.lookup(batch)]
    finally:
        service.close()
    return sum(verdict.result is VerdictResult.MATCH for verdict in verdicts)


def by_requests(port: int, connections: int, asked: Sequence[DigestSet]) -> int:
    """Ask each with a connection of its own, as the shortest program does; returns how many matched."""

    def ask(digests: DigestSet) -> bool:
        parameters = {"signal_type": "sha256", "signal": digests.sha256, "seed": SEED}
        return bool(requests.get(f"http://127.0.0.1:{port}/m/lookup", params=parameters, timeout=30).json())

    with ThreadPoolExecutor(connections) as pool:
        return sum(pool.map(ask, asked))


def measure(act: Callable[[], int], expected: int, server: int) -> tuple[float, float, float]:
    """Return the seconds of one run, those of the client's CPU and those of the server's."""
    served, used, began = cpu_seconds(server), time.process_time(), time.perf_counter()
    found = act()
    seconds = time.perf_counter() - began
    assert found == expected, (found, expected)
    return seconds, time.process_time() - used, cpu_seconds(server) - served


def main(lookups: int = 4_000, rounds: int = 5) -> None:
    asked = digest_sets(lookups)
    ways = {"orbweaver": by_orbweaver, "requests.get": by_requests}
    runs: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    with server_process() as (port, process_id):
        for _ in range(rounds):
            for connections in CONNECTIONS:
                for name, ask in ways.items():
                    run = measure(lambda: ask(port, connections, asked), lookups // 2, process_id)  # noqa: B023
                    runs.setdefault((name, connections), []).append(run)
    print(f"{lookups:,} lookups a run, half of them matches; medians of {rounds} interleaved rounds, least and most")
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| client | connections | lookups a second | client's CPU a lookup | stand-in's CPU a lookup | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    for connections in CONNECTIONS:
        plain = statistics.median(run[0] for run in runs["requests.get", connections])
        for name in ways:
            measured = runs[name, connections]
            rates = sorted(lookups / run[0] for run in measured)
            client, server = (statistics.median(run[at] for run in measured) / lookups for at in (1, 2))
            print(
                f"| {name} | {connections} | {statistics.median(rates):,.0f} ({rates[0]:,.0f}-{rates[-1]:,.0f}) "
                f"| {client * 1e3:.2f} ms | {server * 1e3:.2f} ms "
                f"| {plain / statistics.median(run[0] for run in measured):.2f} |"
            )


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        main(*map(int, sys.argv[1:]))
