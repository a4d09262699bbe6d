"""The command: `python -m bench.detection`; with `--write-docs` table and plot go into docs/."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.crawl import documents, plot
from bench.crawl.rounds import compile_modules
from bench.detection import results, running
from bench.detection.trial import Trial

FIGURE = "detection.svg"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.detection", description=sys.modules["bench.detection"].__doc__
    )
    usual = Trial()
    parser.add_argument("--hosts", type=int, default=usual.hosts, help=f"hosts (default {usual.hosts})")
    parser.add_argument("--days", type=int, default=usual.days, help=f"days; a third warms up (default {usual.days})")
    parser.add_argument(
        "--day-seconds", type=float, default=usual.day_seconds, help=f"of one day (default {usual.day_seconds:g})"
    )
    parser.add_argument("--seed", type=int, default=usual.seed, help=f"of hosts and uploads (default {usual.seed})")
    parser.add_argument("--write-docs", action="store_true", help="put table and plot into docs/")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    if given.write_docs:
        plot.open_pyplot()  # what is missing is said now, and not after the campaign
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]  # it would take part, too
    compile_modules()
    trial = Trial(given.hosts, given.days, given.day_seconds, seed=given.seed)
    with tempfile.TemporaryDirectory(prefix="ow-") as folder:
        ran = running.run(trial, Path(folder))
    by_policy = ran.by_policy
    head = (
        f"Measured {documents.machine()}; seed {trial.seed}, {trial.hosts} hosts, {trial.days} days of "
        f"{trial.day_seconds:g} s, {trial.world.budget:g} visits a day for each fleet; all of it took "
        f"{ran.cpu_share:.0%} of the CPU, without the servers of the stores"
    )
    text = results.text(trial, by_policy)
    found_wrong = [line for name, one in by_policy.items() for line in results.faults(trial, name, one)]
    print(
        "\n".join(
            [head, "", text, "", *(found_wrong or ["no visit failed, and every fetched known file became a case"])]
        )
    )
    if given.write_docs:
        results.draw(by_policy, documents.FIGURES / FIGURE)
        said = "".join(f"- {line}\n" for line in found_wrong)
        documents.put(
            "figures of bench.detection",
            f"{head}.\n\n{text}\n\n{said}\n"
            f"![Share of the uploads that were found within so many days, by both policies](figures/{FIGURE})",
        )
    return 1 if found_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
