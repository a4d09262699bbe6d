"""Puts measured figures into docs/performance.md, between two comments that name the command which made them."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
DOCUMENT = DOCS / "performance.md"
FIGURES = DOCS / "figures"


def put(name: str, text: str, document: Path = DOCUMENT) -> None:
    """Replace what stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; raises ValueError without them."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    whole = document.read_text()
    before, found, rest = whole.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise ValueError(f"{document} has no place for {name}")
    document.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}")


def machine() -> str:
    """Return when and on what it was measured, for people."""
    cpus = {line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")}
    count = sum(line.startswith("processor") for line in _cpu_lines())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {count} cores "
        f"({', '.join(sorted(cpus)) or platform.machine()}), Linux {platform.release()}"
    )


def _cpu_lines() -> list[str]:
    return Path("/proc/cpuinfo").read_text().splitlines()
