"""Compares two built lists: both are sorted, so they are read side by side once, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from orbweaver.matcher_client.lists.categories import entry_nature, entry_status
from orbweaver.matcher_client.lists.file_format import Entry, HashList
from orbweaver.model import Algorithm, EntryStatus

_PROGRESS_RECORDS = 50_000
# Many digests of a bare list share the entry of one meta row, which is made once.
_ENTRIES_KEPT = 1_024


class ChangeKind(StrEnum):
    """The kinds of change to a digest of an entry; `changed`: something else of the entry than its status."""

    ADDED = "added"
    REMOVED = "removed"
    WITHDRAWN = "withdrawn"
    DISPUTED = "disputed"
    REINSTATED = "reinstated"
    CHANGED = "changed"


_BY_STATUS = {
    EntryStatus.WITHDRAWN: ChangeKind.WITHDRAWN,
    EntryStatus.DISPUTED: ChangeKind.DISPUTED,
    EntryStatus.ACTIVE: ChangeKind.REINSTATED,
}


class EntryChange(NamedTuple):
    """A digest of an entry in the old list and in the new list; None in the list that does not have it.

    Status and nature are those that a verdict uses, and never None.
    """

    algorithm: Algorithm
    digest: bytes
    before: Entry | None
    after: Entry | None

    @property
    def kind(self) -> ChangeKind:
        """The kind of the change."""
        if self.before is None or self.after is None:
            return ChangeKind.ADDED if self.before is None else ChangeKind.REMOVED
        if self.before.status == self.after.status:
            return ChangeKind.CHANGED
        return _BY_STATUS[entry_status(self.after)]


def compare(old: HashList, new: HashList, *, progress: Callable[[int], None] | None = None) -> Iterator[EntryChange]:
    """Yield every change, by algorithm and then by digest; `progress` is called with the records read of both.

    Two entries are the same one when list, entry id and a digest are equal. Lists of the same version are not read.
    """
    if old.list_version == new.list_version:
        return
    counted = _Counted(progress)
    for algorithm in old.sections:
        befores, afters = _groups(old, algorithm, counted), _groups(new, algorithm, counted)
        before, after = next(befores, None), next(afters, None)
        while before or after:
            if after is None or (before is not None and before[0] < after[0]):
                assert before is not None  # one of them is there
                yield from (EntryChange(algorithm, before[0], entry, None) for entry in before[1])
                before = next(befores, None)
            elif before is None or after[0] < before[0]:
                yield from (EntryChange(algorithm, after[0], None, entry) for entry in after[1])
                after = next(afters, None)
            else:
                if before[1] != after[1]:
                    yield from _changes(algorithm, before[0], before[1], after[1])
                before, after = next(befores, None), next(afters, None)


class _Counted:
    """Passes records on, and tells `progress` how many there were."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self._progress = progress
        self._read = 0

    def __call__(self, records: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
        for record in records:
            self._read += 1
            if self._progress is not None and self._read % _PROGRESS_RECORDS == 0:
                self._progress(self._read)
            yield record


def _groups(hash_list: HashList, algorithm: Algorithm, counted: _Counted) -> Iterator[tuple[bytes, list[Entry]]]:
    @lru_cache(_ENTRIES_KEPT)
    def entry_of(row: int) -> Entry:
        entry = hash_list.entry(row)
        return entry._replace(status=entry_status(entry).value, nature=entry_nature(entry, hash_list.category_table))

    records = counted(hash_list.sections[algorithm].records())
    for digest, together in groupby(records, key=itemgetter(0)):
        yield digest, [entry_of(row) for _, row in together]


def _changes(algorithm: Algorithm, digest: bytes, before: list[Entry], after: list[Entry]) -> Iterator[EntryChange]:
    """Pair old entries with new ones by list and entry id; an entry without a partner was removed or added."""
    gone = [entry for entry in before if entry not in after]
    come = [entry for entry in after if entry not in before]
    for entry in gone:
        partner = next((new for new in come if (new.list, new.entry_id) == (entry.list, entry.entry_id)), None)
        if partner is not None:
            come.remove(partner)
        yield EntryChange(algorithm, digest, entry, partner)
    yield from (EntryChange(algorithm, digest, None, entry) for entry in come)
