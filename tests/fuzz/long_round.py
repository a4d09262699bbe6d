"""A long round by atheris, which steers by the coverage that an input reaches.

    make fuzz MINUTES=10 [TARGETS="urls links"]

Inputs that reached something new stay in the corpus folder for the next round. One that breaks a promise is written
to its findings folder and ends the round of its target: make it a seed, then an ordinary test, then mend the cause.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"
MOST_BYTES = 8 * 1024
MOST_SECONDS_FOR_ONE = 30
MOST_MEGABYTES = 3_000


def main() -> int:
    """Fuzz the chosen targets in turn, for equal shares of the time; return how many broke a promise."""
    known = sorted(path.name for path in SEEDS.iterdir())
    parser = argparse.ArgumentParser(description="Fuzz Orbweaver's readers.")
    parser.add_argument("targets", nargs="*", default=known)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--folder", type=Path, required=True)
    chosen = parser.parse_args()
    targets = chosen.targets or known
    broken = 0
    for name in targets:
        broken += _round(name, seconds=int(chosen.minutes * 60 / len(targets)), folder=chosen.folder)
    return broken


def _round(name: str, *, seconds: int, folder: Path) -> bool:
    corpus, findings = folder / "corpus" / name, folder / "findings" / name
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    arguments = [
        f"-max_total_time={seconds}",
        f"-max_len={MOST_BYTES}",
        f"-timeout={MOST_SECONDS_FOR_ONE}",
        f"-rss_limit_mb={MOST_MEGABYTES}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        str(corpus),
        str(SEEDS / name),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.long_round", "--one", name, *arguments], stderr=subprocess.PIPE, text=True
    )
    taken = re.search(r"\bin (\d+) second", done.stderr)
    executions = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    coverage = re.findall(r"cov: (\d+) ft: (\d+) corp: (\S+)", done.stderr)
    edges, features, kept = coverage[-1] if coverage else ("?", "?", "?")
    told = f"{executions[1] if executions else '?'} executions in {taken[1] if taken else '?'} s"
    verdict = "BROKEN" if done.returncode else "no finding"
    print(f"{name}: {told}, {edges} edges, {features} features, corpus {kept}: {verdict}", flush=True)
    if done.returncode:
        print(done.stderr[-4_000:], file=sys.stderr)
    return bool(done.returncode)


def _fuzz_one(name: str, arguments: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["orbweaver.crawler", "fuzz"]):
        import importlib

        target = importlib.import_module(f"fuzz.{name}")
    with tempfile.NamedTemporaryFile("w", suffix=".dict") as words:
        for token in target.TOKENS:
            words.write('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n')
        words.flush()
        atheris.Setup([sys.argv[0], f"-dict={words.name}", *arguments], target.check)
        atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _fuzz_one(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
