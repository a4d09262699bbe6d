"""Measures cases raised a second, events delivered a second by each sink, and the time from a file to the engine.

`make bench-delivery`, or `python -m bench.delivery [--cases N] [--files N] [--write-docs]`. Everything is on: the
append-only file synced at each write, the sandbox, all four sinks. Meant for an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from statistics import median

from orbweaver.matcher_client.lists import build
from orbweaver.queue.records import batches, deliveries
from orbweaver.store import connection, embedded, keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.delivery import outbox
from orbweaver.takedown.delivery.sinks.opening import names_of

from bench.crawl import documents, tables
from bench.delivery.engine import HERE, Engine, Host, body_of
from bench.rematch import sightings

COMMAND = [sys.executable, "-P", "-m", "orbweaver.cli"]
BATCH = 200
SECRET = f"whsec_{'B' * 43}"


@dataclass(frozen=True)
class Latency:
    """The seconds from the last byte of a file to its event at the engine, of many files."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def p99(self) -> float:
        return sorted(self.seconds)[min(int(len(self.seconds) * 0.99), len(self.seconds) - 1)]


@contextlib.contextmanager
def sinks_of(engine: Engine, folder: Path) -> Iterator[dict[str, str]]:
    """Give the address of a sink of each kind by its name; stream and queue are on a server of their own."""
    with tempfile.TemporaryDirectory(prefix="ow-") as name, embedded.running(Path(name)) as far:
        where = f"unix:{connection.socket_path(far)}"
        yield {
            "jsonl": f"jsonl:{folder / 'events'}",
            "webhook": f"webhook+http://{HERE}:{engine.port}/",
            "stream": f"stream+{where}?stream=cases",
            "rq": f"rq+{where}?queue=engine&function=engine.take",
        }


def environment_of(store: Store, engine: Engine, sinks: Sequence[str], hashes: Path, folder: Path) -> dict[str, str]:
    """Return the environment of workers on a store, with these sinks."""
    return {
        **os.environ,
        "STORE_URL": f"unix://{connection.socket_path(store)}",
        "STATE_DIR": str(folder),
        "MATCHER_URL": f"hashlist:{hashes}",
        "TAKEDOWN_SINKS": " ".join(sinks),
        "SINK_SECRETS": f"{HERE}:{engine.port}=env:ENGINE_SECRET",
        "ENGINE_SECRET": SECRET,
    }


def raised_a_second(store: Store, environment: Mapping[str, str], hashes: Path, count: int) -> float:
    """Have a match worker raise so many cases; returns how many a second, from the first to the last."""
    found = list(sightings(count))
    source = hashes.with_suffix(".txt")
    source.write_text("".join(f"{one.digests.sha256}\n" for one in found))
    build.build([source], hashes)
    with store.pipeline(transaction=True) as pipe:
        pipe.multi()
        for start in range(0, count, BATCH):
            batches.add(store, pipe, "bench", found[start : start + BATCH])
        pipe.execute()
    subprocess.run([*COMMAND, "worker", "match", "--burst"], env=environment, check=True, stderr=subprocess.DEVNULL)
    recorded = [record.recorded_at for one in case_store.all_cases(store) if (record := _record(store, one.case_id))]
    assert len(recorded) == count, len(recorded)
    moments = sorted(one for one in recorded if one is not None)
    # The first batch is not counted: from its end on.
    return (count - BATCH) / (moments[-1] - moments[0]).total_seconds()


def _record(store: Store, case_id: object) -> case_store.CaseRecord | None:
    return case_store.record_of(store, str(case_id))


