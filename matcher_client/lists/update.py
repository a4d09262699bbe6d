"""Chooses the state of an entry that counts when a list has several; reads the entries of a built list back."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from orbweaver.matcher_client.lists.external_sort import ExternalSort
from orbweaver.matcher_client.lists.file_format import DIGEST_BYTES, UNKNOWN, Entry, HashList, Label
from orbweaver.matcher_client.lists.row import Row, lone_digest
from orbweaver.matcher_client.lists.write import MOST_LABELS, too_many_labels
from orbweaver.model import EntryStatus

_KEY_BYTES = 16
# Newest first: whether it is of the built list, the time from its change to the latest time, whether it has digests.
_STATE = struct.Struct(">BQ?")
_STATE_END = _KEY_BYTES + _STATE.size
_LAST_MOMENT = 2**63
# Label, size, the digests that follow (1 << place); then the digests, then the entry id.
_CONTENT = struct.Struct(">IQB")
_WIDTHS = tuple(DIGEST_BYTES.values())
_PLACED = struct.Struct(">IB")


@dataclass
class UpdateTally:
    """Counts what an update did, in entries: `given_again` were there before, changed or not.

    `withdrawn` were there, and the new input withdraws them; `unknown_deletions` are deletions of entries that were not
    there. `superseded` counts rows that a newer state of their entry replaced. `lists` are the names of the lists in
    the built one before, `new_lists` the names that only the input has.
    """

    added: int = 0
    given_again: int = 0
    withdrawn: int = 0
    unknown_deletions: int = 0
    superseded: int = 0
    lists: list[str] = field(default_factory=list)
    new_lists: list[str] = field(default_factory=list)


class EntryStates:
    """All states of the entries of a list; for each entry the newest counts.

    An entry is known by its list and id; without an id, by its list and digests. A row of new input is newer than a row
    of the built list; after that, the later `changed_at` is newer. All rows of the newest state stay, because an entry
    can have several. A deletion keeps the newest state before it, as withdrawn: so a deleted entry differs from one
    that never was there.
    """

    def __init__(self, folder: Path, *, chunk_bytes: int) -> None:
        self.tally = UpdateTally()
        self._sort = ExternalSort(folder, "states", chunk_bytes=chunk_bytes)
        self._numbers: dict[Label, int] = {}
        # The names of the lists that the input and the built list have.
        self._list_names: tuple[set[str], set[str]] = (set(), set())

    def add(self, row: Row, *, is_built: bool = False) -> None:
        """Take one row, of new input or of the built list; raises HashListUnreadable, OSError."""
        number = self._numbers.setdefault(row.label, len(self._numbers))
        if number > MOST_LABELS:
            raise too_many_labels()
        self._list_names[is_built].add(row.label.list or "")
        present = sum(1 << place for place, digest in enumerate(row.digests) if digest is not None)
        digests = b"".join(digest for digest in row.digests if digest is not None)
        entry_id = (row.entry_id or "").encode()
        list_name = (row.label.list or "").encode()
        key = b"\0".join((list_name, b"id", entry_id) if entry_id else (list_name, bytes((present,)), digests))
        self._sort.add(
            b"".join(
                (
                    hashlib.blake2b(key, digest_size=_KEY_BYTES).digest(),
                    _STATE.pack(is_built, _LAST_MOMENT - (row.changed_at or 0), not row.is_deletion),
                    _CONTENT.pack(number, UNKNOWN if row.size is None else row.size, present),
                    digests,
                    entry_id,
                )
            )
        )

    def drain(self) -> Iterator[Row]:
        """Yield the rows that count, each once or more; nothing may be added afterwards."""
        labels = list(self._numbers)
        given, built = self._list_names
        self.tally.lists, self.tally.new_lists = sorted(built), sorted(given - built)
        for _, records in groupby(self._sort.drain(), key=lambda record: record[:_KEY_BYTES]):
            yield from self._choose(records, labels)

    def _choose(self, records: Iterator[bytes], labels: list[Label]) -> Iterator[Row]:
        tally = self.tally
        is_deleted = is_withdrawn = is_listed = was_built = is_given = False
        newest: bytes | None = None
        for record in records:
            state = record[_KEY_BYTES : _STATE_END - 1]
            if state[0]:
                was_built = True
            else:
                is_given = True
            if not record[_STATE_END - 1]:
                if newest is None:
                    is_deleted = True
                continue
            if newest is not None and state != newest:
                tally.superseded += 1
                continue
            newest = state
            row = _unpack(record, labels)
            if is_deleted:
                row = row._replace(label=row.label._replace(status=EntryStatus.WITHDRAWN.value))
            is_gone = row.label.status == EntryStatus.WITHDRAWN
            is_withdrawn |= is_given and is_gone
            is_listed |= is_given and not is_gone
            yield row
        tally.added += is_listed and not was_built
        tally.given_again += is_given and was_built
        tally.withdrawn += is_withdrawn and was_built
        tally.unknown_deletions += not was_built and not is_listed


def _unpack(record: bytes, labels: list[Label]) -> Row:
    number, size, present = _CONTENT.unpack_from(record, _STATE_END)
    position = _STATE_END + _CONTENT.size
    digests: list[bytes | None] = [None, None, None]
    for place, width in enumerate(_WIDTHS):
        if present >> place & 1:
            digests[place] = record[position : position + width]
            position += width
    sha256, sha1, md5 = digests
    return Row(
        (sha256, sha1, md5), labels[number], None if size == UNKNOWN else size, record[position:].decode() or None
    )


def read_back(hash_list: HashList, folder: Path, *, chunk_bytes: int) -> Iterator[Row]:
    """Yield the rows from which a list was built, each once, in bounded memory; raises OSError."""
    placed = ExternalSort(folder, "placed", chunk_bytes=chunk_bytes)
    labels = [label for label, _ in hash_list.label_counts()]
    for place, section in enumerate(hash_list.sections.values()):
        for digest, number in section.records():
            if number < len(labels):  # the meta rows of labels come first; digests without anything else share them
                yield Row(lone_digest(place, digest), labels[number])
            else:
                placed.add(_PLACED.pack(number, place) + digest)
    for head, records in groupby(placed.drain(), key=lambda record: record[:4]):
        entry = hash_list.entry(int.from_bytes(head, "big"))
        digests: list[bytes | None] = [None, None, None]
        for record in records:
            digests[record[4]] = record[_PLACED.size :]
        sha256, sha1, md5 = digests
        yield Row((sha256, sha1, md5), _label_of(entry), entry.size, entry.entry_id)


def _label_of(entry: Entry) -> Label:
    return Label(entry.list, entry.category, entry.scheme, entry.status, entry.nature)
