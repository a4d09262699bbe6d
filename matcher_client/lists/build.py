"""Building a hash list of any size from the formats that lists come in, and updating one, in bounded memory."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from orbweaver.matcher_client.errors import HashListUnreadable, OutputRefused
from orbweaver.matcher_client.lists.canary import canary_label, canary_named
from orbweaver.matcher_client.lists.categories import entry_nature
from orbweaver.matcher_client.lists.category_table import CategoryTable
from orbweaver.matcher_client.lists.file_format import FileMark, HashList, Header, Label, is_built
from orbweaver.matcher_client.lists.placeholders import strip_placeholders
from orbweaver.matcher_client.lists.recognise import read_rows
from orbweaver.matcher_client.lists.row import NO_DIGESTS, LeftOutRow, RefusedRow, Row
from orbweaver.matcher_client.lists.update import EntryStates, UpdateTally, read_back
from orbweaver.matcher_client.lists.workspace import refuse_output, workspace
from orbweaver.matcher_client.lists.write import ListContent, Written
from orbweaver.model import Algorithm, Nature, now
from orbweaver.store import disk

__all__ = ["BuildReport", "FileReport", "RefusedRow", "build", "is_built"]

MOST_REFUSED_KEPT = 1_000
# Memory for each sort; at most five sorts work at the same time.
CHUNK_BYTES = 64 * 2**20
_PROGRESS_ROWS = 50_000


@dataclass
class FileReport:
    """Counts the rows of one file; rows = used + refused + the sum of `left_out`, which counts by reason.

    Of the used rows, `benign` are on the list as known to be harmless; `benign_signs` counts them by the sign of that
    (`vics-us category 0`). `held` counts, by the same signs, the rows of a category whose meaning nobody has said: a
    match on one is held. `deletions` say that an entry is gone. `stripped` rows lost a digest that says nothing, and
    kept another. `spoilt` counts, by reason, the rows of which a digest or the size cannot be read and another digest
    can. `schemes` are the schemes of the rows.
    """

    file: str
    format: str = ""
    rows: int = 0
    used: int = 0
    benign: int = 0
    benign_signs: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    schemes: list[str] = field(default_factory=list)
    deletions: int = 0
    stripped: int = 0
    refused: int = 0
    degenerate: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    spoilt: dict[str, int] = field(default_factory=dict)

    def count_labels(self, counts: Mapping[Label, int], table: CategoryTable | None) -> None:
        """Count the used rows by the meaning of their categories; the usual meaning, abuse, has no count of its own."""
        self.schemes = sorted({label.scheme for label in counts if label.scheme is not None})
        for label, count in counts.items():
            nature = entry_nature(label, table)
            sign = f"{label.scheme} {'without a category' if label.category is None else f'category {label.category}'}"
            if nature is Nature.BENIGN:
                self.benign += count
                self.benign_signs[sign] = self.benign_signs.get(sign, 0) + count
            elif nature is Nature.UNKNOWN:
                self.held[sign] = self.held.get(sign, 0) + count

    def leave_out(self, reason: str) -> None:
        """Count a row that is of no use."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """Reports how the input was used, and how much is in the list.

    `entries` are the list's distinct rows, `digests` the records of each algorithm. Of the input's rows, `degenerate`
    say nothing about content, `duplicates` are equal to others, and `superseded` describe an entry that a newer row
    describes. `refused` holds the first 1,000 refused rows. `update` is None when no list was updated, `category_table`
    when the list has no table.
    """

    output: Path
    list_version: str
    built_at: datetime
    files: list[FileReport]
    entries: int
    duplicates: int
    superseded: int
    refused: list[RefusedRow]
    digests: dict[Algorithm, int]
    update: UpdateTally | None = None
    category_table: CategoryTable | None = None

    @property
    def rows(self) -> int:
        """The number of rows that were read."""
        return sum(report.rows for report in self.files)

    @property
    def degenerate(self) -> int:
        """The number of rows that were left out because they say nothing about content."""
        return sum(report.degenerate for report in self.files)

    @property
    def refused_count(self) -> int:
        """The number of rows that could not be used."""
        return sum(report.refused for report in self.files)


def build(
    inputs: Sequence[Path],
    output: Path,
    *,
    is_update: bool = False,
    list_name: str | None = None,
    canary: str | None = None,
    category_table: CategoryTable | None = None,
    is_benign: bool = False,
    progress: Callable[[int], None] | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> BuildReport:
    """Build one list from all inputs and put it at `output` in one step: readers see the old list or the new.

    `recognise` knows the formats. `list_name` is the name of the list for rows that name none. With `is_benign` the
    input lists files that are known to be harmless. Rows that cannot be used are reported, and the others are used; a
    file that is not complete is refused as a whole. Digests that say nothing about content are left out
    (`placeholders`).

    With `is_update` the entries of `output` stay, except those that the input gives again or withdraws: see
    `update.EntryStates`. Input that changes nothing gives the same list version.

    `canary` names a synthetic entry that is added to the input; an update keeps a canary that is there.
    `category_table` gives the meaning of categories for all entries of the list; an update keeps a table that is there.

    `progress` is called with the number of rows read so far. Memory: up to `chunk_bytes` for each of five sorts,
    and 2 to 4 bytes for each digest of the commonest algorithm. Disk beside `output`: about 40 bytes a digest, as
    much again for rows with a size, an entry id or several digests, and 80 bytes a row for an update.

    Raises HashListUnreadable, HashListDamaged (the list to update), OutputRefused when the output cannot be written,
    StorageFull when there is no room for it, ValueError for a canary's bad name.
    """
    _refuse_unfit(inputs, output)
    planted = None if canary is None else _plant(canary)
    try:
        return _Build(inputs, list_name, category_table, is_benign, progress, chunk_bytes).put(
            output, planted, is_update=is_update
        )
    except OSError as error:
        raise refuse_output(output, error) from error


class _Build:
    def __init__(
        self,
        inputs: Sequence[Path],
        list_name: str | None,
        category_table: CategoryTable | None,
        is_benign: bool,
        progress: Callable[[int], None] | None,
        chunk_bytes: int,
    ) -> None:
        self._inputs = inputs
        self._list_name = list_name
        self._table = category_table
        self._is_benign = is_benign
        self._progress = progress
        self._chunk_bytes = chunk_bytes
        self._rows = 0
        self._files: list[FileReport] = []
        self._refused: list[RefusedRow] = []

    def put(self, output: Path, planted: Row | None, *, is_update: bool) -> BuildReport:
        with workspace(output) as folder:
            content = ListContent(folder, chunk_bytes=self._chunk_bytes)
            states = EntryStates(folder, chunk_bytes=self._chunk_bytes)
            mark = self._add_built(output, states, folder) if is_update else None
            for path in self._inputs:
                for row in self._read(path):
                    # A row with a time of change may be one of several states of its entry.
                    if is_update or row.changed_at is not None:
                        states.add(row)
                    else:
                        content.add(row)
            if self._progress is not None:
                self._progress(self._rows)
            for row in states.drain():
                content.add(row)
            if not content.count:
                raise HashListUnreadable(self._say_nothing_usable())
            if planted is not None:
                content.add(planted)
            built_at = now()
            written = _write(content, self._table, folder / "list", built_at)
            if mark is not None and mark != FileMark.of(output.stat()):
                raise OutputRefused(f"{output} was replaced while it was updated: update it again")
            (folder / "list").replace(output)
        disk.sync_folder(output.parent)
        return BuildReport(
            output=output,
            list_version=written.content_digest.hex(),
            built_at=built_at,
            files=self._files,
            entries=written.entries,
            duplicates=content.count - written.entries,
            superseded=states.tally.superseded,
            refused=self._refused,
            digests=written.digests,
            update=states.tally if is_update else None,
            category_table=self._table,
        )

    def _add_built(self, output: Path, states: EntryStates, folder: Path) -> FileMark:
        built = HashList(output)
        self._table = self._table or built.category_table
        try:
            for row in read_back(built, folder, chunk_bytes=self._chunk_bytes):
                states.add(row, is_built=True)
            return built.mark
        finally:
            built.close()

    def _read(self, path: Path) -> Iterator[Row]:
        """Yield the useful rows of a file, and count all rows."""
        report = FileReport(str(path))
        self._files.append(report)

        counts: dict[Label, int] = {}

        def tell_format(name: str) -> None:
            report.format = name

        for row in read_rows(path, list_name=self._list_name, is_benign=self._is_benign, tell_format=tell_format):
            report.rows += 1
            self._rows += 1
            if self._progress is not None and self._rows % _PROGRESS_ROWS == 0:
                self._progress(self._rows)
            if isinstance(row, RefusedRow):
                report.refused += 1
                if len(self._refused) < MOST_REFUSED_KEPT:
                    self._refused.append(row)
            elif isinstance(row, LeftOutRow):
                report.leave_out(row.reason)
                if row.takes_back is not None:
                    yield row.takes_back
            elif row.is_deletion:
                report.used += 1
                report.deletions += 1
                yield row
            elif (usable := _weigh(row, report)) is not None:
                counts[row.label] = counts.get(row.label, 0) + 1
                yield usable
        report.count_labels(counts, self._table)

    def _say_nothing_usable(self) -> str:
        refused = sum(report.refused for report in self._files)
        left_out: Counter[str] = Counter()
        for report in self._files:
            left_out.update(report.left_out)
        reasons = "".join(f", {count:,} left out: {reason}" for reason, count in left_out.most_common(3))
        first = "".join(f"; {bad.place} of {bad.file}: {bad.reason}" for bad in self._refused[:1])
        return (
            f"no usable digest in {', '.join(map(str, self._inputs))} ({refused:,} rows refused{reasons}{first}): "
            "check the files"
        )


def _weigh(row: Row, report: FileReport) -> Row | None:
    """Return the row without digests that say nothing; None when no digest is left."""
    digests, placeholder = strip_placeholders(row.digests)
    if digests == NO_DIGESTS:
        report.degenerate += 1
        report.leave_out(f"stands for {placeholder}")
        return None
    report.used += 1
    if row.spoilt is not None:
        report.spoilt[row.spoilt] = report.spoilt.get(row.spoilt, 0) + 1
        row = row._replace(spoilt=None)
    if placeholder is None:
        return row
    report.stripped += 1
    return row._replace(digests=digests)


def _plant(canary: str) -> Row:
    return Row((bytes.fromhex(canary_named(canary).digest), None, None), canary_label(canary))


def _refuse_unfit(inputs: Sequence[Path], output: Path) -> None:
    if not inputs:
        raise HashListUnreadable("no hash list given: name at least one file")
    for path in inputs:
        if is_built(path):
            raise HashListUnreadable(f"{path} is a built list already: use it as it is, or give its sources")
        if path.resolve() == output.resolve():
            raise HashListUnreadable(f"{path} is the output as well and would be lost: name another output")


def _write(content: ListContent, table: CategoryTable | None, path: Path, built_at: datetime) -> Written:
    with path.open("xb") as file:
        written = content.write(file, table)
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
