"""Puts rows in order and writes the body of a built list, in bounded memory."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from array import array
from collections.abc import Iterator
from itertools import accumulate, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from orbweaver.matcher_client.errors import HashListUnreadable
from orbweaver.matcher_client.lists.category_table import CategoryTable
from orbweaver.matcher_client.lists.external_sort import ExternalSort
from orbweaver.matcher_client.lists.file_format import (
    DIGEST_BYTES,
    HEADER_BYTES,
    ID_LENGTH,
    META_ROW,
    UNKNOWN,
    Label,
    prefix_bits,
)
from orbweaver.matcher_client.lists.row import Row
from orbweaver.model import Algorithm

MOST_LABELS = 65_536

# While a digest is sorted, 8 bytes after it say what belongs to it: the key of its label, or _IS_META_ROW and the
# number of a meta row.
_TAIL = struct.Struct(">Q")
_IS_META_ROW = 1 << 63
_NUMBER = struct.Struct(">I")
# Label key, size, length of the entry id; then the entry id, a byte for the digests that follow (1 << place), digests.
_RICH = struct.Struct(">QQH")
_WRITE_BYTES = 256 * 1024


class Written(NamedTuple):
    """Offsets (bytes) and counts of what was written: `entries` are distinct rows, `digests` records by algorithm."""

    index_offset: int
    file_size: int
    content_digest: bytes
    entries: int
    digests: dict[Algorithm, int]


def too_many_labels() -> HashListUnreadable:
    """Return the error for too many labels, which only a wrong column can cause."""
    return HashListUnreadable(
        f"more than {MOST_LABELS:,} different combinations of list, category, scheme and status: "
        "put what names a single entry into the entry_id column"
    )


class ListContent:
    """Collects and sorts all rows of a list; `count` is their number, equal ones counted each time.

    A single digest with nothing but a label goes directly to the sort of its algorithm. Other rows are first sorted by
    their contents. That finds equal rows, and gives each distinct row a meta row of its own, so that the rows can be
    read back from the built list. Nothing depends on the order of the input: equal content gives equal bytes.
    """

    def __init__(self, folder: Path, *, chunk_bytes: int) -> None:
        self.count = 0
        self._folder = folder
        self._keys: dict[Label, int] = {}
        self._labels: dict[int, Label] = {}
        self._rich = ExternalSort(folder, "rich", chunk_bytes=chunk_bytes)
        self._sorts: dict[Algorithm, ExternalSort] = {
            algorithm: ExternalSort(folder, algorithm, chunk_bytes=chunk_bytes, width=width + _TAIL.size)
            for algorithm, width in DIGEST_BYTES.items()
        }
        self._by_place = tuple(self._sorts.values())

    def add(self, row: Row) -> None:
        """Take one row; raises HashListUnreadable for too many labels, which only a wrong column can cause."""
        digests, label, size, entry_id, _, _ = row
        self.count += 1
        key = self._keys.get(label)
        if key is None:
            key = self._make_key(label)
        if size is None and entry_id is None and digests.count(None) == 2:
            for sort, digest in zip(self._by_place, digests, strict=True):
                if digest is not None:
                    sort.add(digest + _TAIL.pack(key))
            return
        name = (entry_id or "").encode()
        head = _RICH.pack(key, UNKNOWN if size is None else size, len(name))
        present = sum(1 << place for place, digest in enumerate(digests) if digest is not None)
        self._rich.add(b"".join((head, name, bytes((present,)), *filter(None, digests))))

    def write(self, file: BinaryIO, category_table: CategoryTable | None = None) -> Written:
        """Write everything after the header; nothing may be added afterwards. Raises OSError."""
        body = _Body(file)
        keys = sorted(self._labels)
        numbers = {key: number for number, key in enumerate(keys)}
        meta = body.position
        # Distinct rows by label number, counted here for the index.
        label_entries = [0] * len(keys)
        ids = self._write_meta(body, numbers, label_entries)
        sections: dict[Algorithm, dict[str, int]] = {}
        for algorithm, sort in self._sorts.items():
            sections[algorithm] = _write_section(body, sort, DIGEST_BYTES[algorithm], numbers, label_entries)
        entries = sum(label_entries)
        index_offset = body.position
        index = {
            "entries": entries,
            "meta": meta,
            "ids": ids,
            "labels": [self._labels[key] for key in keys],
            "label_entries": label_entries,
            "sections": sections,
        }
        if category_table is not None:
            index["category_table"] = category_table.as_json()
        body.write(json.dumps(index).encode())
        digests = {algorithm: section["count"] for algorithm, section in sections.items()}
        return Written(index_offset, body.position, body.digest.digest(), entries, digests)

    def _make_key(self, label: Label) -> int:
        # A key depends only on its label, so rows can be sorted by it before all labels are known.
        digest = hashlib.sha256(json.dumps(label).encode()).digest()
        key = int.from_bytes(digest[:8], "big") >> 1
        if len(self._labels) >= MOST_LABELS or key in self._labels:
            raise too_many_labels()
        self._keys[label] = key
        self._labels[key] = label
        return key

    def _write_meta(self, body: _Body, numbers: dict[int, int], label_entries: list[int]) -> int:
        """Write meta rows and entry ids, count distinct rows, pass the digests on; return the offset of the ids."""
        for number in range(len(numbers)):
            body.write(META_ROW.pack(number, UNKNOWN, UNKNOWN))
        rows = 0
        last = last_saying = b""
        offset = next_offset = 0
        id_file = self._folder / "ids"
        with id_file.open("wb") as ids:
            for record in self._rich.drain():
                if record == last:
                    continue
                last = record
                key, size, length = _RICH.unpack_from(record)
                label_entries[numbers[key]] += 1
                end = _RICH.size + length
                if length and record[:end] != last_saying:
                    last_saying = record[:end]
                    offset = next_offset
                    next_offset += ids.write(ID_LENGTH.pack(length) + record[_RICH.size : end])
                body.write(META_ROW.pack(numbers[key], size, offset if length else UNKNOWN))
                self._hand_on(record, end, _TAIL.pack(_IS_META_ROW | (len(numbers) + rows)))
                rows += 1
        start = body.position
        with id_file.open("rb") as ids:
            while block := ids.read(_WRITE_BYTES):
                body.write(block)
        id_file.unlink()
        return start

    def _hand_on(self, record: bytes, position: int, tail: bytes) -> None:
        present = record[position]
        position += 1
        for place, (sort, width) in enumerate(zip(self._by_place, DIGEST_BYTES.values(), strict=True)):
            if present >> place & 1:
                sort.add(record[position : position + width] + tail)
                position += width


class _Body:
    """Writes everything after the header, and hashes it meanwhile; positions are offsets in the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._file.write(bytes(HEADER_BYTES))
        self.position = HEADER_BYTES
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.position += len(data)


