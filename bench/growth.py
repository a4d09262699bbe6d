"""Shows that the memory of a recrawl does not grow: with the size of a file, with their number, with that of pages.

`python -m bench.growth [--write-docs]`, some minutes. nginx serves the sites, the recrawl is that of bench.crawl:
sandbox, rules, egress and the real store. A peak is `ru_maxrss` of the crawl process, what it inherited included.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orbweaver.store import embedded

from bench.crawl import corpora, documents, plot, tables
from bench.crawl.contestants import CONTESTANTS
from bench.crawl.rounds import Run, run_once
from bench.crawl.server import serving
from bench.crawl.task import Task

MEGABYTE = 10**6
CACHE = Path(tempfile.gettempdir()) / "orbweaver-bench"
# What is remembered of links (12 to 24 bytes each) and the allocator's breath; a body or a page held is far above.
MOST_GROWTH = 16 * MEGABYTE


@dataclass(frozen=True)
class Series:
    """Sites that differ in one size."""

    name: str
    what: str
    make: Callable[[corpora.Site, float], None]
    sizes: tuple[int, ...]


SERIES = (
    Series("size", "size of one file, MB", corpora.make_one_large, (20, 200, 2_000)),
    Series("tiny", "files of 1 KB", corpora.make_tiny, (1_000, 10_000, 100_000)),
    Series("many", "pages of 4 KB, 20 links each", corpora.make_many_pages, (500, 5_000, 50_000)),
)


@dataclass(frozen=True)
class Grown:
    """The peaks of a series, one a size."""

    series: Series
    runs: tuple[Run, ...]

    @property
    def growth(self) -> int:
        """The last peak, in bytes, over the first."""
        return self.runs[-1].crawl_peak_bytes - self.runs[0].crawl_peak_bytes

    @property
    def is_flat(self) -> bool:
        return self.growth <= MOST_GROWTH


def measure(series: Series, cache: Path, connections: int) -> Grown:
    """Recrawl each site of a series, once, each in a fresh worker."""
    (ours,) = [one for one in CONTESTANTS if one.name == "orbweaver"]
    sites = {size: corpora.prepare(series.name, size, cache, series.make) for size in series.sizes}
    runs = []
    with (
        tempfile.TemporaryDirectory(prefix="orbweaver-bench-") as work,
        serving({str(size): one.folder for size, one in sites.items()}, Path(work) / "nginx", ports_each=1) as nginx,
        embedded.running(Path(work) / "store"),
    ):
        for size, site in sites.items():
            task = Task(
                starts=list(nginx.sites[str(size)]),
                url_list="",
                connections=connections,
                scratch=work,
                state_dir=str(Path(work) / "store"),
            )
            run = run_once(ours, site, task, nginx)
            print(
                f"{series.what}: {size:>7,}  peak {run.crawl_peak_bytes / MEGABYTE:6.1f} MB  {run.wall_seconds:6.1f} s",
                flush=True,
            )
            runs.append(run)
    return Grown(series, tuple(runs))


def table(grown: Sequence[Grown]) -> str:
    """Return the peaks as a Markdown table."""
    rows = [
        (
            one.series.what,
            ", ".join(
                f"{size:,}: {run.crawl_peak_bytes / MEGABYTE:.1f} MB"
                for size, run in zip(one.series.sizes, one.runs, strict=True)
            ),
            f"{one.growth / MEGABYTE:+.1f} MB",
            "reached" if one.is_flat else "**missed**",
        )
        for one in grown
    ]
    aim = f"aim: at most +{MOST_GROWTH // MEGABYTE} MB"
    return tables.table(("a hundred times more of", "peak memory", "growth", aim), rows)


def draw(grown: Sequence[Grown], path: Path) -> None:
    """Write the peaks as SVG."""
    pyplot = plot.open_pyplot()
    figure, axes = pyplot.subplots(1, len(grown), figsize=(4 * len(grown), 3), sharey=True, squeeze=False)
    most = max(run.crawl_peak_bytes for one in grown for run in one.runs) / MEGABYTE
    for axis, one in zip(axes[0], grown, strict=True):
        axis.plot(one.series.sizes, [run.crawl_peak_bytes / MEGABYTE for run in one.runs], marker="o", color="#b3541e")
        axis.set_xscale("log")
        axis.set_ylim(0, most * 1.2)
        axis.set_xlabel(one.series.what, fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("peak memory, MB", fontsize=9)
    plot.save(figure, path)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    names = [one.name for one in SERIES]
    parser.add_argument("--series", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"folder of the sites (default {CACHE})")
    parser.add_argument("--write-docs", action="store_true", help="put table and plot into docs/")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    grown = [measure(one, given.cache, given.connections) for one in SERIES if one.name in given.series]
    text = table(grown)
    draw(grown, given.cache / "growth.svg")
    print(f"\n{text}\n\nplot: {given.cache / 'growth.svg'}")
    if given.write_docs:
        draw(grown, documents.FIGURES / "growth.svg")
        documents.put(
            "figures of bench.growth",
            f"Measured {documents.machine()}; one run each, {given.connections} connections.\n\n{text}\n\n"
            "![Peak memory over the size of a file, the number of files and the number of pages](figures/growth.svg)",
        )
    return 0 if all(one.is_flat for one in grown) else 1


if __name__ == "__main__":
    sys.exit(main())
