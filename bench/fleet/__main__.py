"""The command: `python -m bench.fleet`; with `--write-docs` the tables go into docs/performance.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.crawl import documents, tables
from bench.fleet import runs
from bench.fleet.hosts import GALLERY, SMALLEST, Shape
from bench.fleet.runs import Orbweaver, Run

# A run of so few hosts beside one of all: the difference leaves the start of a run out.
FEW = 10
# Latency in seconds, with the numbers of hosts, from one to as many as fill the CPU of two cores.
LATENCIES: tuple[tuple[float, Shape, tuple[int, ...]], ...] = (
    (0.005, Shape(pages=21, files=600), (1, 2)),
    (0.05, GALLERY, (1, 5, 10)),
    (0.5, GALLERY, (10, 50, 100)),
)
# Above this share of the machine's CPU it is full.
FULL = 0.8
WALL_AIMS = {"scrapy": 0.40, "scrapy-unlimited": None, "crawlee": 0.5}
PSS_AIM, CPU_AIM, BOUND_AIM = 20 * 10**6, 1.5, 1.3
LABELS = {"orbweaver": "**Orbweaver**", **{one.name: one.label for one in runs.CONTESTANTS}}
PARTS = ("wall", "memory", "smallest", "latencies")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=sys.modules["bench.fleet"].__doc__)
    parser.add_argument("--hosts", type=int, default=200, help="hosts that are compared on (default 200)")
    parser.add_argument("--at-once", type=int, default=100, help="recrawls under way at once (default 100)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; medians are taken (default 3)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/performance.md")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]  # it would take part, too
    texts = []
    with tempfile.TemporaryDirectory(prefix="ow-") as folder:
        work = Path(folder)
        ours = Orbweaver(work, given.at_once)
        if "wall" in given.parts:
            texts.append(wall(ours, given.hosts, given.rounds, work))
        if "memory" in given.parts:
            texts.append(memory(ours, given.at_once))
        if "smallest" in given.parts:
            texts.append(smallest(ours, given.hosts, given.rounds, work))
        if "latencies" in given.parts:
            texts.append(latencies(ours))
    text = "\n\n".join(texts)
    print(f"\n{text}")
    if given.write_docs:
        head = f"Measured {documents.machine()}; medians of {given.rounds} rounds, {given.at_once} recrawls at once"
        documents.put("figures of bench.fleet", f"{head}.\n\n{text}")
    return 0


def wall(ours: Orbweaver, count: int, rounds: int, work: Path) -> str:
    """Compare wall times, in alternation."""
    others = runs.contestants(tuple(WALL_AIMS))
    done: dict[str, list[Run]] = {}
    with runs.serving(GALLERY, 0.1) as server:
        for number in range(rounds):
            took = [ours.run(server, count), *(runs.run_other(one, server, count, work) for one in others)]
            for one in took:
                print(f"round {number + 1}: {one}", flush=True)
                done.setdefault(one.who, []).append(one)
    best = _middle(done["orbweaver"], "wall_seconds")
    rows = []
    for who, several in done.items():
        seconds = _middle(several, "wall_seconds")
        aim = WALL_AIMS.get(who)
        rows.append(
            (
                LABELS[who],
                f"{seconds:.1f} s",
                f"{_middle(several, 'served_seconds'):.1f} s",
                f"{_middle(several, 'cpu_seconds'):.1f} s",
                f"{best / seconds:.2f}",
                "" if aim is None else f"{aim:.2f}, {_word(is_reached=best / seconds <= aim)}",
            )
        )
    head = (f"{count} hosts of {GALLERY.urls} URLs, 100 ms", "wall", "first to last answer", "CPU")
    return tables.table((*head, "Orbweaver's wall / its", "aim"), rows)


def memory(ours: Orbweaver, at_once: int) -> str:
    """Measure the memory of all processes while so many hosts are under way."""
    with runs.serving(GALLERY, 1.0) as server:
        most = ours.memory(server, at_once)
    each = most.pss_bytes / at_once
    said = f"{each / 10**6:.1f} MB"
    aim = f"{PSS_AIM / 10**6:.0f} MB, {_word(is_reached=each <= PSS_AIM)}"
    row = (f"{at_once}", f"{most.processes}", f"{most.pss_bytes / 10**6:.0f} MB", said, aim)
    return tables.table(("hosts under way", "processes, store counted", "PSS of all", "a host", "aim"), [row])


def smallest(ours: Orbweaver, count: int, rounds: int, work: Path) -> str:
    """Compare the CPU of a host of one page and one file with that of its crawl process alone."""
    [alone] = runs.contestants(("alone",))
    whole, bare = [], []
    with runs.serving(SMALLEST, 0.005) as server:
        for _ in range(rounds):
            few, many = ours.run(server, FEW), ours.run(server, count)
            whole.append((many.cpu_seconds - few.cpu_seconds) / (count - FEW))
            bare.append(runs.run_other(alone, server, FEW * 3, work).crawl_cpu_seconds / (FEW * 3))
            print(f"a host: {1000 * whole[-1]:.0f} ms of CPU, alone {1000 * bare[-1]:.0f} ms", flush=True)
    ratio = median(whole) / median(bare)
    aim = f"{CPU_AIM}, {_word(is_reached=ratio <= CPU_AIM)}"
    row = (f"{1000 * median(whole):.0f} ms", f"{1000 * median(bare):.0f} ms", f"{ratio:.2f}", aim)
    return tables.table(("CPU of a host of one page and one file", "its crawl process alone", "ratio", "aim"), [row])


def latencies(ours: Orbweaver) -> str:
    """Measure how near a run comes to what politeness allows, at several latencies."""
    rows = []
    for latency, shape, counts in LATENCIES:
        with runs.serving(shape, latency) as server:
            for count in counts:
                run = ours.run(server, count)
                bound = shape.urls * latency / runs.CONNECTIONS
                share = run.cpu_seconds / (run.wall_seconds * len(os.sched_getaffinity(0)))
                ratio = run.served_seconds / bound
                judged = "CPU is full" if share > FULL else _word(is_reached=ratio <= BOUND_AIM)
                print(f"{1000 * latency:.0f} ms, {run}: {ratio:.2f}, CPU {share:.0%}", flush=True)
                rows.append(
                    (
                        f"{1000 * latency:.0f} ms",
                        f"{count} of {shape.urls} URLs",
                        f"{bound:.2f} s",
                        f"{run.served_seconds:.2f} s",
                        f"{share:.0%}",
                        f"{ratio:.2f}",
                        judged,
                    )
                )
    head = ("latency", "hosts", "politeness bound", "first to last answer", "CPU used, start included", "ratio")
    return tables.table((*head, f"aim {BOUND_AIM}"), rows)


def _middle(several: list[Run], measure: str) -> float:
    return median(getattr(one, measure) for one in several)


def _word(*, is_reached: bool) -> str:
    return "reached" if is_reached else "**missed**"


if __name__ == "__main__":
    sys.exit(main())
