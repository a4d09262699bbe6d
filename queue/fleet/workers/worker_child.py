"""Begins a worker process of a run: it ties its life to the run's, and then it is `orbweaver worker`.

It imports nothing of ours but what the tie takes, because a run may die while its workers are still importing.
"""

from __future__ import annotations

import runpy
import sys

from orbweaver.crawler.containment import prctl


def main() -> None:
    """End at once when the run is dead, and later with it, however it dies.

    The first argument is the process id of the run, which the run itself has written there: a child that asks the
    kernel who its parent is may ask too late. The others are those of `orbweaver worker`.
    """
    run, *arguments = sys.argv[1:]
    prctl.die_with_parent(int(run))
    sys.argv[1:] = ["worker", *arguments]
    runpy.run_module("orbweaver.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
