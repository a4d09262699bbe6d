"""The memory of a program and all that it started: proportional set size (PSS), which counts shared pages once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Memory:
    """The memory of all processes at the moment when they had most, and how many they were."""

    processes: int
    pss_bytes: int


def most_memory(program: subprocess.Popen[bytes], others: list[int], at_least: int) -> Memory | None:
    """Watch a program until it ends; None when it never had as many processes. `others` are counted, too."""
    most: Memory | None = None
    while program.poll() is None:
        family = [*descendants(program.pid), *others]
        if len(family) >= at_least:
            now = Memory(len(family), sum(map(pss_bytes, family)))
            most = now if most is None or now.pss_bytes > most.pss_bytes else most
        time.sleep(LOOK_SECONDS)
    return most


def descendants(pid: int) -> Iterator[int]:
    """Yield a process and all that it started, as far as they are there."""
    yield pid
    try:
        children = [(task / "children").read_text().split() for task in (PROC / str(pid) / "task").iterdir()]
    except OSError:
        return
    for child in (int(one) for several in children for one in several):
        yield from descendants(child)


def pss_bytes(pid: int) -> int:
    """Return the proportional set size of a process; 0 when it has ended."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
