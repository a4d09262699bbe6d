"""How many recrawls a machine has under way at once: from its memory and its cores, unless the operator says it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orbweaver.settings import Settings

# A crawl process has some 15 MB that it does not share, and more while it reads a large page or an archive.
BYTES_EACH = 64 * 2**20
# Half of the memory is for the store, the match worker's lists and the operating system.
SHARE_OF_MEMORY = 0.5
# A polite recrawl waits most of its time: so many of them keep a core busy.
EACH_CORE = 25
MOST_BY_DEFAULT = 100


@dataclass(frozen=True)
class Capacity:
    """How many recrawls at once, and why so many, in words."""

    recrawls_at_once: int
    because: str


def of_this_machine(settings: Settings) -> Capacity:
    """Return the capacity that the operator has set, else that of this machine."""
    if settings.recrawls_at_once is not None:
        return Capacity(settings.recrawls_at_once, "RECRAWLS_AT_ONCE is set")
    return capacity_of(memory_bytes(), len(os.sched_getaffinity(0)))


def capacity_of(memory: int, cores: int) -> Capacity:
    """Return the capacity of a machine with so many bytes of memory and so many cores. Pure."""
    bounds = {
        f"{memory / 2**30:.1f} GiB of memory": int(memory * SHARE_OF_MEMORY) // BYTES_EACH,
        f"{cores} cores": cores * EACH_CORE,
        "more is set by RECRAWLS_AT_ONCE only": MOST_BY_DEFAULT,
    }
    because, least = min(bounds.items(), key=lambda bound: bound[1])
    return Capacity(max(least, 1), because)


def memory_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this process may use: the machine's, or less by the limits of its control groups."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(limit for path in _limits(root) if (limit := _limit(path)) is not None)])


def _limits(root: Path) -> Iterator[Path]:
    """Yield the files with the limits of this process's control groups, of versions 1 and 2: cgroups(7).

    That of a unit lies below the root; inside a container the root itself is the container's.
    """
    mounted = root / "sys" / "fs" / "cgroup"
    yield mounted / "memory.max"
    yield mounted / "memory" / "memory.limit_in_bytes"
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        for group in (PurePosixPath(name), *PurePosixPath(name).parents):
            below = str(group).lstrip("/")
            if not controllers:
                yield mounted / below / "memory.max"
            elif "memory" in controllers.split(","):
                yield mounted / "memory" / below / "memory.limit_in_bytes"


def _limit(path: Path) -> int | None:
    """Read a limit of a control group (cgroup v2 writes `max` for none); None when there is none."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
