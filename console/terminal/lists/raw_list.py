"""Builds the list of `--hashes` once for each content, and tells at every run which of its rows were refused."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orbweaver.console.terminal.lists.categories import say_held
from orbweaver.console.terminal.lists.progress import show_rows
from orbweaver.console.terminal.termination import unwound_when_terminated
from orbweaver.console.text import is_utf8, safe
from orbweaver.matcher_client.errors import CategoryTableRefused, HashListUnreadable
from orbweaver.matcher_client.lists import build
from orbweaver.matcher_client.lists.build import BuildReport
from orbweaver.matcher_client.lists.category_table import read_category_table
from orbweaver.matcher_client.lists.file_format import FORMAT, is_built
from orbweaver.matcher_client.lists.workspace import refuse_output
from orbweaver.matcher_client.transport.service_address import named_list
from rich.console import Console

ROWS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class RawList:
    """A list to ask, and the counts of its source; `rows` is None for a list that was given as a built one.

    `name` stays while the content changes: cases rest on the list of that name, and its content is its version.
    `refused` counts the rows that could not be used; `first_refused` has the places and reasons of the first ones.
    `on_categories` says on which rows a match will be held because their category has no known meaning. `left_out`
    counts, by the reason, the rows that say nothing about content or have no digest of ours; `spoilt` those that are
    used without a digest that could not be read.
    """

    built: Path
    name: str
    rows: int | None = None
    refused: int = 0
    first_refused: tuple[tuple[str, str], ...] = ()
    on_categories: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    spoilt: Mapping[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The matcher URL of the list."""
        return named_list(self.built, self.name)

    def as_json(self) -> dict[str, Any]:
        """Return the facts of the list for a summary."""
        first = [{"place": place, "reason": reason} for place, reason in self.first_refused]
        return {
            "rows": self.rows,
            "refused": self.refused,
            "first_refused": first,
            "on_categories": list(self.on_categories),
            "left_out": dict(self.left_out),
            "spoilt": dict(self.spoilt),
        }


def open_raw(
    hashes: Path, state_dir: Path, notes: Console, *, category_table: Path | None = None, list_name: str | None = None
) -> RawList:
    """Return the list in the file `hashes`: a built one as it is, else one built into the state directory, once.

    Its name is `list_name`, else the whole path of its file. With another category table it is another list. Tells how
    many of its rows are refused and which will be held, also when an earlier run built the list. Raises MatcherError,
    OSError.
    """
    path = os.path.abspath(hashes)  # noqa: PTH100 - a link to the file of the day keeps its own name
    if not is_utf8(path):
        raise HashListUnreadable(f"hash list {hashes} has a path that is not UTF-8: rename it")
    name = list_name or path
    table = None if category_table is None else read_category_table(category_table)
    if hashes.exists() and is_built(hashes):
        if table is not None:
            raise CategoryTableRefused(
                f"{hashes} is a built list and has the table it was built with: leave out --category-table, or give "
                "the source of the list"
            )
        return RawList(built=hashes.absolute(), name=name)
    lists = state_dir / "hashlists"
    lists.mkdir(exist_ok=True, mode=0o700)
    of_table = "" if table is None else f"-{table.version[:16]}"
    built = lists / f"{_content_name(hashes)}{of_table}.{FORMAT}.hashes"  # lists of an older format are not found
    raw = _read_report(built, name)
    if raw is None:
        with unwound_when_terminated(), show_rows(notes) as show:
            report = build.build([hashes], built, category_table=table, progress=show)
        raw = _write_report(built, name, report)
    for place, reason in raw.first_refused:
        notes.print(f"{safe(str(hashes))}: {place}: {safe(reason)}", markup=False, highlight=False)
    if raw.refused:
        notes.print(
            f"warning: {safe(str(hashes))}: {raw.refused:,} of {raw.rows:,} rows refused: their files are not found",
            markup=False,
            highlight=False,
        )
    for reason, number in raw.left_out.items():
        notes.print(
            f"note: {safe(str(hashes))}: {number:,} of {raw.rows:,} rows left out: {safe(reason)}",
            markup=False,
            highlight=False,
        )
    for reason, number in raw.spoilt.items():
        notes.print(
            f"note: {safe(str(hashes))}: {number:,} of {raw.rows:,} rows used without a digest: {safe(reason)}",
            markup=False,
            highlight=False,
        )
    for line in raw.on_categories:
        notes.print(f"warning: {line}", markup=False, highlight=False)
    return raw


def _content_name(path: Path) -> str:
    if not path.is_file():
        return "missing"  # the build says what is wrong with it
    with path.open("rb") as file:
        return f"{path.stem[:40]}-{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def _report_path(built: Path) -> Path:
    return built.with_suffix(".json")


def _read_report(built: Path, name: str) -> RawList | None:
    """Return the facts that were kept when the list was built; None when it must be built."""
    if not (built.exists() and is_built(built)):
        return None
    try:
        kept = json.loads(_report_path(built).read_bytes())
        first = tuple((str(place), str(reason)) for place, reason in kept["first_refused"])
        return RawList(
            built=built,
            name=name,
            rows=int(kept["rows"]),
            refused=int(kept["refused"]),
            first_refused=first,
            on_categories=tuple(map(str, kept["on_categories"])),
            left_out={str(reason): int(count) for reason, count in kept["left_out"].items()},
            spoilt={str(reason): int(count) for reason, count in kept["spoilt"].items()},
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None  # an earlier release built it, or the write was cut: building it again repairs both


def _write_report(built: Path, name: str, report: BuildReport) -> RawList:
    first = tuple((row.place, row.reason) for row in report.refused[:ROWS_SHOWN])
    held = tuple(line for file in report.files for line in say_held(file, report.category_table))
    left_out: Counter[str] = Counter()
    spoilt: Counter[str] = Counter()
    for file in report.files:
        left_out.update(file.left_out)
        spoilt.update(file.spoilt)
    raw = RawList(
        built=built,
        name=name,
        rows=report.rows,
        refused=report.refused_count,
        first_refused=first,
        on_categories=held,
        left_out=left_out,
        spoilt=spoilt,
    )
    try:
        _report_path(built).write_text(json.dumps({**raw.as_json(), "first_refused": first}))
    except OSError as error:
        raise refuse_output(_report_path(built), error) from error
    return raw
