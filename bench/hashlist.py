"""Measures a local hash list: build, file, lookups a second, private memory; beside what else could hold the digests.

`python -m bench.hashlist [--entries N] [--write-docs]`, ten minutes and 4 GB of memory for 10 million entries. Every
digest is random. Each contestant is a fresh process that is asked the same batches of 1,000 digest sets; a run counts
only when it found exactly what is there. Rates are by CPU time, because other processes may want the same cores.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orbweaver.matcher_client.lists.build import build

from bench.crawl import documents
from bench.hashlist_contestant import CONTESTANTS, SHARES, digest_set

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 10**6
LABELS = {
    "orbweaver": "**Orbweaver**, `hashlist:`",
    "full": "**Orbweaver**, a tenth of the entries, three digests each",
    "set": "Python `set` of bytes",
    "dict": "Python `dict` of bytes",
    "threatexchange": "the index of `threatexchange`, as HMA has it",
}
# What the project wants to reach with 10 million SHA-256 digests.
MOST_FILE_BYTES = 45
MOST_PRIVATE_BYTES = 20 * MEGABYTE
LEAST_RATE = 300_000


@dataclass(frozen=True)
class Built:
    """A list that was built; times in seconds, size in bytes."""

    what: str
    entries: int
    wall_seconds: float
    cpu_seconds: float
    size: int


@dataclass(frozen=True)
class Measured:
    """The costs of a contestant; rates are lookups a second of CPU time and of wall time, one for each of SHARES.

    `private_bytes` is the whole process's memory after it was asked, `bytes_before` before it opened anything.
    """

    load_seconds: float
    bytes_before: int
    private_bytes: int
    rates: list[float]
    wall_rates: list[float]


def write_bare(path: Path, count: int) -> None:
    """Write random SHA-256 digests, one a line."""
    generator = random.Random(count)
    with path.open("w") as file:
        for start in range(0, count, 10_000):
            block = generator.randbytes(32 * min(10_000, count - start))
            file.writelines(f"{block[at : at + 32].hex()}\n" for at in range(0, len(block), 32))


def write_full(path: Path, count: int) -> None:
    """Write rows with three digests, a size, an entry id and a category, as a national list has them."""
    with path.open("w") as file:
        file.write("md5,sha1,sha256,size,entry_id,category,scheme\n")
        for number in range(count):
            one = digest_set(number)
            file.write(f"{one.md5},{one.sha1},{one.sha256},{one.size:07},{number:09},{number % 3 + 1},vics\n")


def build_one(source: Path, what: str, count: int) -> Built:
    """Build a list beside its source."""
    output = source.with_suffix(".hashes")
    wall, cpu = time.perf_counter(), time.process_time()
    report = build([source], output)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert report.entries == count, report
    return Built(what, count, wall, cpu, output.stat().st_size)


def measure(name: str, folder: Path, count: int, asked: int, *, at_once: int = 1) -> list[Measured]:
    """Run a contestant in a fresh process, or in several that begin to ask together."""
    command = [sys.executable, "-m", "bench.hashlist_contestant", name, str(folder), str(count), str(asked)]
    children = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(at_once)
    ]
    are_loaded = [child.stdout is not None and child.stdout.readline() == "loaded\n" for child in children]
    said = [child.communicate("go\n" if all(are_loaded) else "")[0] for child in children]
    if not all(are_loaded) or any(child.returncode for child in children):
        raise RuntimeError(f"{name} did not find what is there")
    return [Measured(**json.loads(one)) for one in said]


def table_of_lists(lists: Sequence[Built]) -> str:
    """Return what building took as a Markdown table."""
    lines = ["| entries | build, wall | build, CPU | file | bytes an entry |", "| --- " * 5 + "|"]
    lines += [
        f"| {one.entries:,}, {one.what} | {one.wall_seconds:.1f} s | {one.cpu_seconds:.1f} s "
        f"| {one.size / MEGABYTE:.1f} MB | {one.size / one.entries:.1f} |"
        for one in lists
    ]
    return "\n".join(lines)


def table_of_contestants(measured: dict[str, Measured]) -> str:
    """Return lookups and memory as a Markdown table, with ratios of ours to the others."""
    ours = measured["orbweaver"]
    heads = [f"{share:.0%} known" for share in SHARES]
    columns = (
        "who",
        "ready after, CPU",
        "private memory",
        "of it before",
        *heads,
        "our memory / its",
        f"our rate / its, {heads[1]}",
    )
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for name, one in measured.items():
        ratios = ["", ""]
        if CONTESTANTS[name].open is not CONTESTANTS["orbweaver"].open:
            ratios = [f"{ours.private_bytes / one.private_bytes:.3f}", f"{ours.rates[1] / one.rates[1]:.2f}"]
        memory = [f"{taken / MEGABYTE:,.1f} MB" for taken in (one.private_bytes, one.bytes_before)]
        rates = [f"{rate:,.0f}" for rate in one.rates]
        values = (LABELS[name], f"{one.load_seconds:.1f} s", *memory, *rates, *ratios)
        lines.append(f"| {' | '.join(values)} |")
    return "\n".join(lines)


def table_of_aims(bare: Built, ours: Measured) -> str:
    """Return what was wanted and whether it is reached."""
    rows = [
        ("file, bytes an entry", f"at most {MOST_FILE_BYTES}", bare.size / bare.entries <= MOST_FILE_BYTES),
        ("private memory", f"at most {MOST_PRIVATE_BYTES // MEGABYTE} MB", ours.private_bytes <= MOST_PRIVATE_BYTES),
        *(
            (f"lookups a second and core, {share:.0%} known", f"at least {LEAST_RATE:,}", rate >= LEAST_RATE)
            for share, rate in zip(SHARES, ours.rates, strict=True)
        ),
    ]
    lines = ["| what | aim | |", "| --- | --- | --- |"]
    lines += [f"| {what} | {aim} | {'reached' if is_reached else '**missed**'} |" for what, aim, is_reached in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.hashlist", description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--asked", type=int, default=200_000, help="digest sets asked about in a round")
    parser.add_argument(
        "--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="NAME", help="beside us"
    )
    parser.add_argument("--folder", type=Path, help="where the temporary files go, 150 bytes an entry")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/")
    given = parser.parse_args()
    counts = {"bare": given.entries, "full": given.entries // 10}
    with tempfile.TemporaryDirectory(prefix="orbweaver-bench-", dir=given.folder) as name:
        folder = Path(name)
        write_bare(folder / "bare", counts["bare"])
        write_full(folder / "full", counts["full"])
        bare = build_one(folder / "bare", "SHA-256 alone", counts["bare"])
        full = build_one(folder / "full", "three digests, size and entry id each", counts["full"])
        measured = {}
        for contestant in dict.fromkeys(("orbweaver", *given.contestants)):
            (measured[contestant],) = measure(contestant, folder, counts[CONTESTANTS[contestant].kind], given.asked)
            print(contestant, measured[contestant], file=sys.stderr, flush=True)
        together = measure("orbweaver", folder, given.entries, given.asked, at_once=os.cpu_count() or 1)
    all_rates = sum(one.wall_rates[1] for one in together)
    all_private = sum(one.private_bytes for one in together)
    text = "\n\n".join(
        (
            table_of_lists((bare, full)),
            table_of_contestants(measured),
            f"{len(together)} processes at once on the same list: {all_rates:,.0f} lookups a second of wall time "
            f"({SHARES[1]:.0%} known), {all_private / MEGABYTE:.1f} MB of private memory together.",
            table_of_aims(bare, measured["orbweaver"]),
        )
    )
    print(text)
    if given.write_docs:
        documents.put("figures of bench.hashlist", f"Measured {documents.machine()}.\n\n{text}")


if __name__ == "__main__":
    main()
