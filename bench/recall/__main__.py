"""The command: `python -m bench.recall`; with `--write-docs` the tables go into docs/performance.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from bench.crawl import documents
from bench.recall import results, scores
from bench.recall.contestants import CONTESTANTS, Contestant
from bench.recall.server import Playing, playing
from bench.recall.site import Site
from bench.recall.sites import SITES
from bench.recall.task import Task, read_answer

COMMAND = "python -m bench.recall"
LABELS = {one.name: one.label for one in CONTESTANTS}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=sys.modules["bench.recall"].__doc__)
    names = [one.name for one in CONTESTANTS]
    kinds = list(dict.fromkeys(site.kind for site in SITES))
    parser.add_argument("--contestants", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds, metavar="KIND", help=", ".join(kinds))
    parser.add_argument("--sites", nargs="+", metavar="NAME", help="only the sites of these names")
    parser.add_argument(
        "--missed", action="store_true", help="say which files each missed; ! is what a browser fetches"
    )
    parser.add_argument(
        "--results", type=Path, help="file that keeps the scores; who is in it is not run again unless named"
    )
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/performance.md")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    sites = [one for one in SITES if one.kind in given.kinds and (not given.sites or one.name in given.sites)]
    if not sites:
        sys.exit("no site has such a name")
    # A proxy from the environment would take part, too.
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    found = {one.contestant: one for one in (results.kept(given.results, sites) if given.results else [])}
    left_out = []
    with playing(sites) as played:
        for one in CONTESTANTS:
            if one.name not in given.contestants:
                continue
            if one.missing:
                left_out.append(one.missing)
                print(one.missing, flush=True)
                continue
            began = time.monotonic()
            found[one.name] = attempt(one, sites, played)
            print(f"{one.name}: {time.monotonic() - began:.0f} s", flush=True)
            if given.results:
                results.keep(given.results, sites, found.values())
    in_order = [found[one.name] for one in CONTESTANTS if one.name in found]
    text = scores.by_kind(sites, in_order, LABELS)
    text += "".join(f"\n\n{scores.in_words(sites, one)}" for one in in_order if one.contestant == "orbweaver")
    for one in in_order:
        if given.missed and one.contestant in given.contestants:
            print(f"\nmissed by {one.contestant}:\n{scores.missed(sites, one)}")
        if one.contestant == "chromium" and (wrong := scores.wrong_truth(sites, one)):
            print(f"\nthe truth is wrong about the browser:\n{wrong}")
    print(f"\n{text}")
    if given.write_docs:
        notes = "".join(f"\n{line}." for line in left_out)
        documents.put("figures of bench.recall", f"Measured {documents.machine()}.\n{notes}\n{text}")
    return 0


def attempt(contestant: Contestant, sites: list[Site], played: Playing) -> scores.Score:
    """Let one contestant crawl all sites, and count what it found."""
    played.look()
    with tempfile.TemporaryDirectory(prefix="orbweaver-recall-") as scratch:
        task = Task(starts=played.starts, scratch=scratch)
        contestant.run(task)
        answers = read_answer(task)
    return scores.score(contestant.name, sites, played.look(), answers, by_digest=contestant.name == "orbweaver")


if __name__ == "__main__":
    sys.exit(main())
