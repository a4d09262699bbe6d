"""Runs one contestant of bench.hashlist in a process that loads little else, because its memory is measured.

`python -m bench.hashlist_contestant NAME FOLDER COUNT ASKED` says `loaded`, waits for a line, asks, and prints JSON.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.model import DigestSet

BATCH = 1_000
ROUNDS = 3
# Shares of known digests: a crawl's usual batch, one of a host that was reported, and the other end.
SHARES = (0.0, 0.05, 1.0)
# The files with these numbers are on no list.
STRANGE = 10**12
LINE_BYTES = 65

Ask = Callable[[Sequence[DigestSet]], int]


def digest_set(number: int) -> DigestSet:
    """Return the digests of the file of that number."""
    generator = random.Random(number)
    sha256, sha1, md5 = (generator.randbytes(width).hex() for width in (32, 20, 16))
    return DigestSet(md5=md5, sha1=sha1, sha256=sha256, size=generator.randrange(1, 10**7))


def known_sets(folder: Path, kind: str, count: int) -> Iterator[DigestSet]:
    """Yield digest sets that are on the list, from all over it, for ever."""
    picks = random.Random(1)
    if kind == "full":
        while True:
            yield digest_set(picks.randrange(count))
    with (folder / "bare").open("rb") as file:
        while True:
            file.seek(LINE_BYTES * picks.randrange(count))
            yield digest_set(STRANGE).model_copy(
                update={"sha256": file.read(64).decode(), "size": picks.randrange(10**7)}
            )


def batches(folder: Path, kind: str, count: int, share: float, wanted: int) -> Iterator[list[DigestSet]]:
    """Yield batches of digest sets, of which that share is on the list; none is held here once it was given away."""
    known = known_sets(folder, kind, count)
    strange = (digest_set(number) for number in itertools.count(STRANGE + 1))
    hits = round(BATCH * share)
    order = random.Random(count)
    for _ in range(wanted // BATCH):
        is_known = [place < hits for place in range(BATCH)]
        order.shuffle(is_known)
        yield [next(known if one else strange) for one in is_known]


def open_orbweaver(built: Path) -> Ask:
    """Return what asks our own service, which answers with verdicts."""
    service = HashListService(built)
    assert service.health().is_healthy
    return lambda batch: sum(verdict.leading is not None for verdict in service.lookup(batch))


def load_set(source: Path) -> Ask:
    """Return what asks a Python set of bytes."""
    with source.open() as file:
        known = {bytes.fromhex(line) for line in file}
    return lambda batch: sum(bytes.fromhex(one.sha256) in known for one in batch)


def load_dict(source: Path) -> Ask:
    """Return what asks a Python dictionary from bytes to the entry's number."""
    with source.open() as file:
        known = {bytes.fromhex(line): number for number, line in enumerate(file)}
    return lambda batch: sum(known.get(bytes.fromhex(one.sha256)) is not None for one in batch)


def load_threatexchange(source: Path) -> Ask:
    """Return what asks the index that HMA builds for SHA-256."""
    from threatexchange.signal_type.sha256 import VideoSHA256Signal

    with source.open() as file:
        entries = ((line.rstrip("\n"), number) for number, line in enumerate(file))
        index = VideoSHA256Signal.get_index_cls().build(entries)
    return lambda batch: sum(bool(index.query(one.sha256)) for one in batch)


class AskedList(NamedTuple):
    """A list to ask: its kind, its file, and the way to open that."""

    kind: str
    file: str
    open: Callable[[Path], Ask]


CONTESTANTS = {
    "orbweaver": AskedList("bare", "bare.hashes", open_orbweaver),
    "full": AskedList("full", "full.hashes", open_orbweaver),
    "set": AskedList("bare", "bare", load_set),
    "dict": AskedList("bare", "bare", load_dict),
    "threatexchange": AskedList("bare", "bare", load_threatexchange),
}


def anonymous_bytes() -> int:
    """Return this process's own memory, heap and stack; the pages of a mapped file are the page cache's."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not report anonymous memory")


def run(name: str, folder: Path, count: int, asked: int) -> None:
    """Load, say so, wait for a line, ask, and say what it took; this process does nothing else."""
    kind, file, load = CONTESTANTS[name]
    before, start = anonymous_bytes(), time.process_time()
    ask = load(folder / file)
    load_seconds = time.process_time() - start
    # One batch at a time, as a worker has them; those below are made before the clock starts, and take much more.
    made_one = batches(folder, kind, count, 0.5, 20 * BATCH)
    for _ in range(20):
        ask(next(made_one))
    private = anonymous_bytes()
    print("loaded", flush=True)
    sys.stdin.readline()
    rates, wall_rates = [], []
    for share in SHARES:
        made = list(batches(folder, kind, count, share, asked))
        expected = round(BATCH * share) * len(made)
        taken = []
        for _ in range(ROUNDS):
            cpu, wall = time.process_time(), time.perf_counter()
            found = sum(map(ask, made))
            taken.append((time.process_time() - cpu, time.perf_counter() - wall))
            assert found == expected, f"{name} found {found} of {expected}"
        rates.append(len(made) * BATCH / min(cpu for cpu, _ in taken))
        wall_rates.append(len(made) * BATCH / min(wall for _, wall in taken))
    said = {"load_seconds": load_seconds, "bytes_before": before, "private_bytes": private}
    print(json.dumps({**said, "rates": rates, "wall_rates": wall_rates}), flush=True)


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
