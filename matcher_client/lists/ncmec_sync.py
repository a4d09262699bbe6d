"""Keeps a built hash list up to date with NCMEC's: asks for the changes since the last time, and applies all of them.

After every page has come, `lists.build.build` replaces the list in one step. Only then the time of the query is written
beside it. So a crash at any moment leaves a list that is complete and a time that is not too late: changes that were
not applied are asked for again, and applying a change twice changes nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orbweaver.matcher_client.errors import HashListUnreadable, OutputRefused, Unavailable
from orbweaver.matcher_client.lists import build
from orbweaver.matcher_client.lists.build import BuildReport
from orbweaver.matcher_client.lists.category_table import CategoryTable
from orbweaver.matcher_client.lists.file_format import HashList
from orbweaver.matcher_client.lists.ncmec_client import NcmecClient, format_seconds
from orbweaver.matcher_client.lists.row import RefusedRow
from orbweaver.matcher_client.lists.workspace import refuse_output, workspace
from orbweaver.matcher_client.transport.service_address import ServiceAddress
from orbweaver.model import now

# The next query begins so long before the end of the last one: clocks differ, and an entry may appear late.
OVERLAP = timedelta(hours=1)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class SyncReport:
    """The result of one sync; `built` is None when nothing had changed.

    `distrusted` is the time of the last sync if it is later than the time of this one: a clock was wrong then or is
    wrong now, so everything was fetched again.
    """

    since: datetime
    distrusted: datetime | None
    until: datetime
    pages: int
    entries: int
    built: BuildReport | None


@dataclass(frozen=True)
class _State:
    """The query that the list holds: its source, and the end of its span of time."""

    source: str
    asked_until: datetime


def sync(
    address: ServiceAddress,
    output: Path,
    *,
    category_table: CategoryTable | None = None,
    asked_at: datetime | None = None,
    on_page: Callable[[int, int], None] | None = None,
    on_row: Callable[[int], None] | None = None,
) -> SyncReport:
    """Bring the list at `output` up to `asked_at`, building it when there is none.

    Without `asked_at`, the list is brought up to now: by the clock of the source when this machine's clock is ahead. A
    change in a span of time that was asked for too early would never be fetched.

    A `category_table` replaces that of the list, also when no entry changed; without one the list keeps its own.

    `on_page` is called with the numbers of pages and entries so far, `on_row` with the rows that were read of them.
    Pages are kept in a folder beside `output` until the list is built: they hold digests, ids and members' names, no
    content.

    Raises Unavailable when not all pages can be fetched, or a first sync finds no entry that can be read; then nothing
    was changed. Raises HashListUnreadable, HashListDamaged, OutputRefused or StorageFull when the list or its `.sync`
    file cannot be used.
    """
    with _lock(output), workspace(output) as folder:
        state = _read_own_state(address, output)
        client = NcmecClient(address)
        try:
            their_now = client.check_access()
            until = (asked_at or min(now(), their_now or now())).replace(microsecond=0)
            since, distrusted = _find_start(state, until)
            inputs: list[Path] = []
            refused: list[RefusedRow] = []
            entries = usable = 0
            for page in client.pages(since, until):
                inputs.append(folder / f"page-{len(inputs) + 1:07}.xml")
                try:
                    inputs[-1].write_bytes(page.body)
                except OSError as error:
                    raise refuse_output(output, error) from error
                entries += page.entries
                usable += page.usable
                refused += page.refused[: 1 - len(refused)]
                if on_page is not None:
                    on_page(len(inputs), entries)
        finally:
            client.close()
        built = None
        is_there = output.exists()
        # A list cannot be empty, so the first one is made with the first entry that has an MD5 or a SHA-1.
        if usable or (is_there and (entries or _has_another_table(output, category_table))):
            built = build.build(inputs, output, is_update=is_there, category_table=category_table, progress=on_row)
        elif refused:
            raise Unavailable(
                f"{address.name}: of {entries:,} entries none can go into a list, and some cannot be read "
                f"({refused[0].file}, {refused[0].place}: {refused[0].reason}): no list was made"
            )
        if is_there or built is not None:
            _write_state(output, _State(address.name, until))
    return SyncReport(since=since, distrusted=distrusted, until=until, pages=len(inputs), entries=entries, built=built)


def _has_another_table(output: Path, table: CategoryTable | None) -> bool:
    if table is None:
        return False
    built = HashList(output)
    try:
        return built.category_table != table
    finally:
        built.close()


def _read_own_state(address: ServiceAddress, output: Path) -> _State | None:
    state = _read_state(_state_path(output))
    if state is None or not output.exists():
        return None
    if state.source != address.name:
        raise OutputRefused(f"{output} is synced from {state.source}: name another output for {address.name}")
    return state


def _find_start(state: _State | None, until: datetime) -> tuple[datetime, datetime | None]:
    """Return the start of the span to ask for, and the time of the last sync if it cannot be trusted."""
    if state is None:
        return _BEGINNING, None
    if state.asked_until > until:
        # Nobody knows which clock was wrong, and by how much, so nobody knows which changes the last query missed.
        return _BEGINNING, state.asked_until
    return state.asked_until - OVERLAP, None


def _state_path(output: Path) -> Path:
    return output.with_name(output.name + ".sync")


def _read_state(path: Path) -> _State | None:
    try:
        stored = json.loads(path.read_bytes())
        return _State(str(stored["source"]), datetime.fromisoformat(stored["asked_until"]).astimezone(UTC))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HashListUnreadable(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    except (ValueError, KeyError, TypeError):
        raise HashListUnreadable(
            f"{path} does not say when the list was synced: remove it, and everything is fetched again"
        ) from None


def _write_state(output: Path, state: _State) -> None:
    path = _state_path(output)
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w") as file:
            json.dump({"source": state.source, "asked_until": format_seconds(state.asked_until)}, file)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise refuse_output(path, error, "the list is up to date, and the next sync fetches the same again") from error


@contextmanager
def _lock(output: Path) -> Iterator[None]:
    """Keep out a second sync of the same list: its older answer could replace a newer one."""
    path = output.with_name(f".{output.name}.lock")
    try:
        file = path.open("w")
    except OSError as error:
        raise refuse_output(output, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputRefused(f"{output} is being synced already: wait until that ends") from None
        yield