def _write_section(
    body: _Body, sort: ExternalSort, width: int, numbers: dict[int, int], label_entries: list[int]
) -> dict[str, int]:
    """Write one algorithm's records and fan-out, count its lone digests; return its part of the index."""
    # The sort's count includes duplicates, so there may be too many buckets; then neighbours are joined.
    bits = prefix_bits(sort.count)
    buckets = array("I", bytes(4 << bits))
    records = body.position
    count = _write_records(body, sort.drain(), width, numbers, label_entries, buckets, 32 - bits)
    final_bits = prefix_bits(count)
    fan_out = body.position
    offsets = islice(accumulate(buckets, initial=0), 0, None, 1 << (bits - final_bits))
    while block := array("I", islice(offsets, _WRITE_BYTES // 4)):
        if sys.byteorder == "big":
            block.byteswap()
        body.write(block.tobytes())
    return {"count": count, "bits": final_bits, "records": records, "fan_out": fan_out}


def _write_records(
    body: _Body,
    ordered: Iterator[bytes],
    width: int,
    numbers: dict[int, int],
    label_entries: list[int],
    buckets: array[int],
    shift: int,
) -> int:
    """Write distinct records and count them in `buckets`, lone digests in `label_entries`; return how many."""
    tails = {_TAIL.pack(key): (number, _NUMBER.pack(number)) for key, number in numbers.items()}
    count = 0
    last = last_written = b""
    pending = bytearray()
    for record in ordered:
        if record == last:
            continue
        last = record
        tail = record[width:]
        if tail[0] & 0x80:
            written = record[:width] + tail[4:]
        else:
            number, packed = tails[tail]
            written = record[:width] + packed
            label_entries[number] += 1
        if written == last_written:
            continue
        last_written = written
        count += 1
        buckets[int.from_bytes(record[:4], "big") >> shift] += 1
        pending += written
        if len(pending) >= _WRITE_BYTES:
            body.write(bytes(pending))
            pending.clear()
    body.write(bytes(pending))
    return count
