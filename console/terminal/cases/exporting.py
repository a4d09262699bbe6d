"""`orbweaver cases export`: cases in the formats of others, and on standard error the cases that a format refuses."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orbweaver.console.case_exports import MOST_CASES, bounded, export_of
from orbweaver.console.errors import NothingToDo, OutputNotWritten, OutputUnusable
from orbweaver.console.terminal.cases import access
from orbweaver.console.text import count, for_people, safe
from orbweaver.crawler.rules import urls
from orbweaver.model import Case, CaseState, ExportFormat
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.store.opening import open_existing
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.exports.formats import NEED_REPORTER, ExportedFile
from orbweaver.takedown.exports.reporter import reporter_of

# Of several files these are lines of JSON, so they can stand one after another.
_LINES = frozenset({ExportFormat.XARF, ExportFormat.ICCAM})
# So much of a case's id is shown to people.
SHORTEST_ID = 8
REFUSED = 1


@dataclass(frozen=True)
class Choice:
    """Which cases are exported: those with one of the ids (or their beginnings), in the state, and of the hosts."""

    ids: tuple[str, ...] = ()
    state: CaseState | None = None
    hosts: tuple[str, ...] = ()


def run(
    settings: Settings,
    wanted: ExportFormat,
    choice: Choice,
    *,
    language: str,
    out: Path | None,
    most: int = MOST_CASES,
) -> int:
    """Export the chosen cases into a directory, or to standard output; more than `most` are refused.

    Returns 0 when each is exported, and 1 when the format refuses one. Raises StoreError (NoStore among them),
    ReporterUnknown, NothingToDo, OutputUnusable and OutputNotWritten.
    """
    reporter = reporter_of(settings) if wanted in NEED_REPORTER else None
    with open_existing(settings) as store:
        cases = bounded(_chosen(store, choice), most)
        if not cases:
            raise NothingToDo("the store has no such case: see orbweaver cases list")
        chosen = {case.case_id for case in cases}
        access.note(store, f"cases export --format {wanted.value}", [str(case.case_id) for case in cases])
        made = export_of(store, wanted, cases, reporter, language=language, most=most)
    if out is None:
        _print(made.files, wanted)
    else:
        _write(out, made.files)
    all_refused = [refused for refused in made.refused if refused.case.case_id in chosen]
    for refused in all_refused:
        where = for_people(refused.case.newest_url)
        print(f"orbweaver: case {refused.case.case_id} ({where}) refused: {safe(refused.reason)}", file=sys.stderr)
    print(f"{count(made.cases, 'case')} exported as {wanted.value}, {len(all_refused):,} refused", file=sys.stderr)
    return REFUSED if all_refused else 0


def _chosen(store: Store, choice: Choice) -> Iterator[Case]:
    cases: Iterator[Case] | list[Case] = case_store.all_cases(store, choice.state)
    if choice.ids:
        cases = case_store.read_many(store, _whole_ids(store, choice.ids))
    hosts = {host.lower() for host in choice.hosts}
    for case in cases:
        if choice.state in {None, case.state} and (not hosts or not hosts.isdisjoint(_names_of_host(case))):
            yield case


def _names_of_host(case: Case) -> set[str]:
    """Return the host of a case as people write it: with its port, and without."""
    return {case.host, urls.hostname_of(f"http://{case.host}/")}


def _whole_ids(store: Store, given: Sequence[str]) -> Collection[str]:
    """Return the ids that were given, or that begin so; raises NothingToDo where none does, or several do."""
    found: dict[str, None] = {}
    ids: list[str] | None = None
    for one in (one.lower() for one in given):
        if case_store.existing(store, [one]):
            found[one] = None
            continue
        if ids is None:
            ids = [text(case_id) for case_id in store.execute_command("ZRANGE", keys.cases(), 0, -1)]
        matching = [case_id for case_id in ids if case_id.startswith(one)] if len(one) >= SHORTEST_ID else []
        if len(matching) != 1:
            many = "begins several ids" if matching else "is no case of the store"
            raise NothingToDo(f"--case {safe(one[:40])} {many}: give the whole id, see orbweaver cases list --json")
        found[matching[0]] = None
    return found


def _print(files: Sequence[ExportedFile], wanted: ExportFormat) -> None:
    if len(files) > 1 and wanted not in _LINES:
        raise OutputUnusable(f"there are {len(files)} files of {wanted.value}, not one: give --out DIR")
    for file in files:
        sys.stdout.buffer.write(file.content)
    sys.stdout.buffer.flush()


def _write(directory: Path, files: Sequence[ExportedFile]) -> None:
    """Write each file whole or not at all, for the user alone: they have exact URLs."""
    directory = directory.expanduser().absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnusable(
            f"output directory {directory} cannot be made ({error.strerror}): choose another with --out DIR"
        ) from error
    try:
        for file in files:
            replace_file(directory / file.name, file.content)
    except OSError as error:
        raise OutputNotWritten(
            f"output directory {directory} cannot be written ({error.strerror}): free space or choose another, and "
            "export again"
        ) from error


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for the user alone; raises OSError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
