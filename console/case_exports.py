"""Exports cases in a format, as the command and the page of a case do."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

from orbweaver.console.errors import NothingToDo
from orbweaver.console.text import for_people
from orbweaver.model import Case, ExportFormat, now
from orbweaver.store.connection import Store
from orbweaver.takedown.exports import reading
from orbweaver.takedown.exports.formats import Export, NoticeManner, export
from orbweaver.takedown.exports.reporter import Reporter

# All that is exported at once is held in memory: some 20 KB a case.
MOST_CASES: Final = 20_000


def export_of(
    store: Store,
    wanted: ExportFormat,
    cases: list[Case],
    reporter: Reporter | None,
    *,
    language: str,
    most: int = MOST_CASES,
) -> Export:
    """Return cases in a format; one that it cannot take is refused. Raises NothingToDo for more than `most`."""
    if wanted is ExportFormat.AVIATOR:
        cases = bounded(reading.with_same_files(store, cases), most)  # a signal is about a file, wherever it is
    return export(wanted, reading.records(store, cases, reporter), NoticeManner(language, now(), for_people))


def bounded(cases: Iterable[Case], most: int) -> list[Case]:
    """Return cases; raises NothingToDo where there are more than `most`."""
    found = list(itertools.islice(cases, most + 1))
    if len(found) > most:
        raise NothingToDo(f"more than {most:,} cases are chosen: choose fewer with --host, --case-state or --case")
    return found
