"""The command: `python -m bench.revisit`; with `--write-docs` the table goes into docs/performance.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.crawl import documents, tables
from bench.crawl.rounds import compile_modules
from bench.revisit.site import Site
from bench.revisit.visits import Visited, visit_twice

BYTES_AIM, SECONDS_AIM = 0.02, 0.15


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.revisit", description=sys.modules["bench.revisit"].__doc__)
    parser.add_argument("--files", type=int, default=2_000, help="files of the host (default 2000)")
    parser.add_argument("--bytes", type=int, default=100_000, help="bytes of each (default 100000)")
    parser.add_argument("--mbit", type=float, default=20, help="rate of its link, in Mbit/s (default 20)")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]  # it would take part, too
    compile_modules()
    site = Site(given.files, given.bytes)
    with tempfile.TemporaryDirectory(prefix="ow-") as folder:
        first, second = visit_twice(site, given.mbit * 10**6, Path(folder))
    text = table(site, given.mbit, first, second)
    print(text)
    if given.write_docs:
        documents.put("figures of bench.revisit", f"Measured {documents.machine()}; one run.\n\n{text}")
    return 0


def table(site: Site, mbit: float, first: Visited, second: Visited) -> str:
    """Return the table of both visits, with their ratios and the aims."""
    rows = [
        _row(
            "bytes over the link",
            f"{first.link_bytes:,}",
            f"{second.link_bytes:,}",
            ratio(first, second, "link_bytes"),
            BYTES_AIM,
        ),
        _row(
            "first request to last answer",
            f"{first.served_seconds:.1f} s",
            f"{second.served_seconds:.1f} s",
            ratio(first, second, "served_seconds"),
            SECONDS_AIM,
        ),
        _row(
            "wall, start included",
            f"{first.wall_seconds:.1f} s",
            f"{second.wall_seconds:.1f} s",
            ratio(first, second, "wall_seconds"),
        ),
        _row(
            "CPU, start included",
            f"{first.cpu_seconds:.1f} s",
            f"{second.cpu_seconds:.1f} s",
            ratio(first, second, "cpu_seconds"),
        ),
        _row("files fetched in full", f"{len(first.in_full):,}", f"{len(second.in_full):,}"),
    ]
    head = f"{site.files:,} files of {site.file_bytes:,} bytes, {mbit:g} Mbit/s"
    return tables.table((head, "first visit", "second visit", "ratio", "aim"), rows)


def ratio(first: Visited, second: Visited, measure: str) -> float:
    return float(getattr(second, measure) / getattr(first, measure))


def _row(name: str, first: str, second: str, share: float | None = None, aim: float | None = None) -> tuple[str, ...]:
    said = "" if share is None else f"{share:.1%}"
    if aim is None or share is None:
        return name, first, second, said, ""
    return name, first, second, said, f"{aim:.0%}, {'reached' if share <= aim else '**missed**'}"


if __name__ == "__main__":
    sys.exit(main())
