"""Measures how long each hostile server of tests/hostile can keep a recrawl, and its costs, one after the other.

For an idle machine: what is only to be measured in seconds is no matter of a test. Ends with 1 if one took too long.

    make bench-hostile                # all of them
    make bench-hostile ACTS="zip_ tls_drips"    # those whose names begin so
"""

from __future__ import annotations

import sys

from hostile import trial
from hostile.act import ACTS
from hostile.expectations import EXPECTED

# Two attempts at a URL, each ended by the deadlines of trial.SETTINGS, take 12 s at most.
MOST_SECONDS = 30.0


def main(beginnings: list[str]) -> int:
    """Attempt each act alone, and print a line for it."""
    quiet = trial.quiet_kilobytes()
    too_slow = 0
    for name in ACTS:
        if beginnings and not name.startswith(tuple(beginnings)):
            continue
        one = trial.attempt(name, quiet, EXPECTED[name].terms, EXPECTED[name].objections)
        said = EXPECTED[name].objections(one)
        if one.seconds > MOST_SECONDS:
            said.append(f"more than {MOST_SECONDS:.0f} s")
        too_slow += bool(said)
        line = f"{name:32} {one.seconds:6.1f} s {one.units:7.0f} units {one.megabytes:6.1f} MB"
        print("  ".join([line, *said]), flush=True)
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
