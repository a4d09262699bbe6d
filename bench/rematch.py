"""Measures a rematch: retained sightings in the store, a list that comes to know some of them, one worker that asks.

`python -m bench.rematch [--sightings N] [--known N] [--list N] [--write-docs]`, some minutes for a million.

The worker is `orbweaver worker match --burst` in a process that counts, by an audit hook, every attempt to connect, to
send to an address or to resolve a name, but for the store's socket: the promise is that there is none.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orbweaver.matcher_client.lists import build
from orbweaver.model import DigestSet, HttpFacts, Sighting, TlsFacts, now
from orbweaver.queue.matching import rematch
from orbweaver.queue.records import retained, sweeps
from orbweaver.queue.records.sweeps import SweepName
from orbweaver.store import embedded
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store

from bench.crawl import documents, tables

RETAINED_AT_ONCE = 2_000
NETWORK_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"})


def sightings(count: int) -> Iterator[Sighting]:
    """Yield sightings as recrawls of image hosts make them: 2,000 files a host, every digest random."""
    generator = random.Random(count)
    seen_at = now()
    for number in range(count):
        host = f"img{number % 50}.host{number // 2_000}.example"
        folder = f"https://{host}/albums/{number // 100 % 1_000}/"
        url = f"{folder}photo_{generator.getrandbits(40):010x}.jpg"
        size = generator.randrange(10_000, 5_000_000)
        etag = f'"{generator.getrandbits(44):x}-{size:x}"'
        clock = f"{number // 60 % 24:02d}:{number % 60:02d}:{number % 59:02d}"
        yield Sighting(
            url=url,
            final_url=url,
            host=host,
            ip=f"203.0.113.{number // 2_000 % 250}",
            referrer=folder,
            report_ids=(f"R-2026-{number // 2_000:06d}",),
            digests=DigestSet(
                md5=generator.randbytes(16).hex(),
                sha1=generator.randbytes(20).hex(),
                sha256=generator.randbytes(32).hex(),
                size=size,
            ),
            content_type="image/jpeg",
            sniffed_type="image/jpeg",
            http=HttpFacts(
                status=200,
                headers={
                    "etag": etag,
                    "last-modified": f"Tue, 03 Feb 2026 {clock} GMT",
                    "server": "nginx/1.26.2",
                    "date": f"Sun, 22 Nov 2026 {clock} GMT",
                },
                bytes_received=size,
                tls=TlsFacts(is_verified=True, certificate_sha256=f"{number // 2_000:064x}"),
            ),
            seen_at=seen_at,
        )


def retain(store: Store, count: int, known: int, digests: Path) -> float:
    """Retain sightings, write the digests of some to a file; returns our CPU seconds for packing and queueing."""
    spent, every, batch = 0.0, count // known, []
    with digests.open("a") as file:
        for number, one in enumerate(sightings(count)):
            if number % every == 0:
                file.write(f"{one.digests.sha256}\n")
            batch.append(one)
            if len(batch) == RETAINED_AT_ONCE or number + 1 == count:
                began = time.process_time()
                with store.pipeline(transaction=False) as pipe:
                    retained.keep(pipe, batch)
                    pipe.execute()
                spent += time.process_time() - began
                batch = []
    return spent


def work(store_socket: str) -> None:
    """Be the worker, and say at the end what it took: in a process of its own."""
    seen: list[str] = []
    to_the_store = 0

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal to_the_store
        if event == "socket.connect" and arguments[1] == store_socket:
            to_the_store += 1
        elif event in NETWORK_EVENTS:
            seen.append(event)

    sys.addaudithook(listen)
    from orbweaver.cli import main

    sys.argv = ["orbweaver", "worker", "match", "--burst"]
    with contextlib.suppress(SystemExit):
        main()
    assert to_the_store, "the hook hears nothing"
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "peak": peak_bytes(), "requests": seen}), flush=True)


def peak_bytes() -> int:
    """Return this process's peak resident size; `ru_maxrss` would count that of the process that started it."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def measure(count: int, known: int, listed: int, parent: str | None) -> list[tuple[str, str]]:
    """Return what was measured, as rows."""
    with (
        tempfile.TemporaryDirectory(prefix="ow-", dir=parent or "/tmp") as name,
        embedded.running(Path(name)) as store,
    ):
        folder = Path(name)
        source, built = folder / "list.txt", folder / "list.hashes"
        generator = random.Random(7)
        source.write_text("".join(f"{generator.randbytes(32).hex()}\n" for _ in range(listed)))
        empty = int(store.info("memory")["used_memory"])
        packing = retain(store, count, known, source)
        held = int(store.info("memory")["used_memory"]) - empty
        build.build([source], built)
        rematch.start(store, {f"hashlist:{built}": "new"})
        server = store.info("cpu")
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "bench.rematch", "--be-worker", str(folder / "store.sock")],
            env={**os.environ, "STORE_URL": embedded.url_for(folder), "MATCHER_URL": f"hashlist:{built}"},
            cwd=Path(__file__).resolve().parent.parent,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        seconds = time.perf_counter() - began
        after = store.info("cpu")
        worker = json.loads(done.stdout.splitlines()[-1])
        status = sweeps.status(store, SweepName.REMATCH)
        opened = sum(1 for _ in case_store.all_cases(store))
        assert status.is_ended
        assert (status.counts["asked"], opened) == (count, known), (status, opened)
        assert sum(retained.count(store)) == count - known
        server_cpu = sum(float(after[one]) - float(server[one]) for one in ("used_cpu_user", "used_cpu_sys"))
        return [
            ("retained sightings", f"{count:,}"),
            ("store memory", f"{held / 1e6:.0f} MB, {held / count:.0f} bytes a sighting"),
            ("CPU to retain one, with redis-py", f"{packing / count * 1e6:.0f} us"),
            (f"rematch with a list of {listed + known:,}", f"{seconds:.1f} s, {count / seconds:,.0f} a second"),
            ("CPU of the worker", f"{worker['cpu']:.1f} s, {worker['cpu'] / count * 1e6:.0f} us a sighting"),
            ("CPU of the store", f"{server_cpu:.1f} s"),
            ("peak memory of the worker", f"{worker['peak'] / 1e6:.0f} MB"),
            ("new cases", f"{opened:,}"),
            ("attempts to reach anything but the store", f"{len(worker['requests'])}"),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rematch", description=__doc__)
    parser.add_argument("--sightings", type=int, default=1_000_000)
    parser.add_argument("--known", type=int, default=1_000, help="how many of them the list comes to know")
    parser.add_argument("--list", type=int, default=1_000_000, help="other digests of the list")
    parser.add_argument("--folder", help="for the store and the list (default: /tmp)")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--be-worker", metavar="SOCKET", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.be_worker:
        work(given.be_worker)
        return
    text = tables.table(("what", "measured"), measure(given.sightings, given.known, given.list, given.folder))
    print(text)
    if given.write_docs:
        documents.put("figures of bench.rematch", f"Measured {documents.machine()}; one run.\n\n{text}")


if __name__ == "__main__":
    main()
