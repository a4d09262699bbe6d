"""The command: `python -m bench.policy`; with `--write-docs` tables and plot go into docs/."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from orbweaver.queue.schedule.simulation.visiting import simulate

from bench.crawl import documents
from bench.policy import plot, results
from bench.policy.contestants import CONTESTANTS
from bench.policy.scenarios import SCENARIOS, make

FIGURE = "policy.svg"
KEPT = Path(tempfile.gettempdir()) / "orbweaver-bench" / "policy.jsonl"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.policy", description=sys.modules["bench.policy"].__doc__)
    names, policies = [one.name for one in SCENARIOS], [one.name for one in CONTESTANTS]
    parser.add_argument("--seeds", type=int, default=20, help="worlds of each scenario (default 20)")
    parser.add_argument("--scenarios", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument(
        "--contestants", nargs="+", choices=policies, default=policies, metavar="NAME", help=", ".join(policies)
    )
    parser.add_argument(
        "--results", type=Path, default=KEPT, help=f"file that keeps what was simulated (default {KEPT})"
    )
    parser.add_argument("--go-on", action="store_true", help="keep what is in that file, simulate only what is missing")
    parser.add_argument("--write-docs", action="store_true", help="put tables and plot into docs/")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    given.results.parent.mkdir(parents=True, exist_ok=True)
    if not given.go_on:
        given.results.unlink(missing_ok=True)
    cells = list(results.kept(given.results))
    known = {(cell.scenario, cell.contestant, cell.seed) for cell in cells}
    began = time.process_time()
    for seed in range(1, given.seeds + 1):
        for scenario in (one for one in SCENARIOS if one.name in given.scenarios):
            wanted = [
                one
                for one in CONTESTANTS
                if one.name in given.contestants and (scenario.name, one.name, seed) not in known
            ]
            world = make(scenario, seed) if wanted else None
            for one in wanted:
                cell = results.Cell(scenario.name, one.name, seed, simulate(world, one.begin(world)))
                results.keep(given.results, cell)
                cells.append(cell)
        print(f"seed {seed}: {time.process_time() - began:.0f} s of CPU", flush=True)
    text = "\n\n".join(
        part
        for part in (
            "\n".join(f"- {one.name}: {one.text}." for one in SCENARIOS if one.name in given.scenarios),
            results.ratios(cells),
            results.aims(cells),
            *(results.details(cells, one) for one in SCENARIOS if one.name in given.scenarios),
        )
        if part
    )
    print(f"\n{text}")
    if given.write_docs:
        plot.draw(cells, documents.FIGURES / FIGURE)
        seeds = len({cell.seed for cell in cells})
        documents.put(
            "figures of bench.policy",
            f"Simulated {documents.machine()}; {seeds} seeds, in brackets the interval of 95 %.\n\n{text}\n\n"
            f"![Time to detection of each policy in each scenario, compared with uniform](figures/{FIGURE})",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
