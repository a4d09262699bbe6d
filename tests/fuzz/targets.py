"""The fuzz targets by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from fuzz import (
    archives,
    checkpoints,
    cookies,
    decoding,
    documents,
    gates,
    links,
    reported_pages,
    reports,
    robots,
    rules,
    sinks,
    sniffing,
    tar_archives,
    urls,
    versions,
)

TARGETS: dict[str, ModuleType] = {
    "archives": archives,
    "checkpoints": checkpoints,
    "cookies": cookies,
    "decoding": decoding,
    "documents": documents,
    "gates": gates,
    "links": links,
    "reported_pages": reported_pages,
    "reports": reports,
    "robots": robots,
    "rules": rules,
    "sinks": sinks,
    "sniffing": sniffing,
    "tar_archives": tar_archives,
    "urls": urls,
    "versions": versions,
}
SEEDS = Path(__file__).parent / "seeds"


def seeds_of(name: str) -> Iterable[Path]:
    """Return the files of a target's seeds; what a round found is among them."""
    return sorted((SEEDS / name).iterdir())
