"""The command: `python -m bench.crawl --rounds 5 --write-docs`; a minute is `--rounds 1 --scale 0.1`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.crawl import aims, documents, plot, tables
from bench.crawl.contestants import CONTESTANTS
from bench.crawl.corpora import MAKERS, prepare
from bench.crawl.rounds import Run, middles, run_rounds
from bench.crawl.server import serving

# A short path: the store's socket lives below it.
CACHE = Path(tempfile.gettempdir()) / "orbweaver-bench"
COMMAND = "python -m bench.crawl"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=sys.modules["bench.crawl"].__doc__)
    names = [one.name for one in CONTESTANTS]
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; medians are taken (default 5)")
    parser.add_argument("--corpora", nargs="+", choices=MAKERS, default=list(MAKERS), metavar="NAME")
    parser.add_argument("--contestants", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--scale", type=float, default=1, help="size of the sites, 1 is the full one")
    parser.add_argument("--connections", type=int, default=32, help="of every contestant (default 32)")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"folder of the sites (default {CACHE})")
    parser.add_argument("--results", type=Path, help="where to write all runs as JSON (default: in the cache)")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the plot there")
    parser.add_argument("--write-docs", action="store_true", help="put table and plot into docs/")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    contestants = [one for one in CONTESTANTS if one.name in given.contestants]
    for one in contestants:
        if one.missing:
            sys.exit(one.missing)
    given.cache.mkdir(parents=True, exist_ok=True)
    corpora = [prepare(name, given.scale, given.cache) for name in given.corpora]
    # A proxy from the environment would take part, too.
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    runs: list[Run] = []
    with (
        tempfile.TemporaryDirectory(prefix="orbweaver-bench-") as work,
        serving({one.name: one.folder for one in corpora}, Path(work) / "nginx") as nginx,
    ):
        for run in run_rounds(
            contestants, corpora, nginx, Path(work), rounds=given.rounds, connections=given.connections
        ):
            print(
                f"{run.corpus:6} {run.contestant:15} wall {run.wall_seconds:6.2f} s  CPU {run.cpu_seconds:6.2f} s  "
                f"peak {run.peak_bytes / 10**6:6.0f} MB  {run.requests} requests",
                flush=True,
            )
            runs.append(run)
    results = middles(runs)
    judged = aims.judge(results)
    file = given.results or given.cache / "results.json"
    file.write_text(json.dumps([asdict(one) for one in runs], indent=1))
    text = "\n\n".join(
        filter(
            None, [tables.results(corpora, results), tables.two_hosts(results), tables.aims(judged) if judged else ""]
        )
    )
    print(f"\n{text}\n\nall runs: {file}")
    if given.plot:
        plot.draw(results, given.plot)
    if given.write_docs:
        plot.draw(results, documents.FIGURES / "crawl.svg")
        documents.put("figures of bench.crawl", _for_documents(given, text))
    return 0


def _for_documents(given: argparse.Namespace, text: str) -> str:
    return (
        f"Measured {documents.machine()}; medians of {given.rounds} interleaved rounds, least and most in brackets, "
        f"{given.connections} connections each; scale {given.scale:g}.\n\n{text}\n\n"
        "![Wall time, CPU and peak memory of each contestant on each site](figures/crawl.svg)"
    )


if __name__ == "__main__":
    sys.exit(main())
