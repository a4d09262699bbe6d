"""Verifies the host twice on one store, and checks at its server what was fetched."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orbweaver.store import embedded

from bench.crawl.rounds import NotTheSame, measure
from bench.revisit.site import Site, path_of

ROOT = Path(__file__).resolve().parent.parent.parent
# Of so many files the list knows one.
KNOWN_EVERY = 500


@dataclass(frozen=True)
class Visited:
    """The cost of one visit: bytes over the link, both ways, and seconds from the first request to the last answer."""

    link_bytes: int
    served_seconds: float
    wall_seconds: float
    cpu_seconds: float
    requests: int
    in_full: tuple[str, ...]
    unchanged: int


@contextlib.contextmanager
def serving(site: Site, bits_a_second: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.revisit.server", str(site.files), str(site.file_bytes), str(bits_a_second)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def visit_twice(site: Site, bits_a_second: float, work: Path) -> tuple[Visited, Visited]:
    """Return what the first visit and the second one cost; raises NotTheSame when one did not see every file."""
    known = work / "known.txt"
    numbers = range(0, site.files, KNOWN_EVERY)
    known.write_text("".join(f"{site.sha256(number)}\n" for number in numbers))
    matched = {path_of(number) for number in numbers}
    every = {path_of(number) for number in range(site.files)}
    with serving(site, bits_a_second) as server, embedded.running(work / "state"):
        assert server.stdout is not None
        port = int(server.stdout.readline())
        first = _visit(server, f"http://127.0.0.1:{port}/", site, work, known)
        second = _visit(server, f"http://127.0.0.1:{port}/", site, work, known)
    if set(first.in_full) != every:
        raise NotTheSame(f"the first visit fetched {len(set(first.in_full))} of {site.files} files")
    if set(second.in_full) != matched or second.unchanged != site.files - len(matched):
        raise NotTheSame(
            f"the second visit fetched {sorted(second.in_full)[:5]}, and {second.unchanged} were unchanged"
        )
    return first, second


def _visit(server: subprocess.Popen[str], start: str, site: Site, work: Path, known: Path) -> Visited:
    reports, said = work / "reports.txt", work / "said.txt"
    reports.write_text(f"{start}\n")
    took = measure(
        [
            *("sh", "-c", 'said="$1"; shift; exec "$@" > "$said" 2>&1', "sh", str(said)),
            *(sys.executable, "-m", "orbweaver.cli", "verify", str(reports), "--hashes", str(known)),
            *("--state", str(work / "state"), "--allow-address", "127.0.0.0/8", "--out", str(work / "out")),
        ]
    )
    if took["exit"] != 0:
        raise NotTheSame(f"orbweaver ended with {took['exit']}: {said.read_text()[-500:]}")
    totals = json.loads((work / "out" / "summary.json").read_text())["totals"]
    if (totals["pages"], totals["files"], totals["failures"]) != (site.pages, site.files, 0):
        raise NotTheSame(f"orbweaver found {totals}")
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write("\n")
    server.stdin.flush()
    seen = json.loads(server.stdout.readline())
    return Visited(
        seen["sent"] + seen["received"],
        seen["last"] - seen["first"],
        took["wall_seconds"],
        took["cpu_seconds"],
        seen["requests"],
        tuple(seen["in_full"]),
        seen["unchanged"],
    )