def delivered_a_second(store: Store, environment: Mapping[str, str], sink: str, event_ids: Sequence[str]) -> float:
    """Have a takedown worker deliver all events to one sink; returns how many a second, from the first to the last."""
    are_waiting = outbox.are_waiting(store, event_ids)
    with store.pipeline(transaction=True) as pipe:
        pipe.multi()
        # The first sink gets them with the jobs that they were raised with.
        again = [event_id for event_id, is_waiting in zip(event_ids, are_waiting, strict=True) if not is_waiting]
        deliveries.note_events(store, pipe, "bench", *again)
        pipe.execute()
    given = {**environment, "TAKEDOWN_SINKS": sink}
    worker = subprocess.Popen([*COMMAND, "worker", "takedown"], env=given, stderr=subprocess.DEVNULL)
    try:
        while outbox.event_ids(store):
            if worker.poll() is not None:
                raise SystemExit(f"the worker ended with {worker.returncode}")
            time.sleep(0.1)
    finally:
        worker.terminate()
        worker.wait()
    [name] = names_of([sink])
    marks = []
    for event_id in event_ids:
        mark = store.hget(keys.event(event_id), name)
        assert mark is not None, f"{sink} has no event {event_id}"
        marks.append(datetime.fromisoformat(connection.text(mark)))
    return (len(marks) - 1) / max((max(marks) - min(marks)).total_seconds(), 0.001)


def latency(files: int, page_seconds: float, folder: Path) -> Latency:
    """Verify a host whose files are all known, with all sinks; returns how long each took to the engine."""
    hashes = folder / "known.txt"
    hashes.write_text("".join(f"{sha256(body_of(number)).hexdigest()}\n" for number in range(files)))
    with Engine() as engine, Host(files, page_seconds) as host, sinks_of(engine, folder) as sinks:
        reports = folder / "reports.txt"
        reports.write_text(f"http://{HERE}:{host.port}/\n")
        environment = {
            **os.environ,
            "TAKEDOWN_SINKS": " ".join(sinks.values()),
            "SINK_SECRETS": f"{HERE}:{engine.port}=env:ENGINE_SECRET",
            "ENGINE_SECRET": SECRET,
        }
        environment.pop("STORE_URL", None)
        options = ["--hashes", str(hashes), "--allow-address", "127.0.0.0/8", "--state", str(folder / "state")]
        done = subprocess.run(
            [*COMMAND, "verify", str(reports), *options], env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()[-2_000:]
        begin = f"http://{HERE}:{host.port}"
        taken = [(engine.arrived.get(begin + path), sent) for path, sent in host.last_byte.items()]
        seconds = tuple(arrived - sent for arrived, sent in taken if arrived is not None)
    assert len(seconds) == files, f"{len(seconds)} of {files} files came to the engine"
    return Latency(seconds)


def measure(cases: int, files: int, page_seconds: float) -> list[tuple[str, str]]:
    """Return the rows of the table."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="ow-") as name:
        folder = Path(name)
        (folder / "store").mkdir()
        with (
            Engine() as engine,
            sinks_of(engine, folder) as sinks,
            embedded.running(folder / "store") as store,
        ):
            hashes = folder / "list.hashes"
            environment = environment_of(store, engine, list(sinks.values()), hashes, folder)
            rate = raised_a_second(store, environment, hashes, cases)
            rows.append(("cases raised a second, one match worker", f"{rate:,.0f}"))
            event_ids = outbox.event_ids(store)
            for kind, address in sinks.items():
                rate = delivered_a_second(store, environment, address, event_ids)
                rows.append((f"events delivered a second by {kind}, one takedown worker", f"{rate:,.0f}"))
    with tempfile.TemporaryDirectory(prefix="ow-") as name:
        found = latency(files, page_seconds, Path(name))
    rows.append((f"from the last byte of a file to the engine, median of {files:,}", f"{found.median:.2f} s"))
    rows.append(("the same, 99th percentile", f"{found.p99:.2f} s"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.delivery", description=__doc__)
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--files", type=int, default=500, help="known files of the host, for the time to the engine")
    parser.add_argument("--page-seconds", type=float, default=8, help="for the workers to start")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    given = parser.parse_args()
    text = tables.table(("what", "measured"), measure(given.cases, given.files, given.page_seconds))
    print(text)
    if given.write_docs:
        size = f"{given.cases:,} cases, {given.files:,} files"
        documents.put("figures of bench.delivery", f"Measured {documents.machine()}; one run, {size}.\n\n{text}")


if __name__ == "__main__":
    main()
