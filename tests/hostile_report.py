"""Prints docs/hostile-servers.md: what came of every hostile act, measured now.

Run it as `python tests/hostile_report.py > docs/hostile-servers.md`, on a machine with nothing else to do.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hostile import trial
from hostile.act import ACTS
from hostile.expectations import EXPECTED, MEGABYTES, UNITS
from hostile.trial import SETTINGS, Trial

TITLES = {
    "framing": "Where a body ends",
    "headers": "Status line and headers",
    "timing": "Time",
    "redirects": "Redirects",
    "encodings": "Content-Encoding",
    "tls": "TLS",
    "robots": "robots.txt",
    "documents": "Archives and other documents",
    "content": "Pages, traps and other content",
}
HEAD = """\
# Hostile servers

<!-- Written by `python tests/hostile_report.py`. Change the acts in tests/hostile, not this page. -->

What a crawl process does when a server misbehaves. A real server on loopback plays each of these {count} acts
to a whole recrawl in a sandboxed child process. `tests/crawler/test_hostile_servers.py` does this at every test run. It
fails when

- the URL has another outcome than below, or a digest is recorded of a body that the server did not send completely;
- the honest file that is requested next, on the same connection if it is kept, is not hashed;
- the act takes more than its bounds: {units:,.0f} units of CPU time (a recrawl of an honest host takes about 50, see
  `tests/calibration.py`) and {megabytes:.0f} MB more than a quiet recrawl, unless the table of
  `tests/hostile/expectations.py` says otherwise;
- an error of Orbweaver itself is logged.

The deadlines were short here ({deadlines}); a URL that only a deadline can end is tried twice.

*said* is the outcome and rule in `skipped.jsonl`; *hashed* means a sighting; *s* is wall time, *CPU* is seconds of CPU
time, and *MB* is the peak memory above that of a quiet recrawl.
"""
FOOT = """
## What this does not show

- If an act has many right digests (archives, sitemaps, `data:` URIs), the recorded ones are not compared with them.
- If a host keeps us out (a `robots.txt` that cannot be read, a long pause), or the recrawl's deadline ends the recrawl,
  the honest file is not requested: it is recorded as a failure, or the recrawl is marked as stopped.
- If a surplus answer arrives after the next request was sent, it counts as the answer to that request: no client can
  tell them apart. It stays on the host's own connection, so a host can only mix up its own URLs.
- A body without a length ends with the connection. If an orderly close cuts it, it looks complete (inside TLS too, for
  anybody who can end the TCP connection). Its sighting has `framing: close`.
- A server that speaks only TLS 1.0 or 1.1, or no cipher that OpenSSL still offers, is `unreachable`.
- No act asks for TLS renegotiation.

Measured with Python {python}, Linux {kernel}, {cores} cores, {at_once} recrawls at once.
"""


def table(subject: str, trials: Iterable[Trial]) -> str:
    lines = [
        f"\n## {TITLES[subject]}\n",
        "| act | what the server does | said | s | CPU | MB |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    for one in trials:
        said = ", ".join(f"`{line}`" for line in sorted(one.said))
        others = "".join(f"; elsewhere `{line}`" for line in sorted(one.others))
        sentence = ACTS[one.name].sentence.replace("|", "\\|")
        lines.append(
            f"| `{one.name}` | {sentence} | {said}{others} | {one.seconds:.1f} | {one.busy_seconds:.1f} "
            f"| {max(one.megabytes, 0):.0f} |"
        )
    return "\n".join(lines)


def report(trials: Sequence[Trial]) -> str:
    """Return the page."""
    deadlines = ", ".join(f"`{name.upper()}` {SETTINGS[name]} s" for name in trial.DEADLINES)
    by_subject = sorted(trials, key=lambda one: list(TITLES).index(ACTS[one.name].subject))
    tables = [table(key, group) for key, group in groupby(by_subject, lambda one: ACTS[one.name].subject)]
    start = HEAD.format(count=len(trials), units=UNITS, megabytes=MEGABYTES, deadlines=deadlines)
    end = FOOT.format(
        python=platform.python_version(),
        kernel=platform.release().split("-")[0],
        cores=os.cpu_count(),
        at_once=trial.AT_ONCE,
    )
    return "\n".join((start.rstrip("\n"), *tables, end))


def main(names: Sequence[str]) -> int:
    """Print the page, and what is not as expected to standard error; 1 if there is any."""
    chosen = [name for name in ACTS if not names or name in names or ACTS[name].subject in names]
    terms = {name: EXPECTED[name].terms for name in chosen}
    trials = list(trial.attempt_all(terms, lambda one: EXPECTED[one.name].objections(one)))
    print(report(trials), end="")
    wrong = [(one.name, objection) for one in trials for objection in EXPECTED[one.name].objections(one)]
    for name, objection in wrong:
        print(f"{name}: {objection}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
