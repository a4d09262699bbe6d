"""Single lookups a second of the HMA client, with kept connections and without, beside clients that check nothing.

python -m bench.hma [LOOKUPS] [ROUNDS]

The server is the tests' stand-in in a process of its own, on loopback: not HMA. It is asked as fast as it is, which
shows what the client takes, and with HMA_SECONDS for each lookup, one after the other, as HMA itself has been seen to
take them in one process. All ways are interleaved in one run, and a run counts only when exactly the banked ones match.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests
from orbweaver.matcher_client.open_service import open_service
from orbweaver.matcher_client.services.hma_questions import SEED
from orbweaver.model import DigestSet, VerdictResult

ROOT = Path(__file__).resolve().parent.parent
BANKED = 10_000
BATCH = 200
CONNECTIONS = (1, 8)
# 86 to 123 lookups a second were seen of HMA 1.1.7 on a small machine.
HMA_SECONDS = 0.008


def banked() -> list[str]:
    generator = random.Random(BANKED)
    return [generator.randbytes(32).hex() for _ in range(BANKED)]


def digest_sets(count: int) -> list[DigestSet]:
    """Every second one is banked; no two are equal."""
    strange = random.Random(1)
    known = iter(banked())
    sha256s = [next(known) if number % 2 else strange.randbytes(32).hex() for number in range(count)]
    return [DigestSet(md5=text[:32], sha1=text[:40], sha256=text, size=1) for text in sha256s]


def serve(seconds_a_lookup: float, *, repeats_numbers: bool) -> None:
    from stand_ins.hma import HmaServer

    with HmaServer() as server:
        for digest in banked():
            server.state.bank("sha256", digest)
        server.state.build()
        server.state.load()
        server.state.repeats_numbers = repeats_numbers
        server.seconds_a_lookup = seconds_a_lookup
        print(server.port, flush=True)
        sys.stdin.read()


@contextmanager
def server_process(seconds_a_lookup: float, *, repeats_numbers: bool) -> Iterator[int]:
    """Start the stand-in; yields its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.hma", "serve", str(seconds_a_lookup), str(int(repeats_numbers))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def by_orbweaver(port: int, connections: int, asked: Sequence[DigestSet]) -> int:
    """Ask in batches, verdicts and readiness checks included; returns how many matched."""
    service = open_service(f"hma+http://127.0.0.1:{port}?sha256=sha256&connections={connections}&canary=none")
    try:
        batches = (asked[at : at + BATCH] for at in range(0, len(asked), BATCH))
        verdicts = [verdict for batch in batches for verdict in service.lookup(batch)]
    finally:
        service.close()
    return sum(verdict.result is VerdictResult.MATCH for verdict in verdicts)


def by_requests_get(port: int, connections: int, asked: Sequence[DigestSet]) -> int:
    """Ask each with a connection of its own, as the shortest program does; returns how many matched."""
    return _by(lambda digests: bool(requests.get(_url(port), params=_parameters(digests), timeout=30).json()))(
        connections, asked
    )


def by_requests_session(port: int, connections: int, asked: Sequence[DigestSet]) -> int:
    """Ask with a session of `requests` a thread, whose connections are kept; returns how many matched."""
    mine = threading.local()

    def ask(digests: DigestSet) -> bool:
        if not hasattr(mine, "session"):
            mine.session = requests.Session()
        return bool(mine.session.get(_url(port), params=_parameters(digests), timeout=30).json())

    return _by(ask)(connections, asked)


def by_http_client(port: int, connections: int, asked: Sequence[DigestSet]) -> int:
    """Ask with a bare connection a thread, which is kept; returns how many matched."""
    mine = threading.local()

    def ask(digests: DigestSet) -> bool:
        if not hasattr(mine, "connection"):
            mine.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        mine.connection.request("GET", f"/m/lookup?signal_type=sha256&signal={digests.sha256}&seed={SEED}")
        return bool(json.load(mine.connection.getresponse()))

    return _by(ask)(connections, asked)


def _by(ask: Callable[[DigestSet], bool]) -> Callable[[int, Sequence[DigestSet]], int]:
    def all_of(connections: int, asked: Sequence[DigestSet]) -> int:
        with ThreadPoolExecutor(connections) as pool:
            return sum(pool.map(ask, asked))

    return all_of


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/m/lookup"


def _parameters(digests: DigestSet) -> dict[str, str]:
    return {"signal_type": "sha256", "signal": digests.sha256, "seed": SEED}


# By name: how it asks, and whether the server that it asks repeats numbers.
WAYS: dict[str, tuple[Callable[[int, int, Sequence[DigestSet]], int], bool]] = {
    "orbweaver, kept connections": (by_orbweaver, True),
    "orbweaver, a connection a question": (by_orbweaver, False),
    "http.client, kept connections": (by_http_client, True),
    "requests.Session, kept connections": (by_requests_session, True),
    "requests.get, a connection a question": (by_requests_get, False),
}
YARDSTICK = "http.client, kept connections"


def measure(act: Callable[[], int], expected: int) -> tuple[float, float]:
    """Return the seconds of one run, and those of the client's CPU."""
    used, began = time.process_time(), time.perf_counter()
    found = act()
    seconds = time.perf_counter() - began
    assert found == expected, (found, expected)
    return seconds, time.process_time() - used


def main(lookups: int = 800, rounds: int = 2) -> None:
    asked = digest_sets(lookups)
    runs: dict[tuple[float, int, str], list[tuple[float, float]]] = {}
    with ExitStack() as servers:
        ports = {
            (seconds, repeats): servers.enter_context(server_process(seconds, repeats_numbers=repeats))
            for seconds in (0.0, HMA_SECONDS)
            for repeats in (True, False)
        }
        for _ in range(rounds):
            for seconds in (0.0, HMA_SECONDS):
                some = asked if not seconds else asked[:BATCH]
                for connections in CONNECTIONS:
                    for name, (ask, repeats) in WAYS.items():
                        port = ports[seconds, repeats]
                        run = measure(lambda: ask(port, connections, some), len(some) // 2)  # noqa: B023
                        per_lookup = run[0] / len(some), run[1] / len(some)
                        runs.setdefault((seconds, connections, name), []).append(per_lookup)
    print(f"{lookups:,} lookups a run, half of them matches; medians of {rounds} interleaved rounds, least and most")
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(f"| a lookup takes the server | connections | client | lookups a second | client's CPU | / {YARDSTICK} |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (seconds, connections, name), measured in runs.items():
        rates = sorted(1 / run[0] for run in measured)
        plain = statistics.median(1 / run[0] for run in runs[seconds, connections, YARDSTICK])
        print(
            f"| {f'{seconds * 1e3:.0f} ms' if seconds else 'as little as it can'} | {connections} | {name} "
            f"| {statistics.median(rates):,.0f} ({rates[0]:,.0f}-{rates[-1]:,.0f}) "
            f"| {statistics.median(run[1] for run in measured) * 1e3:.2f} ms "
            f"| {statistics.median(rates) / plain:.2f} |"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(float(sys.argv[2]), repeats_numbers=sys.argv[3] == "1")
    else:
        main(*map(int, sys.argv[1:]))
