"""Building a hash list of any size from CSV files and bare digests, in bounded memory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from orbweaver.matcher_client.canary import canary_label, canary_named
from orbweaver.matcher_client.errors import HashListUnreadable, OutputRefused
from orbweaver.matcher_client.list_format import DIGEST_BYTES, Header, is_built
from orbweaver.matcher_client.list_input import RefusedLine, Row, read_rows
from orbweaver.matcher_client.list_write import ListContent, Written
from orbweaver.model import Algorithm, now

__all__ = ["BuildReport", "RefusedLine", "build", "is_built"]

MOST_REFUSED_KEPT = 1_000
# Of memory, for each of four sorts.
CHUNK_BYTES = 64 * 2**20
_PROGRESS_ROWS = 50_000
_EMPTY_FILE = frozenset(hashlib.new(algorithm, usedforsecurity=False).digest() for algorithm in DIGEST_BYTES)


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What became of the input.

    rows = entries + duplicates + degenerate + refused_count. `entries` are distinct rows; `digests` counts
    the records of each algorithm. `refused` holds the first 1,000 refused lines.
    """

    output: Path
    list_version: str
    built_at: datetime
    rows: int
    entries: int
    duplicates: int
    degenerate: int
    refused_count: int
    refused: list[RefusedLine]
    digests: dict[Algorithm, int]


def build(
    inputs: Sequence[Path],
    output: Path,
    *,
    canary: str | None = None,
    progress: Callable[[int], None] | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> BuildReport:
    """Build one list from all inputs and put it at `output` in one step: readers see the old list or the new.

    A CSV names its columns in a header: `md5`, `sha1`, `sha256` (at least one), `size` (bytes), `category`,
    `scheme`, `entry_id`, `list` (default: the file's name without suffix), `status`. Any other file has one
    digest a line. Lines that cannot be used are reported, and the rest goes on. Digests of the empty file,
    and rows of size 0, are left out: they say nothing about content.

    `canary` names a synthetic entry that is planted as one row more.

    `progress` is given the number of rows read so far. Memory: up to `chunk_bytes` for each of four sorts,
    and 2 to 4 bytes for each digest of the commonest algorithm. Disk beside `output`: about 40 bytes a
    digest, and as much again for rows with a size, an entry id or several digests.

    Raises HashListUnreadable, OutputRefused when the output cannot be written, ValueError for a canary's bad name.
    """
    _refuse_unfit(inputs, output)
    try:
        return _build(inputs, output, canary, progress, chunk_bytes)
    except OSError as error:
        raise OutputRefused(f"{output} cannot be written ({error.strerror}): choose another place with -o") from error


def _build(
    inputs: Sequence[Path],
    output: Path,
    canary: str | None,
    progress: Callable[[int], None] | None,
    chunk_bytes: int,
) -> BuildReport:
    tally = _Tally()
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as name:
        content = ListContent(Path(name), chunk_bytes=chunk_bytes)
        for path in inputs:
            _gather(path, content, tally, progress)
        if progress is not None:
            progress(tally.rows)
        if not tally.used:
            raise HashListUnreadable(_say_nothing_usable(inputs, tally))
        if canary is not None:
            tally.rows += 1
            tally.used += 1
            content.add(Row((bytes.fromhex(canary_named(canary).digest), None, None), canary_label(canary)))
        built_at = now()
        written = _write(content, Path(name) / "list", built_at)
        (Path(name) / "list").replace(output)
    _sync_folder(output.parent)
    return BuildReport(
        output=output,
        list_version=written.content_digest.hex(),
        built_at=built_at,
        rows=tally.rows,
        entries=written.entries,
        duplicates=tally.used - written.entries,
        degenerate=tally.degenerate,
        refused_count=tally.refused_count,
        refused=tally.refused,
        digests=written.digests,
    )


@dataclass
class _Tally:
    rows: int = 0
    used: int = 0
    degenerate: int = 0
    refused_count: int = 0
    refused: list[RefusedLine] = field(default_factory=list)


def _refuse_unfit(inputs: Sequence[Path], output: Path) -> None:
    if not inputs:
        raise HashListUnreadable("no hash list given: name at least one file")
    for path in inputs:
        if is_built(path):
            raise HashListUnreadable(f"{path} is a built list already: use it as it is, or give its sources")
        if path.resolve() == output.resolve():
            raise HashListUnreadable(f"{path} is the output as well and would be lost: name another output")


def _gather(path: Path, content: ListContent, tally: _Tally, progress: Callable[[int], None] | None) -> None:
    before = tally.rows
    for row in read_rows(path):
        tally.rows += 1
        if progress is not None and tally.rows % _PROGRESS_ROWS == 0:
            progress(tally.rows)
        if isinstance(row, RefusedLine):
            tally.refused_count += 1
            if len(tally.refused) < MOST_REFUSED_KEPT:
                tally.refused.append(row)
        elif row.size == 0 or not _EMPTY_FILE.isdisjoint(row.digests):
            tally.degenerate += 1
        else:
            tally.used += 1
            content.add(row)
    if tally.rows == before:
        raise HashListUnreadable(f"hash list {path} is empty: give one with at least one digest")


def _say_nothing_usable(inputs: Sequence[Path], tally: _Tally) -> str:
    first = "".join(f"; line {bad.line} of {bad.file}: {bad.reason}" for bad in tally.refused[:1])
    return (
        f"no usable digest in {', '.join(map(str, inputs))} ({tally.refused_count:,} lines refused, "
        f"{tally.degenerate:,} of empty files{first}): check the files"
    )


def _write(content: ListContent, path: Path, built_at: datetime) -> Written:
    with path.open("xb") as file:
        written = content.write(file)
        header = Header(
            index_offset=written.index_offset,
            file_size=written.file_size,
            built_at=built_at,
            content_digest=written.content_digest,
        )
        file.seek(0)
        file.write(header.pack())
        file.flush()
        os.fsync(file.fileno())
    return written


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
