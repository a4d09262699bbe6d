"""The command: `python -m bench.service`; with `--write-docs` table and plot go into docs/."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.crawl import documents, plot
from bench.crawl.rounds import compile_modules
from bench.service import campaign, results
from bench.service.hosts import Hosts

FIGURE = "service.svg"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.service", description=sys.modules["bench.service"].__doc__)
    usual = Hosts()
    parser.add_argument("--minutes", type=float, default=20, help="how long (default 20)")
    parser.add_argument("--hosts", type=int, default=usual.revisited, help=f"hosts (default {usual.revisited})")
    parser.add_argument("--round-seconds", type=float, default=60, help="a round takes so long at least (default 60)")
    parser.add_argument("--seed", type=int, default=usual.seed, help=f"of what is there when (default {usual.seed})")
    parser.add_argument("--write-docs", action="store_true", help="put table and plot into docs/")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    if given.write_docs:
        plot.open_pyplot()  # what is missing is said now, and not after the campaign
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]  # it would take part, too
    compile_modules()
    hosts = Hosts(revisited=given.hosts, seed=given.seed)
    with tempfile.TemporaryDirectory(prefix="ow-") as folder:
        done = campaign.run(
            hosts, Path(folder), seconds=given.minutes * 60, rounds=1, round_seconds=given.round_seconds
        )
    text = f"Measured {documents.machine()}; seed {given.seed}.\n\n{results.text(done)}"
    print(text)
    if given.write_docs:
        results.draw(done, documents.FIGURES / FIGURE)
        what = "Memory of the service, memory and disk of its store, over the minutes of the campaign"
        documents.put("figures of bench.service", f"{text}\n\n![{what}](figures/{FIGURE})")
    return 1 if done.faults else 0


if __name__ == "__main__":
    sys.exit(main())
