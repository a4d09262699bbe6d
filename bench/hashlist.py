"""Measures a local hash list against a Python set: build, file size, lookups a second, private memory.

.venv/bin/python bench/hashlist.py [entries, default 1000000] [folder for temporary files]

Every digest is random. The service is asked in batches of 1,000 digest sets, half of them known in `mixed`.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from orbweaver.matcher_client.hashlist import HashListService
from orbweaver.matcher_client.list_build import build
from orbweaver.matcher_client.list_format import HashList
from orbweaver.model import DigestSet

BATCH = 1_000
ASKED = 200_000


def anonymous_bytes() -> int:
    """Return this process's anonymous memory: heap and stack, no file pages even when nobody shares them."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not report anonymous memory")


def write_digests(path: Path, count: int) -> None:
    generator = random.Random(count)
    with path.open("w") as file:
        for start in range(0, count, 10_000):
            block = generator.randbytes(32 * min(10_000, count - start))
            file.writelines(f"{block[at : at + 32].hex()}\n" for at in range(0, len(block), 32))


def some_known(path: Path, count: int, wanted: int) -> list[str]:
    # Lines have 65 bytes each, so known digests come from all over the file.
    picks = random.Random(1).choices(range(count), k=wanted)
    with path.open("rb") as file:
        known = []
        for pick in picks:
            file.seek(65 * pick)
            known.append(file.read(64).decode())
    return known


def digest_sets(sha256s: list[str]) -> list[list[DigestSet]]:
    sets = [DigestSet(md5=text[:32], sha1=text[:40], sha256=text, size=1) for text in sha256s]
    return [sets[at : at + BATCH] for at in range(0, len(sets), BATCH)]


def rate(act: Callable[[], int], expected: int) -> float:
    """Return lookups a second, the best of three."""
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        found = act()
        best = max(best, ASKED / (time.perf_counter() - start))
        assert found == expected, (found, expected)
    return best


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    parent = sys.argv[2] if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(dir=parent) as name:
        source, built = Path(name) / "synthetic.txt", Path(name) / "synthetic.hashes"
        write_digests(source, count)

        before = anonymous_bytes()
        start = time.perf_counter()
        build([source], built)
        seconds = time.perf_counter() - start
        size = built.stat().st_size
        print(f"entries               {count:>14,}")
        print(f"build                 {seconds:>14.1f} s   {count / seconds:>12,.0f} entries/s")
        print(f"build heap kept       {(anonymous_bytes() - before) / 2**20:>14.1f} MiB")
        print(f"file                  {size / 1e6:>14.1f} MB  {size / count:>12.2f} bytes/entry")

        generator = random.Random(2)
        known = some_known(source, count, ASKED)
        strange = [generator.randbytes(32).hex() for _ in range(ASKED)]
        raw_known, raw_strange = [bytes.fromhex(t) for t in known], [bytes.fromhex(t) for t in strange]
        hits, misses = digest_sets(known), digest_sets(strange)
        mixed = digest_sets([text for pair in zip(known, strange, strict=True) for text in pair][:ASKED])

        before = anonymous_bytes()
        start = time.perf_counter()
        service = HashListService(built)
        assert service.health().is_healthy
        print(f"open and verify       {time.perf_counter() - start:>14.3f} s")
        hash_list = HashList(built)

        def ask(batches: list[list[DigestSet]]) -> int:
            return sum(verdict.leading is not None for batch in batches for verdict in service.lookup(batch))

        def find(digests: list[bytes]) -> int:
            return sum(1 for digest in digests if hash_list.find("sha256", digest))

        before_asking = anonymous_bytes()
        rates = {
            "service, hits": rate(lambda: ask(hits), ASKED),
            "service, misses": rate(lambda: ask(misses), 0),
            "service, mixed": rate(lambda: ask(mixed), ASKED // 2),
            "find, hits": rate(lambda: find(raw_known), ASKED),
            "find, misses": rate(lambda: find(raw_strange), 0),
        }
        grown = anonymous_bytes() - before_asking
        list_heap = before_asking - before + grown

        before = anonymous_bytes()
        with source.open("rb") as file:
            python_set = {bytes.fromhex(line.decode()) for line in file}
        set_heap = anonymous_bytes() - before

        def ask_set(batches: list[list[DigestSet]]) -> int:
            return sum(bytes.fromhex(asked.sha256) in python_set for batch in batches for asked in batch)

        set_hits, set_misses = rate(lambda: ask_set(hits), ASKED), rate(lambda: ask_set(misses), 0)

    print(f"heap, list            {list_heap / 2**20:>14.1f} MiB (of it {grown / 2**20:.1f} while asking)")
    print(f"heap, Python set      {set_heap / 2**20:>14.1f} MiB {set_heap / count:>12.2f} bytes/entry")
    print(f"file / set's heap     {size / set_heap:>14.2f}")
    for what, value in rates.items():
        print(f"{what:<21} {value:>14,.0f} lookups/s")
    for what, value in (("Python set, hits", set_hits), ("Python set, misses", set_misses)):
        print(f"{what:<21} {value:>14,.0f} lookups/s (hex to bytes included)")
    print(f"service / set, hits   {rates['service, hits'] / set_hits:>14.2f}")
    print(f"service / set, misses {rates['service, misses'] / set_misses:>14.2f}")
    print(f"cores                 {os.cpu_count():>14}, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
